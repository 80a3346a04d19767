"""The worker: one effect whatever dies, and no work lost."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import psutil
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.models import Round, RoundStatus, Run, RunKind, RunState
from app.allocation.runs import Failure, Success, cancel_run, claim_run, create_run, end_run, requeue_lost
from app.audit.author import Author
from app.core.database import SessionFactory, make_session_factory, transaction
from app.core.health import readiness_faults
from app.core.heartbeats import SEEN_LATELY_SECONDS
from app.core.jobs import Entrypoint
from app.core.model import period
from app.core.settings import Settings
from app.jobs.ledger import Limits, take
from app.worker import FOLLOW_UPS, work
from tests.app.allocation.problems import CONTESTED, slow_problem
from tests.support import server
from tests.support.jobs import deliver, perform, queue
from tests.support.processes import solvers, still_at_work
from tests.support.world import World, day

pytestmark = pytest.mark.database

AUTHOR = Author.of_job("test")
PATIENCE = 80
StartWorker = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
async def sessions(app: FastAPI) -> SessionFactory:
    """Sessions of the application's role."""
    factory: SessionFactory = app.state.sessions
    return factory


@pytest.fixture
async def worker(settings: Settings, world: World) -> AsyncIterator[asyncio.Event]:
    """A worker in this very process; the event tells it to stop."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(settings, stop))
    yield stop
    stop.set()
    await task


@pytest.fixture
def start_worker(settings: Settings) -> Iterator[StartWorker]:
    """Start workers as processes of their own, as `creneau worker` does."""
    started: list[subprocess.Popen[bytes]] = []
    assert settings.database_url is not None
    environment = {**os.environ, "DATABASE_URL": settings.database_url.get_secret_value(), "LOG_LEVEL": "WARNING"}

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-P", "-m", "app.cli", "worker"], env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


async def request_run(world: World, sessions: SessionFactory, problem: dict[str, Any], seconds: float) -> Run:
    """Store a closed round with a run of a problem."""
    made = await world.add(
        Round(
            name="R",
            status=RoundStatus.CLOSED,
            horizon=period(day(0), day(365)),
            as_of_on=day(0),
            policy={},
            policy_version="round/1",
        )
    )
    async with transaction(sessions) as session:
        return await create_run(
            session,
            AUTHOR,
            kind=RunKind.ROUND,
            round_id=made.id,
            problem=problem,
            references={},
            calendar_versions={},
            parameters={"time_limit_s": seconds, "workers": 1},
        )


async def wait_for(sessions: SessionFactory, run: Run, reached: Callable[[Run], bool], *, seconds: float) -> Run:
    """Wait until a run is as described, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        async with sessions() as session:
            found = await session.get_one(Run, run.id)
        if reached(found):
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {found.state} {found.progress} {found.error}"
        await asyncio.sleep(0.1)


def ended(run: Run) -> bool:
    return run.state not in {RunState.QUEUED, RunState.RUNNING}


def in_progress(run: Run) -> bool:
    return run.state is RunState.RUNNING and run.progress is not None


async def solving(sessions: SessionFactory, run: Run, of: int | None = None) -> list[psutil.Process]:
    """Wait until a run is being solved below a process, and return the solver's processes.

    It has told of its progress by then: before, there may only be what another test's solver has left.
    """
    await wait_for(sessions, run, lambda row: in_progress(row) and bool(solvers(of)), seconds=PATIENCE)
    return solvers(of)


async def actions_on(owner: AsyncEngine, run: Run) -> list[str]:
    async with owner.connect() as connection:
        rows = await connection.execute(
            text("SELECT action FROM audit_records WHERE object_id = :id ORDER BY id"), {"id": run.id}
        )
        return list(rows.scalars())


async def test_a_worker_told_to_stop_leaves_its_run_to_the_next_one(
    world: World, sessions: SessionFactory, start_worker: StartWorker
) -> None:
    run = await request_run(world, sessions, slow_problem(), 60.0)
    process = start_worker()
    children = await solving(sessions, run, process.pid)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 20) == 0
    assert await asyncio.to_thread(still_at_work, children) == []
    async with sessions() as session:
        assert await session.scalar(text("SELECT status::text FROM jobs.pgqueuer")) == "queued"
        assert await session.scalar(text("SELECT count(*) FROM worker_heartbeats")) == 0


async def test_a_crash_of_the_solver_fails_the_run_soon_and_nothing_else(
    world: World, sessions: SessionFactory, worker: asyncio.Event
) -> None:
    run = await request_run(world, sessions, slow_problem(), 60.0)
    for process in await solving(sessions, run):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    failed = await wait_for(sessions, run, ended, seconds=40)
    assert failed.state is RunState.FAILED
    assert failed.error is not None
    assert "killed by SIGKILL" in failed.error
    other = await request_run(world, sessions, CONTESTED, 20.0)
    assert (await wait_for(sessions, other, ended, seconds=PATIENCE)).state is RunState.SUCCEEDED


