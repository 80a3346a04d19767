"""Queries on attempts and on the queue's own rows: whoever changes both locks the attempt first."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.jobs import QUEUE, dedupe_key
from app.jobs.models import JobAttempt, Outcome
from app.jobs.rules import TRIES


async def last_attempt(session: AsyncSession, job_id: int) -> JobAttempt | None:
    """Return the last attempt at a job as it stands now, locked until the transaction ends, or None."""
    statement = (
        select(JobAttempt)
        .where(col(JobAttempt.job_id) == job_id)
        .order_by(col(JobAttempt.attempt).desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def open_attempt(session: AsyncSession, job_id: int, attempt: int, *, shared: bool = False) -> JobAttempt | None:
    """Return an attempt that is open still, locked until the transaction ends: nobody can take its job meanwhile.

    With `shared`, other transactions of the same attempt may go on beside this one.
    """
    statement = (
        select(JobAttempt)
        .where(col(JobAttempt.job_id) == job_id, col(JobAttempt.attempt) == attempt, col(JobAttempt.outcome).is_(None))
        .with_for_update(read=shared)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def attempts_at(session: AsyncSession, job_id: int) -> list[JobAttempt]:
    """Return every attempt at a job, first one first."""
    statement = select(JobAttempt).where(col(JobAttempt.job_id) == job_id).order_by(col(JobAttempt.attempt))
    return list(await session.scalars(statement))


async def tries_of(session: AsyncSession, job_id: int) -> int:
    """Return how often a job was tried in vain since people last put it back."""
    put_back = select(func.coalesce(func.max(JobAttempt.attempt), 0)).where(
        col(JobAttempt.job_id) == job_id, col(JobAttempt.outcome) == Outcome.RETRIED
    )
    statement = select(func.count()).where(
        col(JobAttempt.job_id) == job_id,
        col(JobAttempt.outcome).in_(TRIES),
        col(JobAttempt.attempt) > put_back.scalar_subquery(),
    )
    return (await session.scalar(statement)) or 0


async def claim(session: AsyncSession, job_id: int, holder: UUID) -> bool:
    """Tell whether the queue has given a job to this holder and to nobody since; its row stays locked.

    What is enqueued from now on for its subject is another job: this one may have read its facts already.
    """
    statement = text(
        f"UPDATE {QUEUE} SET dedupe_key = NULL"  # noqa: S608 - the table's name is a constant
        " WHERE id = :id AND status = 'picked' AND queue_manager_id = :holder RETURNING id"
    )
    return (await session.execute(statement, {"id": job_id, "holder": holder})).one_or_none() is not None


async def runs_beside(session: AsyncSession, job_id: int, kind: str, subject_id: UUID) -> bool:
    """Tell whether another job of a kind for a subject runs; none begins until the transaction ends."""
    values = {"id": job_id, "kind": kind, "subject": subject_id}
    lock = "SELECT pg_advisory_xact_lock(hashtextextended(:kind || CAST(CAST(:subject AS uuid) AS text), 0))"
    await session.execute(text(lock), values)
    statement = text(
        f"""
        SELECT EXISTS (
            SELECT FROM job_attempts other JOIN {QUEUE} queue ON queue.id = other.job_id AND queue.status = 'picked'
            WHERE other.outcome IS NULL AND other.kind = :kind AND other.subject_id = :subject AND other.job_id <> :id)
        """  # noqa: S608
    )
    return bool(await session.scalar(statement, values))


async def remove(session: AsyncSession, job_id: int) -> None:
    """Take a job out of the queue."""
    await session.execute(text(f"DELETE FROM {QUEUE} WHERE id = :id"), {"id": job_id})  # noqa: S608


async def put_back(
    session: AsyncSession, job_id: int, kind: str, subject_id: UUID, delay: timedelta = timedelta(0)
) -> None:
    """Let a job wait in the queue again, not before a delay is over; the same job is not enqueued beside it."""
    statement = text(
        f"""
        UPDATE {QUEUE} SET status = 'queued', queue_manager_id = NULL, updated = now(),
            execute_after = now() + CAST(:delay AS interval),
            dedupe_key = CASE WHEN NOT EXISTS (
                SELECT FROM {QUEUE} other WHERE other.dedupe_key = :key AND other.id <> :id
                    AND other.status IN ('queued', 'picked')) THEN :key END
        WHERE id = :id
        """  # noqa: S608
    )
    await session.execute(statement, {"id": job_id, "delay": delay, "key": dedupe_key(kind, subject_id)})


async def park(session: AsyncSession, job_id: int) -> None:
    """Keep a job in the queue where no worker takes it."""
    statement = text(
        f"UPDATE {QUEUE} SET status = 'failed', queue_manager_id = NULL, updated = now() WHERE id = :id"  # noqa: S608
    )
    await session.execute(statement, {"id": job_id})


async def parked(session: AsyncSession, kind: str) -> list[int]:
    """Return the parked jobs of a kind, in the order of their enqueuing."""
    statement = text(f"SELECT id FROM {QUEUE} WHERE status = 'failed' AND entrypoint = :kind ORDER BY id")  # noqa: S608
    return list(await session.scalars(statement, {"kind": kind}))


async def waits_beside(session: AsyncSession, job_id: int) -> bool:
    """Tell whether another job of the same kind for the same subject waits or is about to be begun."""
    statement = text(
        f"""
        SELECT EXISTS (
            SELECT FROM {QUEUE} mine
            JOIN {QUEUE} other ON other.entrypoint = mine.entrypoint AND other.payload = mine.payload
            WHERE mine.id = :id AND other.id <> mine.id AND other.status IN ('queued', 'picked'))
        """  # noqa: S608
    )
    return bool(await session.scalar(statement, {"id": job_id}))


_JOBS = f"""
WITH latest AS (
    SELECT DISTINCT ON (job_id) * FROM job_attempts WHERE CAST(:id AS bigint) IS NULL OR job_id = :id
    ORDER BY job_id, attempt DESC
), listed AS (
    SELECT coalesce(queue.id, latest.job_id) AS id,
        coalesce(queue.entrypoint, latest.kind) AS kind,
        coalesce(CAST(encode(queue.payload, 'hex') AS uuid), latest.subject_id) AS subject_id,
        CASE WHEN queue.status = 'queued' THEN 'waiting' WHEN queue.status = 'picked' THEN 'running'
            WHEN queue.status = 'failed' THEN 'parked' WHEN latest.outcome = 'done' THEN 'done'
            ELSE 'dropped' END AS state,
        coalesce(latest.attempt, 0) AS attempt,
        coalesce(queue.created, latest.started_at) AS since,
        CASE WHEN queue.status = 'queued' THEN queue.execute_after END AS due_at,
        CASE WHEN queue.status = 'picked' OR queue.id IS NULL OR queue.status = 'failed' THEN latest.worker END
            AS worker,
        CASE WHEN latest.outcome = 'done' THEN NULL ELSE latest.error END AS error
    FROM (SELECT * FROM {QUEUE} WHERE CAST(:id AS bigint) IS NULL OR id = :id) queue
        FULL JOIN latest ON latest.job_id = queue.id
)
SELECT * FROM listed WHERE CAST(:state AS text) IS NULL OR state = :state
ORDER BY array_position(ARRAY['parked', 'running', 'waiting'], state) NULLS LAST, id DESC
LIMIT :limit
"""  # noqa: S608


async def jobs(session: AsyncSession, *, state: str | None, job_id: int | None, limit: int) -> list[dict[str, Any]]:
    """Return jobs with the last attempt at each: those in the queue, and those over whose attempts are still kept."""
    values = {"state": state, "id": job_id, "limit": limit}
    statement = text(_JOBS).columns(error=JSONB)
    return [dict(row) for row in (await session.execute(statement, values)).mappings()]


async def remove_old_attempts(session: AsyncSession, before: datetime, limit: int) -> int:
    """Remove attempts that ended before an instant, so many at most; those at a job in the queue stay."""
    return await _remove_some(
        session,
        f"""
        DELETE FROM job_attempts WHERE id = ANY(ARRAY(
            SELECT id FROM job_attempts old
            WHERE finished_at < :before AND NOT EXISTS (SELECT FROM {QUEUE} WHERE {QUEUE}.id = old.job_id)
            ORDER BY finished_at LIMIT :limit))
        RETURNING id
        """,  # noqa: S608
        before,
        limit,
    )


async def remove_old_log(session: AsyncSession, before: datetime, limit: int) -> int:
    """Remove what the queue's library has logged before an instant, so many lines at most."""
    return await _remove_some(
        session,
        f"""
        DELETE FROM {QUEUE}_log WHERE id = ANY(ARRAY(
            SELECT id FROM {QUEUE}_log WHERE created < :before ORDER BY created LIMIT :limit))
        RETURNING id
        """,  # noqa: S608
        before,
        limit,
    )


async def _remove_some(session: AsyncSession, removal: str, before: datetime, limit: int) -> int:
    statement = text(removal).bindparams(before=before, limit=limit)
    return len((await session.execute(statement)).all())
