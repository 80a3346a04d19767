"""A round for real: opened, closed, solved by a worker, reviewed, published, answered."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.allocation.conftest import Contest, Rounds, contest, planned_by_greed, solved_by_greed
from tests.support.world import World, day

pytestmark = pytest.mark.database


async def scalar(owner: AsyncEngine, query: str, **parameters: Any) -> Any:
    async with owner.connect() as connection:
        return await connection.scalar(text(query), parameters)


async def offers_of(client: httpx.AsyncClient, made: Contest, name: str) -> list[Any]:
    answer = await client.get("/v1/offers", headers=made.headers[name])
    assert answer.status_code == 200
    return list(answer.json()["items"])


async def answered(client: httpx.AsyncClient, made: Contest, name: str, verb: str) -> Any:
    [offer] = await offers_of(client, made, name)
    answer = await client.post(f"/v1/offers/{offer['id']}/{verb}", headers=made.headers[name])
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_round_from_draft_to_settled(
    client: httpx.AsyncClient, world: World, rounds: Rounds, owner: AsyncEngine, worker: None
) -> None:
    made = await contest(world)
    round_id, run = await rounds.solved()
    assert (run["state"], run["status"]) == ("succeeded", "optimal")
    assert {made.name_of(item["request_id"]) for item in run["placed"]} == {"second", "third"}
    [outranked] = run["unplaced"]
    assert made.name_of(outranked["request_id"]) == "first"
    assert outranked["reasons"] == [{"code": "outranked"}]
    assert run["comparison"]["plan"]["weight_served"] > run["comparison"]["fcfs"]["weight_served"]
    parties = next(level for level in run["levels"] if level["objective"] == "parties")
    assert [parties[name] for name in ("value", "fcfs", "greedy", "trivial_bound", "gap")] == [2, 1, 2, 3, 0]
    assert run["placed"][0]["site"].startswith("Site")

    published = await rounds.post(f"/v1/rounds/{round_id}/publish")
    assert (published["offers"], published["waitlisted"], published["unmet"]) == (2, 1, 0)
    assert published["round"]["status"] == "published"
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
    assert await scalar(owner, "SELECT count(*) FROM bookings WHERE status = 'held' AND source = 'round'") == 2

    accepted = await answered(client, made, "second", "accept")
    assert (accepted["status"], accepted["booking_status"]) == ("accepted", "confirmed")
    declined = await answered(client, made, "third", "decline")
    assert (declined["status"], declined["booking_status"]) == ("declined", "released")
    assert await offers_of(client, made, "first") == []

    detail = await rounds.get(f"/v1/rounds/{round_id}")
    assert detail["status"] == "settled"
    states = {
        name: await scalar(owner, "SELECT status FROM requests WHERE id = :id", id=request.id)
        for name, request in made.requests.items()
    }
    assert states == {"first": "waitlisted", "second": "booked", "third": "unmet"}
    acts = {"round.settled", "offer.accepted", "offer.declined", "run.succeeded", "round.published", "slot.thawed"}
    recorded = await scalar(owner, "SELECT array_agg(DISTINCT action) FROM audit_records")
    assert acts <= set(recorded)


async def test_a_startup_sees_its_own_part_of_a_round_and_nothing_of_the_run(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    made = await contest(world)
    draft = await rounds.draft(name="Not yet")
    round_id, run = await planned_by_greed(rounds, world)
    own = (await client.get(f"/v1/rounds/{round_id}", headers=made.headers["first"])).json()
    assert [entry["request_id"] for entry in own["entries"]] == [str(made.requests["first"].id)]
    assert own["entries"][0]["points"] == sum(step["points"] for step in own["entries"][0]["derivation"]["steps"])
    assert own["runs"] == []
    for path in (f"/v1/runs/{run['id']}", f"/v1/rounds/{draft}"):
        assert (await client.get(path, headers=made.headers["first"])).status_code == 404
    listed = (await client.get("/v1/rounds", headers=made.headers["first"])).json()
    assert [item["id"] for item in listed["items"]] == [round_id]
    answer = await client.post(f"/v1/rounds/{round_id}/publish", headers=made.headers["first"])
    assert answer.status_code == 403


async def test_a_publication_carries_the_tag_of_the_round(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    await contest(world)
    round_id, _ = await planned_by_greed(rounds, world)
    published = await client.post(f"/v1/rounds/{round_id}/publish", headers=rounds.headers)
    assert published.headers["etag"] == f'"{published.json()["round"]["version"]}"'
    read = await client.get(f"/v1/rounds/{round_id}", headers=rounds.headers)
    assert published.headers["etag"] == read.headers["etag"]


async def test_anothers_offer_is_not_found(client: httpx.AsyncClient, world: World, rounds: Rounds) -> None:
    made = await contest(world)
    round_id, _ = await planned_by_greed(rounds, world)
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    [offer] = await offers_of(client, made, "second")
    answer = await client.post(f"/v1/offers/{offer['id']}/accept", headers=made.headers["third"])
    assert answer.status_code == 404


async def test_a_changed_calendar_is_refused_and_nothing_changes(
    world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    await contest(world)
    round_id, run = await planned_by_greed(rounds, world)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE slots SET price_cents = 5"))
    refused = await rounds.post(f"/v1/rounds/{round_id}/publish", expect=409)
    assert refused["type"] == "urn:creneau:problem:calendar-changed"
    assert "solve again" in refused["detail"]
    assert len(refused["unit_ids"]) == 1
    assert await scalar(owner, "SELECT count(*) FROM offers") == 0
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "solved"
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 1

    again = await solved_by_greed(rounds, world, round_id)
    assert again["state"] == "succeeded"
    await rounds.post(f"/v1/rounds/{round_id}/publish", {"run_id": run["id"]}, expect=409)
    await rounds.post(f"/v1/rounds/{round_id}/publish", {"run_id": again["id"]})
    second = await rounds.post(f"/v1/rounds/{round_id}/publish", expect=409)
    assert second["type"] == "urn:creneau:problem:already-published"


async def test_a_line_that_is_no_longer_standard_stops_the_publication(
    world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    """Terms of a line are no part of its calendar's version: matching is asked again."""
    await contest(world)
    round_id, _ = await planned_by_greed(rounds, world)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE line_modalities SET is_standard = false"))
    refused = await rounds.post(f"/v1/rounds/{round_id}/publish", expect=409)
    assert refused["type"] == "urn:creneau:problem:calendar-changed"
    assert await scalar(owner, "SELECT count(*) FROM bookings") == 0