async def test_a_cancelled_run_stops_its_solver_and_keeps_its_best_plan(
    world: World, sessions: SessionFactory, owner: AsyncEngine, worker: asyncio.Event
) -> None:
    run = await request_run(world, sessions, slow_problem(), 60.0)
    seen = await wait_for(sessions, run, in_progress, seconds=PATIENCE)
    assert {"objective", "value", "bound"} <= set(seen.progress or {})
    children = solvers()
    async with transaction(sessions) as session:
        await cancel_run(session, AUTHOR, run.id)
    cancelled = await wait_for(sessions, run, ended, seconds=40)
    assert await asyncio.to_thread(still_at_work, children) == []
    assert (cancelled.state, cancelled.error) == (RunState.CANCELLED, None)
    assert cancelled.solution is not None
    assert cancelled.solution["status"] == "feasible"
    assert len(cancelled.solution["placed"]) > 0
    assert (await actions_on(owner, run))[-2:] == ["run.cancel_requested", "run.cancelled"]
    async with sessions() as session:
        assert (await session.get_one(Round, run.round_id)).status == "solved"


async def test_a_run_that_kills_its_workers_is_given_up(world: World, sessions: SessionFactory) -> None:
    """Three workers have taken it and fallen silent; the fourth one does not take it."""
    run = await request_run(world, sessions, slow_problem(), 60.0)
    for _ in range(3):
        delivery = await deliver(sessions, Entrypoint.SOLVE, run.id)
        async with transaction(sessions) as session:
            await take(session, delivery, "a worker that dies", Limits(tries=3, backoff=timedelta(0)))
            await claim_run(session, run.id, FOLLOW_UPS)
    await perform(sessions, Entrypoint.SOLVE, run.id)
    failed = await wait_for(sessions, run, ended, seconds=1)
    assert (failed.state, failed.attempt) == (RunState.FAILED, 3)
    assert failed.error is not None
    assert "3 times" in failed.error
    assert await queue(sessions) == [("solve", "failed")]
    async with transaction(sessions) as session:
        assert await requeue_lost(session) == 0


async def test_work_goes_on_when_the_database_has_cut_every_connection(
    world: World, sessions: SessionFactory, database: str, worker: asyncio.Event
) -> None:
    before = await request_run(world, sessions, CONTESTED, 20.0)
    await wait_for(sessions, before, ended, seconds=PATIENCE)
    connections = f"datname = '{database}' AND application_name IN ('creneau-worker', 'creneau-queue')"
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {connections}"  # noqa: S608 - our own names
    await server.run(server.address("postgres"), cut)
    after = await request_run(world, sessions, CONTESTED, 20.0)
    assert (await wait_for(sessions, after, ended, seconds=PATIENCE)).state is RunState.SUCCEEDED


async def test_an_attempt_that_was_overtaken_writes_nothing(world: World, sessions: SessionFactory) -> None:
    run = await request_run(world, sessions, CONTESTED, 5.0)
    async with sessions.begin() as session:
        row = await session.get_one(Run, run.id)
        row.state, row.attempt = RunState.RUNNING, 2
    late: tuple[Success | Failure, ...] = (Success({"status": "optimal"}, {}), Failure("late"))
    for ending in late:
        async with transaction(sessions) as session:
            assert await end_run(session, run.id, 1, ending, FOLLOW_UPS) is None
    async with sessions() as session:
        row = await session.get_one(Run, run.id)
        assert (row.state, row.solution, row.error) == (RunState.RUNNING, None, None)


async def test_a_job_exists_only_if_its_transaction_commits(world: World, sessions: SessionFactory) -> None:
    run = await request_run(world, sessions, CONTESTED, 5.0)
    async with sessions.begin() as session:
        await session.execute(text("DELETE FROM jobs.pgqueuer"))
    async with sessions() as session:
        assert await requeue_lost(session) == 1
        await session.rollback()
    async with transaction(sessions) as session:
        assert await session.scalar(text("SELECT count(*) FROM jobs.pgqueuer")) == 0
        assert await requeue_lost(session) == 1
        assert await requeue_lost(session) == 0
    assert run.state is RunState.QUEUED


async def test_the_service_is_ready_only_while_a_worker_lives(
    owner: AsyncEngine, sessions: SessionFactory, settings: Settings
) -> None:
    async with sessions() as session:
        assert ["worker" in fault for fault in await readiness_faults(session)] == [True]
    stop = asyncio.Event()
    task = asyncio.create_task(work(settings, stop))
    owners = make_session_factory(owner)
    async with asyncio.timeout(20):
        while await _faults(owners):  # noqa: ASYNC110 - the worker's word is in the database
            await asyncio.sleep(0.1)
    stop.set()
    await task
    assert await _faults(owners) != []
    async with owner.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO worker_heartbeats VALUES (gen_random_uuid(), 'h', 1, now(),"
                " now() - make_interval(secs => :past))"
            ),
            {"past": SEEN_LATELY_SECONDS + 1},
        )
    assert await _faults(owners) != []


async def _faults(sessions: SessionFactory) -> list[str]:
    async with sessions() as session:
        return await readiness_faults(session)
