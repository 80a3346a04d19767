"""A crisis planned anew: the request only asks, and the worker makes the problems from what stands when it reads."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.crisis import calendar_repository
from app.crisis.declaration import CrisisScope
from tests.app.crisis.active_crises import TWO_LINES, answer, makers
from tests.app.crisis.conftest import Crises, Maker, iso
from tests.support.world import World

pytestmark = pytest.mark.database


async def slip(crises: Crises, by: Maker, booking_id: str, end: str) -> None:
    body = {"expected_end_on": end, "reason_code": "equipment_failure"}
    told = await crises.client.post(f"/v1/bookings/{booking_id}/slip", json=body, headers=by.headers)
    assert told.is_success, told.text


async def test_the_request_makes_no_problem_and_the_worker_does(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await makers(world, 2)
    crisis_id, _ = await crises.activated()
    run_id = await crises.replan_of(crisis_id, targets=TWO_LINES, reason_code="targets_changed")
    async with owner.connect() as connection:
        found = text("SELECT problem, \"references\" - 'asked_anew' FROM runs WHERE id = :id")
        assert (await connection.execute(found, {"id": run_id})).one() == ({}, {})
    run = await crises.begun(run_id)
    assert run.problem["surges"][0]["targets"] == [{"by": 86, "quantity": 60_000}]
    assert run.references["amendment"]["reason_code"] == "targets_changed"


async def test_an_answer_between_the_request_and_the_worker_counts(crises: Crises, world: World) -> None:
    """Two of three lines are ordered. One counters, and before the worker reads, the other does as well."""
    made = await makers(world, 3)
    crisis_id, _ = await crises.activated(targets=TWO_LINES)
    first, second = (made[cdmo] for cdmo in await crises.orders(crisis_id))
    counter = {"earliest": iso(30), "reason_code": "staff"}
    await answer(crises, crisis_id, first, "counter", counter)
    run_id = await crises.replan_of(crisis_id)
    await answer(crises, crisis_id, second, "counter", counter)
    run = await crises.solve(run_id)
    assert run["state"] == "succeeded", run["error"]
    body = (await crises.get(f"/{crisis_id}/plans"))["items"][-1]["body"]
    assert body["orders"]["kept"] == []
    assert len([*body["orders"]["lost"], *body["orders"]["changed"]]) == 2


async def test_what_has_been_made_good_meanwhile_is_said_by_the_run(crises: Crises, world: World) -> None:
    """Ten days late a batch is missing; before the worker reads, the line has caught up."""
    made = await makers(world, 2)
    crisis_id, _ = await crises.activated()
    order = await crises.order_of(crisis_id)
    late = made[order["organisation_id"]]
    await answer(crises, crisis_id, late, "accept")
    await slip(crises, late, order["booking_id"], iso(89))
    run_id = await crises.replan_of(crisis_id)
    await slip(crises, late, order["booking_id"], iso(79))
    run = await crises.solve(run_id)
    assert (run["state"], "nothing to plan anew" in (run["error"] or "")) == ("failed", True)


async def test_a_second_request_waits_for_the_first(crises: Crises, world: World) -> None:
    await makers(world, 2)
    crisis_id, _ = await crises.activated()
    run_id = await crises.replan_of(crisis_id, targets=TWO_LINES)
    refused = await crises.post(f"/{crisis_id}/replan", {"targets": TWO_LINES}, expect=409)
    assert refused["run_id"] == str(run_id)


async def test_units_are_named_by_themselves_or_by_whose_they_are(crises: Crises, world: World) -> None:
    first, second, third = (await makers(world, 3)).values()
    async with world.sessions() as session:

        async def named(scope: CrisisScope) -> set[Any]:
            found = await calendar_repository.units_named(session, [first.unit.id], [second.cdmo.id], scope)
            return set(found.items())

        whole = {(first.unit.id, first.cdmo.id), (second.unit.id, second.cdmo.id)}
        assert await named(CrisisScope()) == whole
        out = CrisisScope(excluded_organisation_ids=[second.cdmo.id])
        assert await named(out) == {(first.unit.id, first.cdmo.id)}, "what is out of service is not there"
    assert third.unit.id not in {unit for unit, _ in whole}
