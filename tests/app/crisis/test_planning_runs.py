"""The runs that plan a crisis: one at a time, on a calendar that is there and stays as it was read."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.vocabulary import Reserve
from tests.app.crisis.conftest import Crises, booked, maker
from tests.support.world import World

pytestmark = pytest.mark.database


async def test_a_calendar_that_changes_while_planning_fails_the_run(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS, lendable=True, recall_notice_days=10)
    await booked(world, slot, 60, 103, recallable=True)
    crisis_id = await crises.declared()
    run_id = await crises.run_of(crisis_id)
    await crises.begun(run_id)
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE bookings SET status = 'cancelled'")
    run = await crises.solve(run_id)  # by another worker, on the calendar that the first one has read
    assert (run["state"], "changed" in run["error"]) == ("failed", True)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "declared"
    assert (await crises.get(f"/{crisis_id}/plans"))["items"] == []


async def test_where_nobody_publishes_a_slot_there_is_nothing_to_plan(crises: Crises, world: World) -> None:
    await maker(world)
    crisis_id = await crises.declared()
    answer = await crises.post(f"/{crisis_id}/plan", expect=409)
    assert answer["type"].endswith("nothing-to-plan")


async def test_a_calendar_that_goes_away_before_it_is_read_fails_the_run(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await world.slot((await maker(world)).unit, 0, 120, reserve=Reserve.CRISIS)
    crisis_id = await crises.declared()
    run_id = await crises.run_of(crisis_id)
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE production_lines SET not_bookable_reason = 'a flood'")
    run = await crises.solve(run_id)
    assert (run["state"], run["error"]) == ("failed", "Nobody publishes any slot: there is no calendar to plan on.")


async def test_a_crisis_is_planned_by_one_run_at_a_time(crises: Crises, world: World) -> None:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    crisis_id = await crises.declared()
    await crises.run_of(crisis_id)
    await crises.post(f"/{crisis_id}/plan", expect=409)


async def test_a_new_plan_supersedes_the_old_one(crises: Crises, world: World) -> None:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    crisis_id, _ = await crises.sketched()
    await crises.plan_by_greed(crisis_id)
    plans = (await crises.get(f"/{crisis_id}/plans"))["items"]
    assert [plan["status"] for plan in plans] == ["superseded", "proposed"]
