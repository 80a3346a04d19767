"""What stands at the moment of a scrape: connections, jobs, workers; read from the database, but not too often."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import DATABASE_FAILURES, make_session_factory, transaction
from app.core.heartbeats import SEEN_LATELY_SECONDS
from app.core.jobs import JobCounts, job_counts
from app.core.metrics import REGISTRY
from app.core.tenancy import EVERYBODY, acting_for

FRESH_SECONDS = 5.0
PATIENCE_SECONDS = 2.0

OLDEST_UNSEALED = text(
    "SELECT extract(epoch FROM clock_timestamp() - at) FROM audit_records"
    " WHERE id > coalesce((SELECT last_record_id FROM audit_seals ORDER BY sequence DESC LIMIT 1), 0)"
    " AND isfinite(at) ORDER BY id LIMIT 1"
)
"""For how many seconds the first audit record without a seal has waited for it."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Standing:
    """What the database said at the last look, and when that was; `reached` is whether it said anything."""

    reached: bool = False
    jobs: JobCounts = field(default_factory=lambda: JobCounts({}, 0.0))
    workers: int = 0
    unsealed_seconds: float = 0.0
    looked_at: float = -FRESH_SECONDS


class Gauges:
    """Writes the figures of one application as Prometheus reads them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._standing = Standing()
        self._looking = asyncio.Lock()

    async def exposition(self) -> bytes:
        """Return all figures; those that only the database knows are missing while it cannot be reached."""
        async with self._looking:
            if time.monotonic() - self._standing.looked_at >= FRESH_SECONDS:
                self._standing = await self._look()
        return generate_latest(REGISTRY) + generate_latest(self._gauges())

    async def _look(self) -> Standing:
        found = Standing(looked_at=time.monotonic())
        try:
            with acting_for(EVERYBODY):
                await self._ask(found)
        except DATABASE_FAILURES as error:
            log.warning("database_not_measured", error=error)
        return found

    async def _ask(self, found: Standing) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), transaction(make_session_factory(self._engine)) as session:
            found.jobs = await job_counts(session)
            found.workers = await session.scalar(
                text("SELECT count(*) FROM worker_heartbeats WHERE seen_at > now() - make_interval(secs => :lately)"),
                {"lately": SEEN_LATELY_SECONDS},
            )
            found.unsealed_seconds = max(0.0, float(await session.scalar(OLDEST_UNSEALED) or 0.0))
            found.reached = True

    def _gauges(self) -> CollectorRegistry:
        made = CollectorRegistry()
        standing, pool = self._standing, self._engine.pool

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"creneau_{name}", words, labels, registry=made)

        gauge("database_up", "Whether the database answered at the last look.").set(standing.reached)
        connections: Any = pool
        gauge("database_pool_size", "Connections that this process may have.").set(connections.size())
        gauge("database_pool_in_use", "Connections in use.").set(connections.checkedout())
        if standing.reached:
            gauge("workers", f"Workers seen in the last {SEEN_LATELY_SECONDS} s.").set(standing.workers)
            waiting = gauge("audit_unsealed_seconds", "How long the first audit record without a seal has waited.")
            waiting.set(standing.unsealed_seconds)
            jobs = gauge("jobs", "Jobs in the queue.", "kind", "state")
            for (kind, state), count in standing.jobs.counts.items():
                jobs.labels(kind, state).set(count)
            due = gauge("jobs_longest_due_seconds", "How long the first job to run has been due.")
            due.set(standing.jobs.longest_wait_s)
        return made
