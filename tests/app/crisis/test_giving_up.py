"""With the end of a crisis, by hand or by itself, the runs that plan for it are given up: waiting, solved, or later."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.runs import Success, end_run
from app.core.database import transaction
from app.core.vocabulary import Reserve
from app.crisis.ending import expire_crises
from app.crisis.giving_up import give_up_left_runs
from app.worker import FOLLOW_UPS, SWEEPS
from tests.app.allocation.problems import greedy_solution
from tests.app.crisis.conftest import Crises, iso, maker, power, scalar
from tests.support.world import World

pytestmark = pytest.mark.database


async def idle_line(world: World) -> None:
    await world.slot((await maker(world)).unit, 0, 120, reserve=Reserve.CRISIS)


async def run_now(crises: Crises, run_id: UUID) -> Any:
    return (await crises.client.get(f"/v1/runs/{run_id}", headers=crises.coordinator)).json()


async def is_to_stop(owner: AsyncEngine, run_id: UUID) -> bool:
    return bool(await scalar(owner, "SELECT cancel_requested_at IS NOT NULL FROM runs WHERE id = :id", id=run_id))


async def sweep(world: World) -> int:
    async with transaction(world.sessions) as session:
        return await give_up_left_runs(session)


async def test_a_run_that_waits_is_cancelled_with_its_crisis(crises: Crises, world: World, owner: AsyncEngine) -> None:
    await idle_line(world)
    crisis_id, lasting = await crises.declared(), await crises.declared()
    run_id, other_id = await crises.run_of(crisis_id), await crises.run_of(lasting)
    await crises.post(f"/{crisis_id}/stand-down")
    assert (await run_now(crises, run_id))["state"] == "cancelled"
    assert (await run_now(crises, other_id))["state"] == "queued", "another crisis goes on"
    told = "SELECT actor FROM audit_records WHERE action = 'run.cancelled'"
    assert await scalar(owner, told) == "person"


async def test_a_run_that_is_solved_is_told_to_stop_and_makes_no_plan(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await idle_line(world)
    crisis_id = await crises.declared()
    run_id = await crises.run_of(crisis_id)
    run = await crises.begun(run_id)
    await crises.post(f"/{crisis_id}/stand-down")
    assert await is_to_stop(owner, run_id)
    async with transaction(world.sessions) as session:
        assert await end_run(session, run_id, run.attempt, Success(greedy_solution(run.problem), {}), FOLLOW_UPS)
    assert (await run_now(crises, run_id))["state"] == "cancelled"
    assert (await crises.get(f"/{crisis_id}/plans"))["items"] == []
    assert (await crises.get(f"/{crisis_id}"))["status"] == "stood_down"


async def test_the_plans_to_choose_from_are_given_up_too(crises: Crises, world: World, owner: AsyncEngine) -> None:
    await idle_line(world)
    crisis_id = await crises.declared()
    await crises.solve(await crises.run_of(crisis_id, choices_s=20))
    await crises.post(f"/{crisis_id}/stand-down")
    assert await scalar(owner, "SELECT state FROM runs WHERE follows_id IS NOT NULL") == "cancelled"


async def test_what_is_planned_anew_is_given_up_too(crises: Crises, world: World) -> None:
    for _ in range(2):
        await idle_line(world)
    crisis_id, _ = await crises.activated()
    run_id = await crises.replan_of(crisis_id, targets=[{"by": iso(86), "quantity": 100_000}])
    await crises.post(f"/{crisis_id}/stand-down")
    assert (await run_now(crises, run_id))["state"] == "cancelled"


async def test_a_crisis_that_expires_gives_its_runs_up(crises: Crises, world: World, owner: AsyncEngine) -> None:
    await idle_line(world)
    waiting, solved = [await crises.run_of(await crises.declared()) for _ in range(2)]
    await crises.begun(solved)
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crises SET validity = '[2025-01-01,2025-06-01)'")
    for _ in range(2):
        async with transaction(world.sessions) as session:
            assert await expire_crises(session) == 1
    assert (await run_now(crises, waiting))["state"] == "cancelled"
    assert await is_to_stop(owner, solved)


@pytest.mark.parametrize("is_begun", [False, True])
async def test_another_plan_that_is_made_is_given_up_with_the_activation(
    crises: Crises, world: World, owner: AsyncEngine, *, is_begun: bool
) -> None:
    await idle_line(world)
    crisis_id, _ = await crises.signed()
    run_id = await crises.run_of(crisis_id)
    if is_begun:
        await crises.begun(run_id)
    await crises.post(f"/{crisis_id}/activate")
    assert (await is_to_stop(owner, run_id), (await run_now(crises, run_id))["state"]) == (
        True,
        "running" if is_begun else "cancelled",
    )
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0


async def test_a_replay_goes_on(crises: Crises, world: World) -> None:
    await idle_line(world)
    crisis_id, plan = await crises.planned()
    answer = await crises.client.post(f"/v1/runs/{plan['run_id']}/replay", headers=crises.coordinator)
    await crises.post(f"/{crisis_id}/stand-down")
    assert (await run_now(crises, UUID(answer.json()["id"])))["state"] == "queued"
    assert await sweep(world) == 0


@pytest.mark.parametrize("given", [{}, {"mode": "drill", "powers": [power("exercise")]}])
async def test_a_run_that_was_being_changed_at_that_moment_is_given_up_by_the_sweep(
    crises: Crises, world: World, owner: AsyncEngine, given: dict[str, Any]
) -> None:
    await idle_line(world)
    crisis_id = await crises.declared(**given)
    run_id = await crises.run_of(crisis_id)
    async with owner.begin() as connection:
        await connection.execute(text("SELECT FROM runs WHERE id = :id FOR UPDATE"), {"id": run_id})
        await crises.post(f"/{crisis_id}/stand-down")
        assert await sweep(world) == 0, "it is still being changed"
    assert (await run_now(crises, run_id))["state"] == "queued"
    assert [await sweep(world) for _ in range(2)] == [1, 0]
    assert (await run_now(crises, run_id))["state"] == "cancelled"
    assert give_up_left_runs in SWEEPS.values()
