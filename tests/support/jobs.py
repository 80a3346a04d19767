"""Running a job of the queue in the test's own process, as a worker would, and looking at the queue."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from app.allocation.models import Run
from app.allocation.preparing import prepare_run
from app.allocation.runs import claim_run
from app.core.database import SessionFactory, transaction
from app.core.jobs import Entrypoint
from app.core.settings import Settings
from app.jobs import ledger
from app.jobs.ledger import Delivery
from app.jobs.running import JobContext, Kind, Runner
from app.worker import FOLLOW_UPS, JOBS, READINGS


async def deliver(sessions: SessionFactory, kind: str, subject_id: UUID, status: str | None = None) -> Delivery:
    """Take the job of a subject from the queue, whoever has it, as one dequeue of the queue's library does.

    With `status`, only one in that status is taken.
    """
    holder = uuid4()
    statement = text(
        "UPDATE jobs.pgqueuer SET status = 'picked', queue_manager_id = :holder, heartbeat = now(), updated = now()"
        " WHERE entrypoint = :kind AND payload = :subject"
        " AND (CAST(:status AS text) IS NULL OR status::text = :status) RETURNING id"
    )
    async with transaction(sessions) as session:
        values = {"holder": holder, "kind": kind, "subject": subject_id.bytes, "status": status}
        job_id = (await session.execute(statement, values)).scalar_one()
    return Delivery(job_id, kind, subject_id, holder)


async def perform(
    sessions: SessionFactory,
    kind: str,
    subject_id: UUID,
    settings: Settings | None = None,
    kinds: Mapping[str, Kind] = JOBS,
) -> Delivery:
    """Run the job of a subject to the end of its attempt."""
    delivery = await deliver(sessions, kind, subject_id)
    await Runner(sessions, settings or Settings(), kinds, asyncio.Event()).perform(delivery)
    return delivery


async def begun(sessions: SessionFactory, run_id: UUID) -> Run:
    """Begin a run as a worker does, up to where its problem is to be solved."""
    async with transaction(sessions) as session:
        run = await claim_run(session, run_id, FOLLOW_UPS)
    assert run is not None
    return run if run.problem else await prepare_run(await _job(sessions, run_id), run, READINGS[run.kind])


async def _job(sessions: SessionFactory, run_id: UUID) -> JobContext:
    """Return the job of a run as a worker has it, taken from the queue."""
    delivery = await deliver(sessions, Entrypoint.SOLVE, run_id)
    async with transaction(sessions) as session:
        attempt = await ledger.take(session, delivery, "test", ledger.Limits(3, timedelta()))
    assert attempt is not None
    context = delivery.job_id, delivery.kind, run_id, attempt.attempt, sessions, Settings()
    return JobContext(*context, asyncio.Event())


async def queue(sessions: SessionFactory) -> list[Any]:
    """Return what is in the queue: kind and status of each job, in the order of their enqueuing."""
    async with sessions() as session:
        return [
            tuple(row)
            for row in await session.execute(text("SELECT entrypoint, status::text FROM jobs.pgqueuer ORDER BY id"))
        ]
