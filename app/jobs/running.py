"""Running one job: its handler is called with the attempt that it is, and the attempt is ended whatever happens."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import SessionFactory, transaction
from app.core.settings import Settings
from app.jobs import ledger
from app.jobs.errors import AttemptOvertaken, JobInterrupted, JobTimedOut
from app.jobs.faults import headline
from app.jobs.ledger import Delivery, GivenUp, Limits

LAST_MOMENTS_SECONDS = 5.0
"""For a handler whose worker is to stop, and for one that is cancelled."""

log = structlog.get_logger(__name__)


@dataclass
class JobContext:
    """What a handler is given: the attempt that it is, and the transactions that count only while it is current.

    Attributes
    ----------
    subject_id
        What the job is about, as it was enqueued.
    attempt
        From 1; a worker that died, or one that was overtaken, had a lower one.
    stop
        Set when the worker is to stop; a handler that takes long gives up then, by raising `JobInterrupted`.
    """

    job_id: int
    kind: str
    subject_id: UUID
    attempt: int
    sessions: SessionFactory
    settings: Settings
    stop: asyncio.Event
    concluded: bool = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Give a transaction in which nobody else has taken the job: what is written belongs to this attempt.

        Raises
        ------
        AttemptOvertaken
            If the job is another attempt's by now.
        """
        async with transaction(self.sessions) as session:
            await ledger.hold(session, self.job_id, self.attempt, shared=True)
            yield session

    @asynccontextmanager
    async def last_transaction(self) -> AsyncIterator[AsyncSession]:
        """Give the transaction that also ends the job: its effect and its end are one, so it has its effect once.

        Raises
        ------
        AttemptOvertaken
            If the job is another attempt's by now.
        """
        async with transaction(self.sessions) as session:
            attempt = await ledger.hold(session, self.job_id, self.attempt)
            yield session
            await ledger.finish(session, attempt)
        self.concluded = True


Handler = Callable[[JobContext], Awaitable[None]]
"""Does a job. It may be called again for the same subject, and may be overtaken at any time: it writes in the
context's transactions alone, and writes what must not happen twice in the last one. Any error has it tried again."""


@dataclass(frozen=True, eq=False, slots=True)
class Places:
    """How many jobs run at once in one worker, of one kind or of several that share them."""

    count: int


LIGHT = Places(8)
"""Of jobs that mostly wait for others."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of job is run.

    Attributes
    ----------
    places
        Limits how many run at once in a worker; the jobs of other places do not wait behind them.
    tries
        After so many it is parked; the setting `JOB_ATTEMPTS` where none is given.
    seconds
        A handler that takes longer has failed; None where the handler limits itself.
    given_up
        Called in the transaction that parks a job.
    """

    handler: Handler
    places: Places = LIGHT
    tries: int | None = None
    seconds: float | None = 300.0
    given_up: GivenUp | None = None


def this_worker() -> str:
    """Return the name of this process among the workers, for people."""
    return f"{socket.gethostname()[:255]}:{os.getpid()}"


@dataclass(frozen=True)
class Runner:
    """Runs jobs of the kinds that it knows.

    Attributes
    ----------
    span
        Gives the context in which a job of a kind is traced.
    """

    sessions: SessionFactory
    settings: Settings
    kinds: Mapping[str, Kind]
    stop: asyncio.Event
    span: Callable[[str], AbstractContextManager[object]] = nullcontext
    worker: str = field(default_factory=this_worker)

    async def perform(self, delivery: Delivery) -> None:
        """Run a job that the queue has delivered, unless it is another's by now, and end its attempt."""
        kind = self.kinds[delivery.kind]
        limits = Limits(
            kind.tries or self.settings.job_attempts,
            timedelta(seconds=self.settings.job_backoff_seconds),
            kind.given_up,
        )
        async with transaction(self.sessions) as session:
            taken = await ledger.take(session, delivery, self.worker, limits)
        if taken is None:
            return
        context = JobContext(
            delivery.job_id, delivery.kind, delivery.subject_id, taken.attempt, self.sessions, self.settings, self.stop
        )
        try:
            with self.span(context.kind):
                await self._do(kind, context)
        except AttemptOvertaken:
            log.warning("job_overtaken", job_id=context.job_id, kind=context.kind, attempt=context.attempt)
        except Exception as error:  # noqa: BLE001 - whatever stops a job is written down with it
            await self._end_in_vain(context, error, limits)

    async def _do(self, kind: Kind, context: JobContext) -> None:
        await self._handle(kind, context)
        if not context.concluded:
            async with context.last_transaction():
                pass

    async def _handle(self, kind: Kind, context: JobContext) -> None:
        """Wait for the handler, as long as it may take; when the worker is to stop, a few moments more."""
        work = asyncio.ensure_future(kind.handler(context))
        stopping = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({work, stopping}, timeout=kind.seconds, return_when=asyncio.FIRST_COMPLETED)
            if self.stop.is_set():
                await asyncio.wait({work}, timeout=LAST_MOMENTS_SECONDS)
            if work.done():
                await work
            elif self.stop.is_set():
                raise JobInterrupted("the worker is stopping")
            else:
                raise JobTimedOut(f"It was still running after {kind.seconds:.0f} s.")
        finally:
            stopping.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait({work}, timeout=LAST_MOMENTS_SECONDS)

    async def _end_in_vain(self, context: JobContext, error: Exception, limits: Limits) -> None:
        """End the attempt of a handler that raised; if even that fails, the queue finds the job abandoned."""
        try:
            async with transaction(self.sessions) as session:
                attempt = await ledger.hold(session, context.job_id, context.attempt)
                if isinstance(error, JobInterrupted):
                    await ledger.give_back(session, attempt)
                    return
                parked = await ledger.fail(session, attempt, error, limits)
        except AttemptOvertaken:
            return
        log.warning(
            "job_failed",
            job_id=context.job_id,
            kind=context.kind,
            attempt=context.attempt,
            parked=parked,
            error=headline(attempt.error),
            trace=attempt.error and attempt.error["trace"],
        )
