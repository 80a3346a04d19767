"""The plan of a crisis when its run was cancelled, or is solved again: what is taken up, and what is not."""

from typing import Any
from uuid import UUID

import pytest

from app.allocation.runs import Success, cancel_run, end_run
from app.audit.author import Author
from app.core.database import transaction
from app.core.vocabulary import Reserve
from app.worker import FOLLOW_UPS
from tests.app.allocation.problems import greedy_solution
from tests.app.crisis.conftest import Crises, maker
from tests.support.world import World

pytestmark = pytest.mark.database

AUTHOR = Author.of_job("test")
OF_THE_CLOCK = 2.5


async def cancelled_with_a_plan(crises: Crises, run_id: UUID) -> Any:
    """Begin a run, ask it to stop, and end it with the plan that it has."""
    sessions = crises.world.sessions
    run = await crises.begun(run_id)
    ending = Success({**greedy_solution(run.problem), "budget": OF_THE_CLOCK}, {})
    async with transaction(sessions) as session:
        await cancel_run(session, AUTHOR, run_id)
    async with transaction(sessions) as session:
        assert await end_run(session, run_id, run.attempt, ending, FOLLOW_UPS)
    return (await crises.client.get(f"/v1/runs/{run_id}", headers=crises.coordinator)).json()


async def statuses(crises: Crises, crisis_id: str) -> list[str]:
    return [plan["status"] for plan in (await crises.get(f"/{crisis_id}/plans"))["items"]]


async def test_a_kept_plan_is_proposed_where_there_is_none(crises: Crises, world: World) -> None:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    crisis_id = await crises.declared()
    run = await cancelled_with_a_plan(crises, await crises.run_of(crisis_id))
    assert run["state"] == "cancelled"
    assert await statuses(crises, crisis_id) == ["proposed"]
    assert (await crises.get(f"/{crisis_id}"))["status"] == "planned"


async def test_a_kept_plan_takes_no_other_plans_place(crises: Crises, world: World) -> None:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    crisis_id, plan = await crises.signed()
    run = await cancelled_with_a_plan(crises, await crises.run_of(crisis_id))
    assert run["state"] == "cancelled"
    [left] = (await crises.get(f"/{crisis_id}/plans"))["items"]
    assert (left["id"], left["status"]) == (plan["id"], "signed")


async def test_a_replay_of_a_crisis_run_makes_no_plan_and_keeps_none_from_being_made(
    crises: Crises, world: World
) -> None:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    crisis_id = await crises.declared()
    run = await cancelled_with_a_plan(crises, await crises.run_of(crisis_id))
    answer = await crises.client.post(f"/v1/runs/{run['id']}/replay", headers=crises.coordinator)
    assert answer.status_code == 202, answer.text
    replay = answer.json()
    assert (replay["replay"]["deterministic"], replay["budget"]) == (False, OF_THE_CLOCK)
    await crises.run_of(crisis_id)
    done = await crises.solve(UUID(replay["id"]))
    assert done["state"] == "succeeded", done["error"]
    assert done["replay"]["equal"] is False
    assert await statuses(crises, crisis_id) == ["proposed"]
    refused = await crises.client.post(f"/v1/runs/{run['id']}/replay", headers=crises.authority)
    assert refused.status_code == 403
