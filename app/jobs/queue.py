"""Taking jobs from the queue: as many of each kind as have a place in this worker, for as long as it is connected."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Context, Job
from pgqueuer.domain.types import JobId, QueueEntrypoint
from sqlalchemy.engine import make_url

from app.core.jobs import QUEUE, queries
from app.core.settings import Settings
from app.jobs.ledger import Delivery
from app.jobs.running import Runner

HEARTBEAT_TIMEOUT = timedelta(seconds=8)
DEQUEUE_TIMEOUT = timedelta(seconds=5)
NO_PLACE_POLL = timedelta(seconds=0.5)
"""Between two looks at the queue while jobs wait for a place; the end of any job has them look at once."""

log = structlog.get_logger(__name__)


class _Queries(Queries):
    """The queue's operations, without those that would change a job that is another worker's by now."""

    holder: UUID | None = None

    async def log_jobs(self, job_status: object) -> None:
        """Leave jobs as they are: the ledger has ended them already, each in one transaction with its attempt."""

    async def update_heartbeat(self, job_ids: list[JobId]) -> None:
        """Say that jobs are being worked on, as far as they are this worker's."""
        await self.driver.execute(
            f"UPDATE {QUEUE} SET heartbeat = now() WHERE id = ANY($1::bigint[]) AND queue_manager_id = $2",  # noqa: S608
            list(set(job_ids)),
            self.holder,
        )


class _Manager(QueueManager):
    """Takes jobs only of kinds that have a place free in this worker; the library would limit them over all."""

    def __init__(self, own: _Queries, runner: Runner) -> None:
        super().__init__(own)
        own.holder = self.queue_manager_id
        self.min_dequeue_poll_interval = NO_PLACE_POLL
        self._runner = runner
        self._under_way: dict[JobId, str] = {}
        for kind in runner.kinds:
            self.entrypoint(kind, accepts_context=False)(self._perform)

    async def _perform(self, job: Job) -> None:
        assert job.payload is not None  # noqa: S101 - enqueue always gives one
        await self._runner.perform(Delivery(job.id, job.entrypoint, UUID(bytes=job.payload), self.queue_manager_id))

    def entrypoints_below_capacity_limits(self) -> set[QueueEntrypoint]:
        """Return the kinds of which one more may run."""
        kinds = self._runner.kinds
        taken = Counter(kinds[kind].places for kind in self._under_way.values())
        return {QueueEntrypoint(name) for name, kind in kinds.items() if taken[kind.places] < kind.places.count}

    async def fetch_jobs(self, *arguments: Any) -> AsyncGenerator[Job, None]:
        """Give jobs one at a time, each counted before the next one is looked for."""
        async for job in super().fetch_jobs(*arguments):
            self._under_way[job.id] = job.entrypoint
            yield job

    def forget_job(self, job_id: JobId, context: Context, task: asyncio.Task[None]) -> None:
        """Free the place of a job."""
        super().forget_job(job_id, context, task)
        self._under_way.pop(job_id, None)


async def take_jobs(settings: Settings, runner: Runner) -> None:
    """Run jobs until the worker is to stop, or its connections are lost; then wait for those under way.

    Raises
    ------
    Exception
        Any that the driver has for a connection that is cut, its internal ones too.
    """
    async with _pool(settings) as pool:
        manager = _Manager(cast("_Queries", queries(AsyncpgPoolDriver(pool), as_=_Queries)), runner)

        async def shut_down() -> None:
            await runner.stop.wait()
            manager.shutdown.set()

        watching = asyncio.create_task(shut_down())
        try:
            await manager.run(
                dequeue_timeout=DEQUEUE_TIMEOUT,
                batch_size=1,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                shutdown_on_listener_failure=True,
                log_aggregation_interval=timedelta(0),
            )
        finally:
            watching.cancel()


@asynccontextmanager
async def _pool(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """Give the queue's own connections; they are cut, not closed, if the server no longer answers."""
    assert settings.database_url is not None  # noqa: S101 - the worker has checked
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
