"""Why a request is where a plan has it: to the coordinator in full, to a start-up about its own alone."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation import explaining
from app.allocation.engine import EngineFailed
from app.allocation.statements import asked
from tests.app.allocation.conftest import Contest, Headers, Rounds, contest, planned_by_greed
from tests.support.world import World

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the engine the time to prove what it says, on a machine that has other things to do."""
    monkeypatch.setattr(explaining, "EXPLAIN_SECONDS", 30.0)


def path_of(run: Any, made: Contest, name: str) -> str:
    return f"/v1/runs/{run['id']}/explanations/{made.requests[name].id}"


async def told(client: httpx.AsyncClient, path: str, headers: Headers) -> Any:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def statement(found: Any, code: str) -> Any:
    return next(one for one in found["statements"] if one["code"] == code)


async def test_the_coordinator_reads_what_a_place_would_cost_and_whom(
    client: httpx.AsyncClient, world: World, rounds: Rounds, owner: AsyncEngine, worker: asyncio.Event
) -> None:
    """`first` (weight 3) needs 60 of the 90 days: beside it neither `second` nor `third` (4 each) has room."""
    made = await contest(world)
    _, run = await rounds.solved()
    found = await rounds.get(path_of(run, made, "first"))
    assert found["statements"][0]["code"] == "unplaced"
    cost = statement(found, "would_cost")
    others = {made.name_of(one["who"]["id"]) for one in cost["data"]["changes"] if one["fate"] == "unplaced"}
    assert others == {"second", "third"}
    assert cost["data"]["proven"] is True
    for language in ("en", "fr"):
        assert "X-" in cost["text"][language]
        assert "startup" in cost["text"][language]
        assert str(made.requests["second"].id) not in cost["text"][language]
    assert found["names"][str(made.requests["first"].id)].startswith("X-")
    assert any(name.startswith("Site") for name in found["names"].values())

    placed = await rounds.get(path_of(run, made, "second"))
    assert {one["code"] for one in placed["statements"]} == {"placed", "best_place"}
    async with owner.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM run_explanations")) == 2


