"""Runs solved again from what is stored: the same plan, and nothing follows from it."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.models import Run, RunKind, RunState
from app.allocation.sameness import compared_with
from scheduler.solve import solve
from tests.app.allocation.conftest import PATIENCE_SECONDS, Rounds, contest
from tests.scheduler.scenarios import national
from tests.support.world import World

pytestmark = pytest.mark.database

SOLUTION = {"status": "feasible", "placed": [{"demand": "r1", "start": 3}], "seconds": 1.5, "seed": 1}


async def solved_under(rounds: Rounds, **how: Any) -> tuple[str, Any]:
    """Close a round, solve it in this way, and return it with its run."""
    round_id = await rounds.closed()
    run = await rounds.post(f"/v1/rounds/{round_id}/solve", how, expect=202)
    done = await rounds.ended(run["id"])
    assert done["state"] == "succeeded", done["error"]
    return round_id, done


async def test_a_replay_under_a_budget_is_equal_and_decides_nothing(
    world: World, rounds: Rounds, owner: AsyncEngine, worker: asyncio.Event
) -> None:
    await contest(world)
    round_id, original = await solved_under(rounds, budget=5.0, seed=3)
    assert (original["budget"], original["parameters"]["budget"], original["replay"]) == (5.0, 5.0, None)
    replay = await rounds.post(f"/v1/runs/{original['id']}/replay", expect=202)
    assert replay["replay"] == {
        "of": original["id"],
        "deterministic": True,
        "equal": None,
        "differing": 0,
        "differences": [],
    }
    done = await rounds.ended(replay["id"])
    assert done["state"] == "succeeded", done["error"]
    assert (done["replay"]["equal"], done["replay"]["differences"]) == (True, [])
    assert (done["budget"], done["parameters"]["seed"]) == (5.0, 3)
    assert [item["start"] for item in done["placed"]] == [item["start"] for item in original["placed"]]

    detail = await rounds.get(f"/v1/rounds/{round_id}")
    assert (detail["status"], detail["runs"]) == ("solved", [original["id"]])
    refused = await rounds.post(f"/v1/rounds/{round_id}/publish", {"run_id": replay["id"]}, expect=409)
    assert refused["type"] == "urn:creneau:problem:no-plan"
    published = await rounds.post(f"/v1/rounds/{round_id}/publish")
    assert published["run_id"] == original["id"]
    again = await rounds.ended((await rounds.post(f"/v1/runs/{original['id']}/replay", expect=202))["id"])
    assert again["replay"]["equal"]
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "published"


async def test_a_replay_compares_the_plan_as_solved_not_as_changed_by_hand(
    world: World, rounds: Rounds, worker: asyncio.Event
) -> None:
    made = await contest(world)
    round_id, original = await solved_under(rounds, budget=5.0)
    reason = {"action": "unplace", "reason_code": "data_error"}
    await rounds.post(f"/v1/rounds/{round_id}/adjust", {**reason, "request_id": str(made.requests["second"].id)})
    replay = await rounds.post(f"/v1/runs/{original['id']}/replay", expect=202)
    done = await rounds.ended(replay["id"])
    assert done["replay"]["equal"]
    assert len(done["placed"]) == 2
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "reviewed"


async def test_a_replay_tells_where_the_two_differ(
    world: World, rounds: Rounds, owner: AsyncEngine, worker: asyncio.Event
) -> None:
    await contest(world)
    _, original = await solved_under(rounds, budget=5.0)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE runs SET solution = jsonb_set(solution, '{engine}', '\"another 1.0\"')"))
    done = await rounds.ended((await rounds.post(f"/v1/runs/{original['id']}/replay", expect=202))["id"])
    assert (done["replay"]["equal"], done["replay"]["differing"]) == (False, 1)
    [difference] = done["replay"]["differences"]
    assert (difference["pointer"], difference["original"]) == ("/engine", "another 1.0")


async def test_a_run_by_the_clock_is_replayed_with_the_work_that_it_did(
    world: World, rounds: Rounds, owner: AsyncEngine, worker: asyncio.Event
) -> None:
    await contest(world)
    _, original = await solved_under(rounds)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE runs SET solution = jsonb_set(solution, '{budget}', '4.5')"))
    replay = await rounds.post(f"/v1/runs/{original['id']}/replay", expect=202)
    assert (replay["replay"]["deterministic"], replay["parameters"]["budget"]) == (False, 4.5)
    done = await rounds.ended(replay["id"])
    assert done["state"] == "succeeded", done["error"]
    assert done["replay"]["equal"] is not None


async def test_a_plan_that_its_budget_cut_short_is_the_same_after_a_round_trip(
    world: World, rounds: Rounds, owner: AsyncEngine, worker: asyncio.Event
) -> None:
    await contest(world)
    _, original = await solved_under(rounds, budget=0.25, seed=7)
    problem = national(40, 120, objectives=("weight:3", "parties", "delay", "rank"))
    solution = solve(problem, budget=0.25, seed=7, workers=1)
    assert solution.status == "feasible"  # the budget did cut it short
    async with owner.begin() as connection:
        await connection.execute(
            text("UPDATE runs SET problem = CAST(:problem AS jsonb), solution = CAST(:solution AS jsonb)"),
            {"problem": problem.to_json(), "solution": solution.to_json()},
        )
    replay_id = UUID((await rounds.post(f"/v1/runs/{original['id']}/replay", expect=202))["id"])
    async with asyncio.timeout(PATIENCE_SECONDS), world.sessions() as session:
        while (run := await session.get_one(Run, replay_id, populate_existing=True)).finished_at is None:
            await session.rollback()
            await asyncio.sleep(0.2)
    assert (run.state, run.replay) == (
        RunState.SUCCEEDED,
        {"deterministic": True, "equal": True, "differing": 0, "differences": []},
    )


async def test_what_cannot_be_compared_is_not_replayed(
    client: httpx.AsyncClient, world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    made = await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    refused = await rounds.post(f"/v1/runs/{run_id}/replay", expect=409)
    assert (refused["type"], refused["state"]) == ("urn:creneau:problem:not-replayable", "queued")
    assert "has not ended" in refused["detail"]
    await rounds.post(f"/v1/runs/{run_id}/cancel")
    assert "without a plan" in (await rounds.post(f"/v1/runs/{run_id}/replay", expect=409))["detail"]
    answer = await client.post(f"/v1/runs/{run_id}/replay", headers=made.headers["first"])
    assert answer.status_code == 404
    authority = await client.post(f"/v1/runs/{run_id}/replay", headers=await world.authority())
    assert authority.status_code == 404


@pytest.mark.parametrize("budget", [0, -1, 1e9, "much"])
async def test_a_senseless_budget_is_refused(world: World, rounds: Rounds, budget: object) -> None:
    await contest(world)
    round_id = await rounds.closed()
    refused = await rounds.post(f"/v1/rounds/{round_id}/solve", {"budget": budget}, expect=422)
    assert refused["errors"][0]["pointer"] == "/budget"


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"seconds": 9.0}, []),
        ({"seed": 1.0}, ["/seed"]),
        ({"placed": []}, ["/placed/0"]),
        ({"placed": [{"demand": "r1", "start": 4}]}, ["/placed/0/start"]),
        ({"unplaced": ["r2"]}, ["/unplaced"]),
    ],
)
def test_solutions_are_equal_when_their_files_are_but_for_the_seconds(
    changes: dict[str, Any], pointers: list[str]
) -> None:
    original = Run(kind=RunKind.ROUND, solution=SOLUTION)
    found = compared_with(original, SOLUTION | changes)
    assert [one["pointer"] for one in found["differences"]] == pointers
    assert (found["equal"], found["differing"]) == (not pointers, len(pointers))