async def test_a_request_nobody_can_serve_is_unmet_with_its_reason(world: World, rounds: Rounds) -> None:
    await contest(world)
    startup, _ = await world.startup()
    product = await world.product(startup, modality="viral_vector_aav")
    request = await world.request(product)
    round_id, run = await planned_by_greed(rounds, world)
    unserved = next(item for item in run["unplaced"] if item["request_id"] == str(request.id))
    assert unserved["options"] == 0
    assert unserved["reasons"] == [{"code": "modality"}]
    published = await rounds.post(f"/v1/rounds/{round_id}/publish")
    assert published["unmet"] == 1


async def test_a_line_that_reviews_gets_nothing_without_its_cdmos_answer(
    world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    await contest(world)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE line_modalities SET is_standard = false"))
    _, run = await planned_by_greed(rounds, world)
    assert run["placed"] == []
    assert {reason["code"] for item in run["unplaced"] for reason in item["reasons"]} == {"feasibility_missing"}


async def test_a_withdrawn_request_gets_no_offer(client: httpx.AsyncClient, world: World, rounds: Rounds) -> None:
    made = await contest(world)
    round_id, _ = await planned_by_greed(rounds, world)
    withdrawn = made.requests["second"].id
    answer = await client.post(f"/v1/requests/{withdrawn}/withdraw", headers=made.headers["second"])
    assert answer.status_code == 200, answer.text
    published = await rounds.post(f"/v1/rounds/{round_id}/publish")
    assert (published["offers"], published["left_out"]) == (1, 1)


async def test_a_round_is_solved_by_one_run_at_a_time_and_its_cancellation_cancels_it(
    world: World, rounds: Rounds
) -> None:
    await contest(world)
    round_id = await rounds.closed()
    run_id = await rounds.solve(round_id)
    refused = await rounds.post(f"/v1/rounds/{round_id}/solve", expect=409)
    assert (refused["type"], refused["run_id"]) == ("urn:creneau:problem:run-under-way", run_id)
    await rounds.post(f"/v1/runs/{run_id}/cancel")
    assert (await rounds.get(f"/v1/runs/{run_id}"))["state"] == "cancelled"
    await rounds.post(f"/v1/runs/{run_id}/cancel", expect=409)
    second = await rounds.solve(round_id)
    await rounds.post(f"/v1/rounds/{round_id}/cancel")
    assert (await rounds.get(f"/v1/runs/{second}"))["state"] == "cancelled"


async def test_a_frozen_slot_is_not_booked_past_the_round_and_a_cancelled_round_frees_it(
    client: httpx.AsyncClient, world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    made = await contest(world)
    round_id = await rounds.closed()
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 1
    slot_id = str(await scalar(owner, "SELECT id FROM slots"))
    hold = {"slot_id": slot_id, "request_id": str(made.requests["second"].id), "start": day(0).isoformat()}
    refused = await client.post("/v1/bookings", json=hold, headers=made.headers["second"])
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:creneau:problem:slot-frozen")
    await rounds.post(f"/v1/rounds/{round_id}/cancel")
    held = await client.post("/v1/bookings", json=hold, headers=made.headers["second"])
    assert held.status_code == 201, held.text
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
    await rounds.post(f"/v1/rounds/{round_id}/solve", expect=409)


async def test_a_round_without_slots_does_not_close(rounds: Rounds, world: World, owner: AsyncEngine) -> None:
    round_id = await rounds.draft()
    await rounds.post(f"/v1/rounds/{round_id}/open")
    refused = await rounds.post(f"/v1/rounds/{round_id}/close", expect=409)
    assert refused["type"] == "urn:creneau:problem:nothing-in-scope"
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "open"


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"end": day(-1).isoformat()}, "/end"),
        ({"start": day(-40).isoformat(), "end": day(-20).isoformat()}, "/end"),
        ({"name": "x" * 10_000}, "/name"),
        ({"reserves": []}, "/reserves"),
        ({"policy": {"objectives": ["beauty"]}}, "/policy/objectives/0"),
        ({"policy": {"objectives": ["cost", "cost"]}}, "/policy/objectives"),
        ({"offer_hours": 0}, "/offer_hours"),
    ],
)
async def test_a_senseless_round_is_refused_by_field(rounds: Rounds, given: dict[str, Any], pointer: str) -> None:
    body = {"name": "R", "start": day(0).isoformat(), "end": day(9).isoformat(), "as_of_on": day(-10).isoformat()}
    refused = await rounds.post("/v1/rounds", body | given, expect=422)
    assert refused["errors"][0]["pointer"] == pointer


