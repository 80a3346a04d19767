"""A declaration is checked field by field, and only the coordinator makes one."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.crisis.conftest import Crises, countermeasure, declaration, iso, power
from tests.support.world import World

pytestmark = pytest.mark.database

UNKNOWN = "00000000-0000-7000-8000-000000000000"


async def test_a_declaration_reads_back_as_it_was_made(crises: Crises) -> None:
    made = await crises.post("", declaration(), expect=201)
    assert made == await crises.get(f"/{made['id']}", by=crises.authority)
    assert (made["status"], made["mode"], made["as_of_on"]) == ("declared", "real", iso(0))
    assert (made["start"], made["end"]) == (iso(0), iso(300))
    assert made["rules"]["version"] == "crisis/1"
    assert made["rules"]["frozen_days"] == 14
    assert made["powers"][0]["kind"] == "requisition_or_order"
    assert made["powers"][0]["end"] == iso(400)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"title": "x" * 10_000}, "/title"),
        ({"mode": "rehearsal"}, "/mode"),
        ({"end": iso(401)}, "/end"),
        ({"start": iso(-11)}, "/start"),
        ({"as_of": iso(300)}, "/as_of_on"),
        ({"as_of": "2020-01-01"}, "/as_of_on"),
        ({"powers": []}, "/powers"),
        ({"powers": [power("exercise")]}, "/powers/0/kind"),
        ({"powers": [power(), power()]}, "/powers/1/act_reference"),
        ({"targets": []}, "/targets"),
        ({"targets": [{"by": iso(0), "quantity": 5}]}, "/targets/0/by"),
        ({"targets": [{"by": iso(60), "quantity": 0}]}, "/targets/0/quantity"),
        ({"targets": [{"by": iso(60), "quantity": 5}, {"by": iso(90), "quantity": 4}]}, "/targets/1/quantity"),
        ({"targets": [{"by": iso(60), "quantity": 5}, {"by": iso(60), "quantity": 5}]}, "/targets/1/by"),
        ({"countermeasure": countermeasure(modality="moon_dust")}, "/countermeasure/modality"),
        ({"countermeasure": countermeasure(gmp_phase="phase_9")}, "/countermeasure/gmp_phase"),
        ({"countermeasure": countermeasure(doses_per_batch={"low": 1, "expected": 1, "high": 1})}, "/countermeasure"),
        (
            {"countermeasure": countermeasure(doses_per_litre={"low": 9, "expected": 1, "high": 1})},
            "/countermeasure/doses_per_litre",
        ),
        (
            {"countermeasure": countermeasure(prequalified_site_ids=[UNKNOWN])},
            "/countermeasure/prequalified_site_ids/0",
        ),
        ({"scope": {"modalities": ["moon_dust"]}}, "/scope/modalities/0"),
        ({"scope": {"site_ids": [UNKNOWN]}}, "/scope/site_ids/0"),
        ({"rules": {"frozen_days": -1}}, "/rules/frozen_days"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_each_fault_names_its_field(crises: Crises, given: dict[str, Any], pointer: str) -> None:
    answer = await crises.post("", {k: v for k, v in declaration(**given).items() if k != _twin(given)}, expect=422)
    assert pointer in {fault["pointer"] for fault in answer["errors"]}, answer
    assert (await crises.get(""))["items"] == []


def _twin(given: dict[str, Any]) -> str | None:
    return "as_of_on" if "as_of" in given else None


async def test_end_before_start_is_refused(crises: Crises) -> None:
    answer = await crises.post("", declaration(start=iso(10), end=iso(10)), expect=422)
    assert "after start" in str(answer["errors"])


async def test_only_the_coordinator_declares(crises: Crises, world: World) -> None:
    _, startup = await world.startup()
    _, cdmo = await world.cdmo()
    for headers in (startup, cdmo, crises.authority):
        await crises.post("", declaration(), by=headers, expect=403)


async def test_what_is_declared_can_be_changed_and_is_checked_whole(crises: Crises) -> None:
    crisis_id = await crises.declared()
    changed = await _patch(crises, crisis_id, {"title": "Renamed", "powers": [power("voluntary")]}, expect=200)
    assert (changed["title"], [one["kind"] for one in changed["powers"]]) == ("Renamed", ["voluntary"])
    assert changed["targets"] == [{"by": iso(86), "quantity": 60_000}]
    refused = await _patch(crises, crisis_id, {"end": iso(401)}, expect=422)
    assert refused["errors"][0]["pointer"] == "/end"
    assert (await crises.get(f"/{crisis_id}"))["end"] == iso(300)


async def test_a_real_crisis_is_not_moved_into_the_past_but_a_day_that_has_passed_stays(
    crises: Crises, owner: AsyncEngine
) -> None:
    crisis_id = await crises.declared()
    refused = await _patch(crises, crisis_id, {"as_of": "2020-01-01"}, expect=422)
    assert [one["pointer"] for one in refused["errors"]] == ["/as_of_on"]
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crises SET as_of_on = '2020-01-01'")
    await _patch(crises, crisis_id, {"title": "Renamed"}, expect=200)
    await crises.declared(mode="drill", powers=[power("exercise")], as_of_on="2020-01-01")


async def test_every_power_that_is_withdrawn_stays_in_the_trail(crises: Crises, world: World) -> None:
    crisis_id = await crises.declared()
    before = (await crises.get(f"/{crisis_id}"))["powers"]
    await _patch(crises, crisis_id, {"powers": [power("voluntary")]}, expect=200)
    answer = await crises.client.get("/v1/audit?object_type=crisis_powers", headers=crises.coordinator)
    told = answer.json()["items"]
    assert [one["action"].partition(".")[2] for one in told] == ["declared"] * len(before) + ["withdrawn"] * len(
        before
    ) + ["declared"]
    gone = [one["before"]["act_reference"] for one in told if one["action"] == "crisis_power.withdrawn"]
    assert gone == [one["act_reference"] for one in before]
    assert all(one["after"] is None for one in told if one["action"] == "crisis_power.withdrawn")


async def _patch(crises: Crises, crisis_id: str, body: dict[str, Any], *, expect: int) -> Any:
    answer: httpx.Response = await crises.client.patch(f"/v1/crises/{crisis_id}", json=body, headers=crises.coordinator)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def test_nobody_else_learns_of_it(crises: Crises, world: World) -> None:
    crisis_id = await crises.declared()
    _, startup = await world.startup()
    _, cdmo = await world.cdmo()
    for headers in (startup, cdmo):
        assert (await crises.get("", by=headers))["items"] == []
        for path in ("", "/plans", "/orders", "/displacements"):
            await crises.get(f"/{crisis_id}{path}", by=headers, expect=404)