async def test_a_startup_reads_its_own_and_learns_nothing_of_the_others(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    made = await contest(world)
    round_id, run = await planned_by_greed(rounds, world)
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    own = await told(client, f"/v1/rounds/{round_id}", made.headers["first"])
    address = own["entries"][0]["outcome"]["run_id"]
    found = await told(client, path_of({"id": address}, made, "first"), made.headers["first"])
    assert address == run["id"]
    whole = json.dumps(found)
    for name in ("second", "third"):
        request = made.requests[name]
        for secret in (request.id, request.organisation_id, request.product_id):
            assert str(secret) not in whole
    full = await rounds.get(path_of(run, made, "first"))
    hidden = [name for one, name in full["names"].items() if "(" in name and one != str(made.requests["first"].id)]
    assert len(hidden) == 2
    for part in {part for name in hidden for part in name.removesuffix(")").split(" (")}:
        assert f'{part}"' not in whole
        assert f"{part} " not in whole
    cost = statement(found, "would_cost")
    known = [(one["who"].get("id"), one["who"].get("party"), one["who"]["weight"]) for one in cost["data"]["changes"]]
    assert known == [(None, None, item["weight"]) for item in run["placed"]]
    assert "other requests" in cost["text"]["en"]
    assert "X-" in found["names"][str(made.requests["first"].id)]


async def test_anothers_explanation_is_not_found(client: httpx.AsyncClient, world: World, rounds: Rounds) -> None:
    made = await contest(world)
    _, run = await planned_by_greed(rounds, world)
    _, cdmo = await world.cdmo()
    strangers = (made.headers["second"], cdmo, await world.authority())
    for headers in strangers:
        answer = await client.get(path_of(run, made, "first"), headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    elsewhere = await world.request(await world.product((await world.startup())[0]))
    await rounds.get(f"/v1/runs/{run['id']}/explanations/{elsewhere.id}", expect=404)
    await rounds.get(f"/v1/runs/{elsewhere.id}/explanations/{made.requests['first'].id}", expect=404)


async def test_a_run_without_a_plan_explains_nothing(client: httpx.AsyncClient, world: World, rounds: Rounds) -> None:
    made = await contest(world)
    run = {"id": await rounds.solve(await rounds.closed())}
    refused = await rounds.get(path_of(run, made, "first"), expect=409)
    assert refused["type"] == "urn:creneau:problem:without-plan"
    assert (await client.get(path_of(run, made, "first"), headers=made.headers["first"])).status_code == 404


async def test_who_has_no_option_reads_why_and_what_would_give_one(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    """The package of a free line costs a million euros; the request has half of it to spend."""
    cdmo, _ = await world.cdmo()
    await world.slot(await world.unit(cdmo), 0, 90, reserve="startup")
    startup, headers = await world.startup()
    request = await world.request(await world.product(startup), budget_cents=50_000_000)
    _, run = await planned_by_greed(rounds, world)
    found = await told(client, f"/v1/runs/{run['id']}/explanations/{request.id}", headers)
    codes = [one["code"] for one in found["statements"]]
    assert codes[:2] == ["unplaced", "no_option"]
    reason = statement(found, "reason")
    assert reason["data"]["refusal"]["code"] == "over_budget"
    assert "1,000,000.00 EUR" in reason["text"]["en"]
    assert "1 000 000,00 EUR" in reason["text"]["fr"]
    nearest = statement(found, "nearest")
    assert (nearest["data"]["nearest"]["kind"], nearest["data"]["nearest"]["amount"]) == ("money", 50_000_000)
    assert "500,000 EUR" in nearest["text"]["en"]


async def test_who_asks_for_what_nobody_makes_reads_so(world: World, rounds: Rounds) -> None:
    await contest(world)
    startup, _ = await world.startup()
    request = await world.request(await world.product(startup, modality="viral_vector_aav"))
    _, run = await planned_by_greed(rounds, world)
    reason = statement(await rounds.get(f"/v1/runs/{run['id']}/explanations/{request.id}"), "reason")
    assert reason["data"]["refusal"]["code"] == "modality"
    assert reason["text"]["en"] == "No slot of this round is on a line that makes this modality."
    assert reason["text"]["fr"].startswith("Aucun créneau")


async def test_it_is_asked_of_the_engine_once_for_each_plan(
    world: World, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await contest(world)
    round_id, run = await planned_by_greed(rounds, world)
    first = await rounds.get(path_of(run, made, "second"))
    with monkeypatch.context() as patched:
        patched.setattr(explaining, "asked", _fails)
        assert await rounds.get(path_of(run, made, "second")) == first
    reason = {"action": "unplace", "reason_code": "data_error", "request_id": str(made.requests["second"].id)}
    await rounds.post(f"/v1/rounds/{round_id}/adjust", reason)
    changed = await rounds.get(path_of(run, made, "second"))
    assert "would_gain" in [one["code"] for one in changed["statements"]]


async def _fails(*_: Any, **__: Any) -> Any:
    raise EngineFailed("out of memory")


async def test_a_failing_engine_is_a_refusal_to_be_tried_again(
    world: World, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await contest(world)
    _, run = await planned_by_greed(rounds, world)
    with monkeypatch.context() as patched:
        patched.setattr(explaining, "asked", _fails)
        refused = await rounds.get(path_of(run, made, "first"), expect=503)
    assert refused["type"] == "urn:creneau:problem:statement-failed"
    assert (await rounds.get(path_of(run, made, "first")))["statements"]


async def test_no_transaction_is_open_while_the_engine_is_asked(
    world: World, rounds: Rounds, superuser: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await contest(world)
    _, run = await planned_by_greed(rounds, world)
    idle = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'")
    seen: list[int] = []

    async def looks_first(*given: Any, **options: Any) -> Any:
        async with superuser.connect() as connection:
            seen.append(int(await connection.scalar(idle) or 0))
        return await asked(*given, **options)

    monkeypatch.setattr(explaining, "asked", looks_first)
    await rounds.get(path_of(run, made, "first"))
    assert seen == [0]