async def test_scope_and_policy_of_an_open_round_are_settled(client: httpx.AsyncClient, rounds: Rounds) -> None:
    round_id = await rounds.draft()
    path = f"/v1/rounds/{round_id}"
    changed = await client.patch(path, json={"modalities": ["monoclonal_antibody"]}, headers=rounds.headers)
    assert changed.json()["modalities"] == ["monoclonal_antibody"]
    await rounds.post(f"{path}/open")
    refused = await client.patch(path, json={"modalities": []}, headers=rounds.headers)
    assert refused.status_code == 409
    assert refused.json()["settled"] == ["modalities"]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"modalities": ["monoclonal_antibody", "alchemy"]}, "/modalities/1"),
        ({"regions": ["Bretagne\x00"]}, "/regions"),
        ({"closes_at": "9999-12-31T23:59:59-14:00"}, "/closes_at"),
        ({"closes_at": "0001-01-01T00:00:00+14:00"}, "/closes_at"),
        ({"end": day(0).isoformat()}, "/end"),
    ],
)
async def test_a_scope_that_cannot_be_is_refused_by_field(
    rounds: Rounds, owner: AsyncEngine, given: dict[str, Any], pointer: str
) -> None:
    body = {"name": "Round", "start": day(0).isoformat(), "end": day(365).isoformat()}
    problem = await rounds.post("/v1/rounds", body | given, expect=422)
    assert problem["errors"][0]["pointer"] == pointer
    assert await scalar(owner, "SELECT count(*) FROM rounds") == 0
