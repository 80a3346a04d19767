"""The job queue: a job is enqueued in the transaction that needs it, and exists only if that commits.

What a job is about stands in our own tables; the queue carries an identifier, and may deliver it twice.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.driver import Driver
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

QUEUE_SCHEMA = "jobs"
QUEUE = f"{QUEUE_SCHEMA}.pgqueuer"
"""The queue's table."""

_SETTINGS = DBSettings(db_schema=QUEUE_SCHEMA)


class Entrypoint(StrEnum):
    """The kinds of jobs; `app.worker.JOBS` says how each is run."""

    SOLVE = "solve"
    CERTIFY = "certify"
    WAITING = "waiting"
    SIGN_IN_MAIL = "sign_in_mail"
    LETTER = "letter"


class JobState(StrEnum):
    """Where a job stands; a parked one has used up its tries, and waits for people."""

    WAITING = "waiting"
    RUNNING = "running"
    PARKED = "parked"
    DONE = "done"
    DROPPED = "dropped"


class JobCounts(NamedTuple):
    """The jobs in the queue, by kind and state, and for how long the first one that is due has waited."""

    counts: Mapping[tuple[str, JobState], int]
    longest_wait_s: float

    def of(self, state: JobState) -> int:
        """Return how many jobs of all kinds are in a state."""
        return sum(count for (_, found), count in self.counts.items() if found is state)


_STATES = {"queued": JobState.WAITING, "picked": JobState.RUNNING, "failed": JobState.PARKED}


def install_sql() -> str:
    """Return the statements that make the queue's schema, its tables and its trigger."""
    return QueryBuilderEnvironment(_SETTINGS).build_install_query()


def queries(driver: Driver, *, as_: type[Queries] = Queries) -> Queries:
    """Return the queue's operations over a driver of the queue's library, those of a subclass where one is given."""
    return as_(
        driver,
        qbe=QueryBuilderEnvironment(_SETTINGS),
        qbq=QueryQueueBuilder(_SETTINGS),
        qbs=QuerySchedulerBuilder(_SETTINGS),
    )


def dedupe_key(entrypoint: Entrypoint | str, identifier: UUID) -> str:
    """Return the key that keeps a job from waiting twice in the queue."""
    return f"{entrypoint}:{identifier}"


async def enqueue(session: AsyncSession, entrypoint: Entrypoint | str, identifier: UUID) -> None:
    """Add a job to the queue in the session's transaction; one that waits already is not doubled.

    While one runs for the same subject, another is added, which begins when that one has ended.
    """
    await enqueue_all(session, entrypoint, [identifier])


async def enqueue_all(
    session: AsyncSession, entrypoint: Entrypoint | str, identifiers: Sequence[UUID], *, priority: int = 0
) -> None:
    """Add a job for each of these subjects, as `enqueue` does for one, in one statement.

    Those of a higher priority begin first; one that is tried again keeps its own.
    """
    # SQLAlchemy begins a transaction at its first statement: without one, the job would commit by itself.
    await session.execute(text("SELECT 1"))
    connection = await (await session.connection()).get_raw_connection()
    raw: Any = connection.driver_connection
    await queries(AsyncpgDriver(raw)).enqueue(
        [str(entrypoint) for _ in identifiers],
        [identifier.bytes for identifier in identifiers],
        [priority for _ in identifiers],
        dedupe_key=[dedupe_key(entrypoint, identifier) for identifier in identifiers],
        on_conflict="skip",
    )


async def job_counts(session: AsyncSession) -> JobCounts:
    """Return how many jobs wait, run and are parked, and for how many seconds one that is due has waited at most.

    Jobs that are over are not counted: their number is no state of the queue.
    """
    statement = text(
        f"""
        SELECT entrypoint, CAST(status AS text), count(*),
            coalesce(max(extract(epoch FROM now() - execute_after)) FILTER (WHERE status = 'queued'), 0)
        FROM {QUEUE} WHERE status IN ('queued', 'picked', 'failed') GROUP BY entrypoint, status
        """  # noqa: S608 - the table's name is a constant
    )
    rows = (await session.execute(statement)).all()
    counts = {(kind, _STATES[status]): count for kind, status, count, _ in rows}
    return JobCounts(counts, max((0.0, *(float(wait) for *_, wait in rows))))
