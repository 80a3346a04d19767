"""Workers that die: another runs their job again within 15 s, it has its effect once, and is parked if it kills."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from statistics import median
from uuid import UUID

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.models import Round, RunState
from app.core.database import SessionFactory, make_session_factory, transaction
from app.core.health import REPOSITORY
from app.core.jobs import enqueue
from app.core.model import new_id
from app.core.settings import Settings
from app.jobs.queue import DEQUEUE_TIMEOUT, HEARTBEAT_TIMEOUT
from tests.app.allocation.problems import slow_problem
from tests.app.test_worker import PATIENCE, actions_on, ended, request_run, solving, wait_for
from tests.support.deadly_worker import DEADLY, HARMLESS, TRIES
from tests.support.jobs import queue
from tests.support.processes import is_at_work, still_at_work
from tests.support.world import World

pytestmark = [pytest.mark.database, pytest.mark.races]

KILLS = 10 if os.environ.get("CRENEAU_PROVE") else 1
RUN_AGAIN_SECONDS = 15
SOLVE_SECONDS = 15.0
GONE_SECONDS = 8.0
"""Long before the solver of a killed worker would have ended by itself."""

StartWorker = Callable[..., psutil.Process]


@pytest.fixture
def start_worker(scratch: Settings) -> Iterator[StartWorker]:
    """Start workers on the scratch database, as often as wanted: `creneau worker`, or another module."""
    started: list[subprocess.Popen[bytes]] = []
    assert scratch.database_url is not None
    environment = {**os.environ, "DATABASE_URL": scratch.database_url.get_secret_value(), "LOG_LEVEL": "CRITICAL"}

    def start(*command: str) -> psutil.Process:
        words = command or ("app.cli", "worker")
        started.append(subprocess.Popen([sys.executable, "-m", *words], env=environment, cwd=REPOSITORY))
        return psutil.Process(started[-1].pid)

    yield start
    for process in started:
        process.kill()
        process.wait()


async def attempts_at(sessions: SessionFactory, subject: UUID) -> list[tuple[int, str | None, str, float]]:
    """Return number, outcome, worker and age in seconds of each attempt at a subject's job."""
    query = text(
        "SELECT attempt, outcome, worker, extract(epoch FROM clock_timestamp() - started_at) FROM job_attempts"
        " WHERE subject_id = :id ORDER BY attempt"
    )
    async with sessions() as session:
        return [
            (number, outcome, worker, float(age))
            for number, outcome, worker, age in await session.execute(query, {"id": subject})
        ]


async def test_the_job_of_a_killed_worker_is_run_again_by_the_other_and_has_one_effect(
    scratch_owner: AsyncEngine, start_worker: StartWorker
) -> None:
    sessions = make_session_factory(scratch_owner)
    world = World(sessions)
    await world.add_modalities()
    workers = [start_worker(), start_worker()]
    again_after: list[float] = []
    for _ in range(KILLS):
        run = await request_run(world, sessions, slow_problem(), SOLVE_SECONDS)
        orphans = await solving(sessions, run)
        ((_, _, name, _),) = await attempts_at(sessions, run.id)
        (victim,) = [worker for worker in workers if name.endswith(f":{worker.pid}")]
        victim.kill()
        killed_at = time.monotonic()
        victim.wait()
        assert await asyncio.to_thread(still_at_work, orphans, seconds=GONE_SECONDS) == []
        await wait_for(sessions, run, lambda row: row.attempt == 2, seconds=PATIENCE)
        again_after.append(time.monotonic() - killed_at)

        done = await wait_for(sessions, run, ended, seconds=PATIENCE)
        assert (done.state, done.attempt) == (RunState.SUCCEEDED, 2), done.error
        first, second = await attempts_at(sessions, run.id)
        assert (first[:2], second[:2]) == ((1, "lost"), (2, "done"))
        assert second[2] != name
        assert await actions_on(scratch_owner, run) == ["run.requested", "run.started", "run.started", "run.succeeded"]
        async with sessions() as session:
            assert (await session.get_one(Round, done.round_id)).status == "solved"
            assert await session.scalar(text("SELECT count(*) FROM jobs.pgqueuer")) == 0
        workers = [worker for worker in workers if worker is not victim] + [start_worker()]
    # What is left of the fifteen seconds is for the machine, which may be busy with other things for once.
    assert timedelta(seconds=RUN_AGAIN_SECONDS - 2) >= HEARTBEAT_TIMEOUT + DEQUEUE_TIMEOUT
    assert max(again_after) <= 2 * RUN_AGAIN_SECONDS, again_after
    assert len(again_after) == 1 or median(again_after) <= RUN_AGAIN_SECONDS, again_after


async def test_a_job_that_kills_its_workers_is_parked_and_the_others_are_done(
    scratch_owner: AsyncEngine, start_worker: StartWorker
) -> None:
    sessions = make_session_factory(scratch_owner)
    poison, harmless = new_id(), new_id()
    async with transaction(sessions) as session:
        await enqueue(session, DEADLY, poison)
    for _ in range(TRIES):
        assert await asyncio.to_thread(start_worker("tests.support.deadly_worker").wait, 60) == -signal.SIGKILL
    async with transaction(sessions) as session:
        await enqueue(session, HARMLESS, harmless)
    survivor = start_worker("tests.support.deadly_worker")
    async with asyncio.timeout(60):
        while (left := await queue(sessions)) != [(DEADLY, "failed")]:
            assert is_at_work(survivor), left
            await asyncio.sleep(0.1)
    assert [outcome for _, outcome, *_ in await attempts_at(sessions, poison)] == ["lost", "parked"]
    assert [outcome for _, outcome, *_ in await attempts_at(sessions, harmless)] == ["done"]
    assert is_at_work(survivor)
