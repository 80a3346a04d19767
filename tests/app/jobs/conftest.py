"""Jobs of the test's own kinds on the worker's database, and the effects that they leave."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import ActorKind, AuditRecord
from app.core.database import SessionFactory, transaction
from app.core.jobs import enqueue
from app.core.model import new_id
from app.core.settings import Settings
from app.jobs.ledger import Delivery
from app.jobs.running import JobContext, Kind, Runner
from tests.support.jobs import deliver


@pytest.fixture
async def sessions(app: FastAPI) -> SessionFactory:
    """Sessions of the application's role."""
    factory: SessionFactory = app.state.sessions
    return factory


async def effect(session: AsyncSession, job: JobContext) -> None:
    """Leave the one effect of a job."""
    session.add(
        AuditRecord(
            actor=ActorKind.JOB,
            job=job.kind,
            action="effect",
            object_type="tests",
            object_id=job.subject_id,
            reason_text=str(job.attempt),
        )
    )


async def do_at_once(job: JobContext) -> None:
    """Have the effect, as a handler should."""
    async with job.last_transaction() as session:
        await effect(session, job)


@dataclass
class Bench:
    """What a test does with jobs of one kind."""

    sessions: SessionFactory
    settings: Settings
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    name: str = "test"

    async def enqueued(self) -> UUID:
        subject = new_id()
        async with transaction(self.sessions) as session:
            await enqueue(session, self.name, subject)
        return subject

    def runner(self, handler: Callable[[JobContext], Awaitable[None]], **kind: object) -> Runner:
        kinds: Mapping[str, Kind] = {self.name: Kind(handler, **kind)}  # type: ignore[arg-type]
        return Runner(self.sessions, self.settings, kinds, self.stop)

    async def deliver(self, subject: UUID) -> Delivery:
        return await deliver(self.sessions, self.name, subject)

    async def perform(
        self, subject: UUID, handler: Callable[[JobContext], Awaitable[None]] = do_at_once, **kind: object
    ) -> Delivery:
        delivery = await self.deliver(subject)
        await self.runner(handler, **kind).perform(delivery)
        return delivery

    async def effects(self, subject: UUID) -> list[str]:
        """Return which attempts have had an effect, in their order."""
        return await self._column(
            "SELECT reason_text FROM audit_records WHERE object_id = :id AND action = 'effect' ORDER BY id", subject
        )

    async def outcomes(self, subject: UUID) -> list[str]:
        return await self._column("SELECT outcome FROM job_attempts WHERE subject_id = :id ORDER BY attempt", subject)

    async def statuses(self, subject: UUID) -> list[str]:
        return await self._column(
            "SELECT status::text FROM jobs.pgqueuer WHERE payload = uuid_send(:id) ORDER BY id",
            subject,
        )

    async def _column(self, query: str, subject: UUID) -> list[str]:
        async with self.sessions() as session:
            return list(await session.scalars(text(query), {"id": subject}))


@pytest.fixture
async def bench(sessions: SessionFactory, settings: Settings) -> Bench:
    return Bench(sessions, settings.model_copy(update={"job_attempts": 3, "job_backoff_seconds": 0.01}))


async def fails(job: JobContext) -> None:
    """Write, and fail before the commit."""
    async with job.last_transaction() as session:
        await effect(session, job)
        raise ValueError(f"attempt {job.attempt}")


async def begun(bench: Bench, subject: UUID) -> JobContext:
    """Return the context of an attempt that is under way in a worker that has fallen silent."""
    contexts: list[JobContext] = []
    under_way = asyncio.Event()

    async def falls_silent(job: JobContext) -> None:
        contexts.append(job)
        under_way.set()
        await asyncio.Event().wait()

    delivery = await bench.deliver(subject)
    silent = asyncio.create_task(bench.runner(falls_silent).perform(delivery))
    await under_way.wait()
    silent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await silent
    return contexts[0]
