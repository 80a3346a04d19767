"""The job queue: a job is enqueued in the transaction that needs it, and exists only if that commits.

What a job is about stands in our own tables; the queue carries an identifier, and may deliver it twice.
"""

from enum import StrEnum
from typing import Any
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
_SETTINGS = DBSettings(db_schema=QUEUE_SCHEMA)


class Entrypoint(StrEnum):
    """The kinds of jobs; a worker runs all of them."""

    SOLVE = "solve"
    CERTIFY = "certify"
    WAITING = "waiting"


def install_sql() -> str:
    """Return the statements that make the queue's schema, its tables and its trigger."""
    return QueryBuilderEnvironment(_SETTINGS).build_install_query()


def queries(driver: Driver) -> Queries:
    """Return the queue's operations over a driver of the queue's library."""
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(_SETTINGS),
        qbq=QueryQueueBuilder(_SETTINGS),
        qbs=QuerySchedulerBuilder(_SETTINGS),
    )


def dedupe_key(entrypoint: Entrypoint, identifier: UUID) -> str:
    """Return the key that keeps a job from waiting twice in the queue."""
    return f"{entrypoint.value}:{identifier}"


async def enqueue(session: AsyncSession, entrypoint: Entrypoint, identifier: UUID) -> None:
    """Add a job to the queue in the session's transaction; one that waits or runs already is not doubled."""
    # SQLAlchemy begins a transaction at its first statement: without one, the job would commit by itself.
    await session.execute(text("SELECT 1"))
    connection = await (await session.connection()).get_raw_connection()
    raw: Any = connection.driver_connection
    await queries(AsyncpgDriver(raw)).enqueue(
        entrypoint.value,
        identifier.bytes,
        dedupe_key=dedupe_key(entrypoint, identifier),
        on_conflict="skip",
    )
