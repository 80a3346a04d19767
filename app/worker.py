"""The worker: runs jobs, sweeps what has expired, and says that it lives; any number may run, anywhere."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.certifying import make_certificate
from app.allocation.models import RunKind
from app.allocation.offers import expire_offers
from app.allocation.runs import FollowUp, requeue_lost
from app.allocation.service import round_run_ended
from app.allocation.solving import Workshop, solve_run
from app.audit.author import Author
from app.bookings.service import expire_stale_holds
from app.core import logs
from app.core.database import SessionFactory, make_engine, make_session_factory, transaction
from app.core.heartbeats import BEAT_SECONDS, beat, leave
from app.core.jobs import Entrypoint, queries
from app.core.model import new_id
from app.core.settings import Settings
from app.crisis.ending import expire_crises
from app.crisis.planning import take_up_plan
from app.requests.alerting import evaluate_alerts

HEARTBEAT_TIMEOUT = timedelta(seconds=8)
DEQUEUE_TIMEOUT = timedelta(seconds=5)
MOST_JOBS_AT_ONCE = 2
RETRY_AFTER = timedelta(seconds=3)
RECONNECT_SECONDS = 1.0
SWEEP_SECONDS = 5.0

FOLLOW_UPS: Mapping[RunKind, FollowUp] = {RunKind.ROUND: round_run_ended, RunKind.CRISIS: take_up_plan}
"""What follows the end of a run, by its kind."""

Sweep = Callable[[AsyncSession], Awaitable[object]]

SWEEPS: Mapping[str, Sweep] = {
    "expired_offers": expire_offers,
    "stale_holds": partial(expire_stale_holds, author=Author.of_job("expire_holds")),
    "expired_crises": expire_crises,
    "lost_runs": requeue_lost,
    "alerts": evaluate_alerts,
}
"""What is done every few seconds, each in a transaction of its own; each must bear being done by all workers."""

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; a run under way is then left to another worker.

    Survives the loss of the database, and goes on when it is back.

    Raises
    ------
    ValueError
        If the settings name no database.
    """
    logs.configure(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await work(settings, stop)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Work until told to stop."""
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set: name the database whose jobs to run")
    engine = make_engine(settings.database_url, settings, application_name="creneau-worker")
    sessions = make_session_factory(engine)
    workshop = Workshop(sessions, FOLLOW_UPS, settings.solver_memory_bytes, stop)
    log.info("worker_started", pid=os.getpid())
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_say_alive(sessions, stop))
            tasks.create_task(_sweep(sessions, stop))
            tasks.create_task(_run_jobs(settings, workshop))
    finally:
        await engine.dispose()
        log.info("worker_stopped", pid=os.getpid())


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not beyond the order to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def _say_alive(sessions: SessionFactory, stop: asyncio.Event) -> None:
    worker_id, host = new_id(), socket.gethostname()
    while not stop.is_set():
        await _tolerantly(sessions, "heartbeat", lambda session: beat(session, worker_id, host=host, pid=os.getpid()))
        await _pause(stop, BEAT_SECONDS)
    await _tolerantly(sessions, "leave", lambda session: leave(session, worker_id))


async def _sweep(sessions: SessionFactory, stop: asyncio.Event) -> None:
    while not stop.is_set():
        for name, sweep in SWEEPS.items():
            await _tolerantly(sessions, name, sweep)
        await _pause(stop, SWEEP_SECONDS)


async def _tolerantly(sessions: SessionFactory, name: str, act: Sweep) -> None:
    """Do one thing in a transaction; if it fails it is logged, and done again the next time."""
    try:
        async with transaction(sessions) as session:
            done = await act(session)
    except (OSError, TimeoutError, DBAPIError, asyncpg.PostgresError) as error:
        log.warning("sweep_failed", sweep=name, error=str(error))
    except Exception:
        log.exception("sweep_failed", sweep=name)
    else:
        if done:
            log.info("swept", sweep=name, count=done)


async def _run_jobs(settings: Settings, workshop: Workshop) -> None:
    """Run jobs; when the database goes away, connect again until it is back."""
    while not workshop.stop.is_set():
        try:
            await _run_jobs_while_connected(settings, workshop)
        except Exception:
            # A connection that is cut shows as any of the driver's errors, its internal ones too.
            log.exception("queue_lost")
        await _pause(workshop.stop, RECONNECT_SECONDS)


async def _run_jobs_while_connected(settings: Settings, workshop: Workshop) -> None:
    async with _pool(settings) as pool:
        manager = QueueManager(queries(AsyncpgPoolDriver(pool)))

        @manager.entrypoint(Entrypoint.SOLVE.value)
        async def solve(job: Job) -> None:
            assert job.payload is not None  # noqa: S101 - enqueue always gives one
            await _or_again(solve_run(workshop, UUID(bytes=job.payload)))

        @manager.entrypoint(Entrypoint.CERTIFY.value)
        async def certify(job: Job) -> None:
            assert job.payload is not None  # noqa: S101
            await _or_again(make_certificate(workshop, UUID(bytes=job.payload)))

        async def shut_down() -> None:
            await workshop.stop.wait()
            manager.shutdown.set()

        watching = asyncio.create_task(shut_down())
        try:
            await manager.run(
                dequeue_timeout=DEQUEUE_TIMEOUT,
                batch_size=1,
                max_concurrent_tasks=MOST_JOBS_AT_ONCE,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                shutdown_on_listener_failure=True,
            )
        finally:
            watching.cancel()


@asynccontextmanager
async def _pool(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """Give the queue's own connections; they are cut, not closed, if the server no longer answers."""
    assert settings.database_url is not None  # noqa: S101 - `work` has checked
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
    pool = await asyncpg.create_pool(
        url.render_as_string(hide_password=False),
        min_size=1,
        max_size=3,
        timeout=5,
        command_timeout=15,
        server_settings={"application_name": "creneau-queue"},
    )
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(3):
                await pool.close()
        except Exception:
            log.exception("queue_connections_cut")
            pool.terminate()


async def _or_again(job: Awaitable[None]) -> None:
    """Wait for a job; whatever stops it, it goes back into the queue: how often, its own table limits."""
    try:
        await job
    except Exception as error:
        log.warning("job_interrupted", error=str(error) or type(error).__name__, exc_info=True)
        raise RetryRequested(delay=RETRY_AFTER, reason=str(error)[:200]) from error
