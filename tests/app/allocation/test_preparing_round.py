"""A round solved: the request only asks, and the worker makes the problem from what stands when it reads."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.jobs import Entrypoint
from tests.app.allocation.conftest import Rounds, contest, solved_by_greed
from tests.support.jobs import begun, perform
from tests.support.world import World

pytestmark = pytest.mark.database

INPUT = text('SELECT problem, "references", calendar_versions FROM runs WHERE id = :id')


async def input_of(owner: AsyncEngine, run_id: str) -> Any:
    async with owner.connect() as connection:
        return (await connection.execute(INPUT, {"id": run_id})).one()


async def performed(rounds: Rounds, world: World, run_id: str) -> Any:
    await perform(world.sessions, Entrypoint.SOLVE, UUID(run_id))
    return await rounds.get(f"/v1/runs/{run_id}")


async def test_the_request_makes_no_problem_and_the_worker_does(
    world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    made = await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    assert await input_of(owner, run_id) == ({}, {}, {})
    run = await begun(world.sessions, UUID(run_id))
    wanted = {str(request.id) for request in made.requests.values()}
    assert {demand["id"] for demand in run.problem["demands"]} == set(run.references["wanted_day"]) == wanted
    assert list(run.calendar_versions) == [run.problem["windows"][0]["line"]]
    assert await input_of(owner, run_id) == (run.problem, run.references, run.calendar_versions)


async def test_who_withdraws_between_the_request_and_the_worker_is_not_planned_for(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    made = await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    gone = f"/v1/requests/{made.requests['first'].id}/withdraw"
    assert (await client.post(gone, headers=made.headers["first"])).status_code == 200
    run = await begun(world.sessions, UUID(run_id))
    assert {made.name_of(demand["id"]) for demand in run.problem["demands"]} == {"second", "third"}


async def test_where_nothing_can_be_booked_any_more_the_run_says_so(
    world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    await contest(world)
    round_id = await rounds.closed()
    run_id = await rounds.solve(round_id)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE production_lines SET not_bookable_reason = 'sold'"))
    run = await performed(rounds, world, run_id)
    assert (run["state"], "still can be booked" in run["error"]) == ("failed", True)
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "closed"


async def test_a_round_that_is_published_meanwhile_is_not_solved_again(world: World, rounds: Rounds) -> None:
    await contest(world)
    round_id = await rounds.closed()
    await solved_by_greed(rounds, world, round_id)
    run_id = await rounds.solve(round_id)
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    run = await performed(rounds, world, run_id)
    assert (run["state"], "published" in run["error"], run["placed"]) == ("failed", True, [])
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "published"
