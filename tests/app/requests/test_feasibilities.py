"""A CDMO sees of a request what was disclosed to it and nothing else, and its word decides where rounds place it."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from app.catalogue.models import LineModality, Unit
from app.core.database import transaction
from app.identity.models import Organisation
from app.requests.models import Feasibility, Request
from tests.support.world import World, day


class Asked:
    """A start-up's request, a CDMO's reviewed line with a slot, and the keys of both."""

    request: Request
    unit: Unit
    startup: Any
    cdmo: Any
    owner: Organisation
    organisation: Organisation

    @property
    def question(self) -> dict[str, Any]:
        """A question with consent."""
        return {
            "request_id": str(self.request.id),
            "line_id": str(self.unit.line_id),
            "disclosed_summary": "CHO antibody, 2 g/L",
            "nda_reference": "NDA-7",
            "consent": True,
        }


@pytest.fixture
async def asked(world: World) -> Asked:
    made = Asked()
    made.owner, made.startup = await world.startup()
    made.organisation, made.cdmo = await world.cdmo()
    made.unit = await world.unit(made.organisation)
    await world.slot(made.unit)
    made.request = await world.request(await world.product(made.owner, code_name="SECRET-9"))
    async with transaction(world.sessions) as session:
        await session.execute(update(LineModality).values(is_standard=False))
    return made


async def test_the_cdmo_sees_what_was_disclosed_and_nothing_else(
    client: httpx.AsyncClient, world: World, asked: Asked
) -> None:
    made = await client.post("/v1/feasibilities", json=asked.question, headers=asked.startup)
    assert made.status_code == 201, made.text
    seen = (await client.get(f"/v1/feasibilities/{made.json()['id']}", headers=asked.cdmo)).json()
    assert seen == made.json()
    assert seen["disclosed_summary"] == "CHO antibody, 2 g/L"
    assert "SECRET-9" not in str(seen)
    assert not {"product_id", "organisation_id", "budget_cents"} & seen.keys()
    assert (await client.get(f"/v1/requests/{asked.request.id}", headers=asked.cdmo)).status_code == 404
    for outsider in ((await world.cdmo())[1], (await world.startup())[1]):
        assert (await client.get(f"/v1/feasibilities/{seen['id']}", headers=outsider)).status_code == 404
        assert (await client.get("/v1/feasibilities", headers=outsider)).json()["items"] == []
    for insider in (asked.startup, asked.cdmo, await world.coordinator()):
        listed = (await client.get("/v1/feasibilities?status=asked", headers=insider)).json()["items"]
        assert [item["id"] for item in listed] == [seen["id"]]


async def test_nothing_is_disclosed_without_consent(client: httpx.AsyncClient, asked: Asked) -> None:
    without = {name: value for name, value in asked.question.items() if name != "consent"}
    for body in (without, asked.question | {"consent": False}):
        refused = await client.post("/v1/feasibilities", json=body, headers=asked.startup)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/consent")
    assert (await client.get("/v1/feasibilities", headers=asked.cdmo)).json()["items"] == []


async def test_the_answer_opens_the_line_to_rounds(client: httpx.AsyncClient, asked: Asked) -> None:
    matches = f"/v1/requests/{asked.request.id}/matches?purpose=round"
    before = (await client.get(matches, headers=asked.startup)).json()
    assert before["options"] == []
    assert [reason["code"] for reason in before["reasons"][0]["reasons"]] == ["feasibility_missing"]
    made = (await client.post("/v1/feasibilities", json=asked.question, headers=asked.startup)).json()
    url = f"/v1/feasibilities/{made['id']}/answer"
    answered = await client.post(url, json={"status": "feasible"}, headers=asked.cdmo)
    assert answered.json()["status"] == "feasible"
    assert answered.json()["answered_at"] is not None
    assert len((await client.get(matches, headers=asked.startup)).json()["options"]) == 1
    refusal = {"status": "not_feasible", "reason_code": "scale"}
    await client.post(url, json=refusal, headers=asked.cdmo)
    refused = (await client.get(matches, headers=asked.startup)).json()
    (reason,) = refused["reasons"][0]["reasons"]
    assert (reason["code"], reason["offered"]) == ("not_feasible", "scale")


async def test_an_answer_says_what_it_must(client: httpx.AsyncClient, world: World, asked: Asked) -> None:
    made = (await client.post("/v1/feasibilities", json=asked.question, headers=asked.startup)).json()
    url = f"/v1/feasibilities/{made['id']}/answer"
    for body, pointer in (
        ({"status": "asked"}, "/status"),
        ({"status": "feasible_if"}, "/condition"),
        ({"status": "feasible_if", "condition": " "}, "/condition"),
        ({"status": "feasible", "condition": ""}, "/condition"),
        ({"status": "feasible", "condition": "below 5 g/L"}, "/condition"),
        ({"status": "not_feasible"}, "/reason_code"),
        ({"status": "feasible", "reason_code": "scale"}, "/reason_code"),
        ({"status": "asked"}, "/status"),
        ({"status": "feasible", "valid_until_on": "2020-01-01"}, "/valid_until_on"),
    ):
        refused = await client.post(url, json=body, headers=asked.cdmo)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), body
    _, rival = await world.cdmo()
    assert (await client.post(url, json={"status": "feasible"}, headers=rival)).status_code == 404
    assert (await client.post(url, json={"status": "feasible"}, headers=asked.startup)).status_code == 403


async def test_a_line_is_asked_once_until_its_answer_ends(
    client: httpx.AsyncClient, world: World, asked: Asked
) -> None:
    made = (await client.post("/v1/feasibilities", json=asked.question, headers=asked.startup)).json()
    again = await client.post("/v1/feasibilities", json=asked.question, headers=asked.startup)
    assert (again.status_code, again.json()["feasibility_id"]) == (409, made["id"])
    answer = {"status": "feasible_if", "condition": "below 5 g/L", "valid_until_on": day(0).isoformat()}
    await client.post(f"/v1/feasibilities/{made['id']}/answer", json=answer, headers=asked.cdmo)
    assert (await client.post("/v1/feasibilities", json=asked.question, headers=asked.startup)).status_code == 409
    async with transaction(world.sessions) as session:
        await session.execute(update(Feasibility).values(valid_until_on=day(-9999)))
    anew = await client.post(
        "/v1/feasibilities", json=asked.question | {"disclosed_summary": "more"}, headers=asked.startup
    )
    assert anew.status_code == 201
    assert (anew.json()["id"], anew.json()["status"], anew.json()["condition"]) == (made["id"], "asked", None)


async def test_of_many_who_ask_at_once_one_asks(client: httpx.AsyncClient, asked: Asked) -> None:
    asking = [client.post("/v1/feasibilities", json=asked.question, headers=asked.startup) for _ in range(6)]
    statuses = sorted([answer.status_code for answer in await asyncio.gather(*asking)])
    assert statuses == [201, 409, 409, 409, 409, 409]


async def test_what_was_disclosed_is_settled(client: httpx.AsyncClient, asked: Asked) -> None:
    await client.post("/v1/feasibilities", json=asked.question, headers=asked.startup)
    url = f"/v1/requests/{asked.request.id}"
    refused = await client.patch(url, json={"gmp_phase": "phase_2"}, headers=asked.startup)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/gmp_phase")


async def test_a_question_to_no_line_or_a_closed_one(client: httpx.AsyncClient, world: World, asked: Asked) -> None:
    captive = await world.unit(asked.organisation, not_bookable_reason="captive")
    for line_id in (captive.line_id, asked.request.id):
        body = asked.question | {"line_id": str(line_id)}
        refused = await client.post("/v1/feasibilities", json=body, headers=asked.startup)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/line_id")
    stranger = (await world.startup())[1]
    assert (await client.post("/v1/feasibilities", json=asked.question, headers=stranger)).status_code == 404
