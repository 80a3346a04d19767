"""A run cancelled while it is solved: it ends within seconds, and keeps what it has."""

import asyncio
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation import engine
from app.allocation.engine import Engine, EngineFailed, Limits, Wish
from app.allocation.models import Run, RunState
from app.allocation.runs import Failure, Success, cancel_run, claim_run, end_run
from app.audit.author import Author
from app.core.database import SessionFactory, transaction
from app.worker import FOLLOW_UPS
from tests.app.allocation.conftest import Rounds, contest
from tests.support.jobs import begun
from tests.support.world import World

MEMORY_BYTES = 8 * 1024**3
AUTHOR = Author.of_job("test")
OBEDIENT = """
import pathlib, signal, sys, time

def end(*_):
    pathlib.Path("solution.json").write_text('{"status": "feasible"}')
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
print('{"value": 1}', flush=True)
time.sleep(60)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"value": 1}', flush=True)
time.sleep(60)
"""


async def stopped_after_its_first_plan(folder: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Run a program in place of the engine, and wish for its best plan as soon as it has told of one."""
    (folder / "scheduler.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(folder))

    async def report(progress: dict[str, Any] | None) -> Wish:
        return Wish.KEEP_BEST if progress else Wish.GO_ON

    made = Engine(folder, Limits(MEMORY_BYTES), report)
    await made.run("solve", seconds=60)
    return made


async def test_a_solver_that_is_told_to_stop_writes_its_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    made = await stopped_after_its_first_plan(tmp_path, OBEDIENT, monkeypatch)
    assert made.read("solution.json") == {"status": "feasible"}
    assert time.monotonic() - started < 20


async def test_a_solver_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LAST_WORDS_SECONDS", 1.0)
    started = time.monotonic()
    with pytest.raises(EngineFailed, match="still running after 1 s"):
        await stopped_after_its_first_plan(tmp_path, DEAF, monkeypatch)
    assert time.monotonic() - started < 10


@pytest.fixture
async def sessions(app: FastAPI) -> SessionFactory:
    """Sessions of the application's role."""
    factory: SessionFactory = app.state.sessions
    return factory


SOLUTION = {"status": "feasible", "levels": [], "placed": [], "unplaced": []}


async def ends(sessions: SessionFactory, run: Run, ending: Success | Failure) -> None:
    async with transaction(sessions) as session:
        assert await end_run(session, run.id, run.attempt, ending, FOLLOW_UPS) is not None


async def asks_to_stop(sessions: SessionFactory, run_id: UUID) -> RunState:
    async with transaction(sessions) as session:
        return (await cancel_run(session, AUTHOR, run_id)).state


@pytest.mark.database
async def test_the_plan_of_a_cancelled_run_is_kept_and_counts_where_there_is_no_other(
    world: World, rounds: Rounds, sessions: SessionFactory, owner: AsyncEngine
) -> None:
    await contest(world)
    round_id = await rounds.closed()
    run = await begun(sessions, UUID(await rounds.solve(round_id)))
    assert await asks_to_stop(sessions, run.id) is RunState.RUNNING
    shown = await rounds.get(f"/v1/runs/{run.id}")
    assert (shown["state"], shown["cancel_requested_at"] is None) == ("running", False)
    await ends(sessions, run, Success(SOLUTION, {}))
    kept = await rounds.get(f"/v1/runs/{run.id}")
    assert (kept["state"], kept["status"]) == ("cancelled", "feasible")
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "solved"

    whole = await begun(sessions, UUID(await rounds.solve(round_id)))
    await ends(sessions, whole, Success(SOLUTION, {}))
    poorer = await begun(sessions, UUID(await rounds.solve(round_id)))
    await asks_to_stop(sessions, poorer.id)
    await ends(sessions, poorer, Success(SOLUTION, {}))
    published = await rounds.post(f"/v1/rounds/{round_id}/publish")
    assert published["run_id"] == str(whole.id)


@pytest.mark.database
async def test_the_plan_of_a_cancelled_run_is_published_when_it_is_named(
    world: World, rounds: Rounds, sessions: SessionFactory
) -> None:
    await contest(world)
    round_id = await rounds.closed()
    whole = await begun(sessions, UUID(await rounds.solve(round_id)))
    await ends(sessions, whole, Success(SOLUTION, {}))
    kept = await begun(sessions, UUID(await rounds.solve(round_id)))
    await asks_to_stop(sessions, kept.id)
    await ends(sessions, kept, Success(SOLUTION, {}))
    published = await rounds.post(f"/v1/rounds/{round_id}/publish", {"run_id": str(kept.id)})
    assert published["run_id"] == str(kept.id)


@pytest.mark.database
async def test_a_run_cancelled_before_any_plan_leaves_its_round_closed(
    world: World, rounds: Rounds, sessions: SessionFactory
) -> None:
    await contest(world)
    round_id = await rounds.closed()
    run = await begun(sessions, UUID(await rounds.solve(round_id)))
    await asks_to_stop(sessions, run.id)
    await ends(sessions, run, Failure("The solver was killed by SIGTERM."))
    shown = await rounds.get(f"/v1/runs/{run.id}")
    assert (shown["state"], shown["status"], shown["error"]) == ("cancelled", None, None)
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "closed"


@pytest.mark.database
async def test_a_run_whose_worker_is_gone_is_cancelled_all_the_same(
    world: World, rounds: Rounds, sessions: SessionFactory, owner: AsyncEngine
) -> None:
    await contest(world)
    round_id = await rounds.closed()
    run = await begun(sessions, UUID(await rounds.solve(round_id)))
    assert await asks_to_stop(sessions, run.id) is RunState.RUNNING
    assert await asks_to_stop(sessions, run.id) is RunState.RUNNING
    async with transaction(sessions) as session:
        assert await claim_run(session, run.id, FOLLOW_UPS) is None
    assert (await rounds.get(f"/v1/runs/{run.id}"))["state"] == "cancelled"

    other = await begun(sessions, UUID(await rounds.solve(round_id)))
    await asks_to_stop(sessions, other.id)
    async with owner.begin() as connection:
        past = text("UPDATE runs SET cancel_requested_at = now() - interval '31 s' WHERE state = 'running'")
        await connection.execute(past)
    assert await asks_to_stop(sessions, other.id) is RunState.CANCELLED


@pytest.mark.database
async def test_the_answer_to_a_cancellation_waits_for_the_end_but_not_for_ever(
    world: World, rounds: Rounds, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.allocation.run_access.END_SECONDS", 0.5)
    await contest(world)
    run = await begun(sessions, UUID(await rounds.solve(await rounds.closed())))
    answer = await rounds.client.post(f"/v1/runs/{run.id}/cancel", headers=rounds.headers)
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/runs/{run.id}")
    assert answer.json()["state"] == "running"
    monkeypatch.setattr("app.allocation.run_access.END_SECONDS", 20.0)
    waiting = asyncio.create_task(rounds.post(f"/v1/runs/{run.id}/cancel"))
    await asyncio.sleep(0.5)
    await ends(sessions, run, Success(SOLUTION, {}))
    ended = await waiting
    assert (ended["state"], ended["status"]) == ("cancelled", "feasible")
