"""The ledger of attempts: a job is taken, and its attempt ended, by whoever has the attempt's number.

The queue's library would end a job by its identifier alone, also for a worker that another has overtaken; so it ends
here, together with the attempt, and in the transaction of the job's effect where there is one.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import now
from app.jobs import repository
from app.jobs.errors import AttemptOvertaken, WorkerDied
from app.jobs.faults import Fault, fault_of
from app.jobs.models import JobAttempt, Outcome
from app.jobs.rules import delay_after, require_transition

AFTER_THE_OTHER = timedelta(seconds=1)
"""Between two tries to begin a job while another one for its subject runs."""

log = structlog.get_logger(__name__)

GivenUp = Callable[[AsyncSession, UUID, int], Awaitable[None]]
"""Told, in the transaction that parks a job, the job's subject and how often it was tried."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A job that the queue has given to a holder."""

    job_id: int
    kind: str
    subject_id: UUID
    holder: UUID


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a job is tried, how long it waits in between, and who is told when it is given up."""

    tries: int
    backoff: timedelta
    given_up: GivenUp | None = None


async def take(session: AsyncSession, delivery: Delivery, worker: str, limits: Limits) -> JobAttempt | None:
    """Begin the next attempt at a job and return it; None if the job is another's by now, must wait, or is given up.

    An attempt that is open still is that of a worker that died, or will wake up too late. While another job of the
    kind runs for the same subject, this one waits: what made it necessary may have come too late for the other.
    """
    what = (delivery.job_id, delivery.kind, delivery.subject_id)
    runs_beside = await repository.runs_beside(session, *what)
    last = await repository.last_attempt(session, delivery.job_id)
    if not await repository.claim(session, delivery.job_id, delivery.holder):
        return None
    if runs_beside:
        await repository.put_back(session, *what, AFTER_THE_OTHER)
        return None
    if last is not None and last.outcome is None:
        fault = fault_of(WorkerDied("Its worker died, or no longer answered."))
        if await _tried_in_vain(session, last, Outcome.LOST, fault, limits):
            return None
    attempt = JobAttempt(
        job_id=delivery.job_id,
        attempt=last.attempt + 1 if last else 1,
        kind=delivery.kind,
        subject_id=delivery.subject_id,
        worker=worker,
        started_at=now(),
    )
    session.add(attempt)
    await session.flush()
    return attempt


async def hold(session: AsyncSession, job_id: int, attempt: int, *, shared: bool = False) -> JobAttempt:
    """Return an attempt, locked: until the transaction ends, nobody else can take its job.

    Raises
    ------
    AttemptOvertaken
        If it is over: its job has another attempt, or has ended.
    """
    row = await repository.open_attempt(session, job_id, attempt, shared=shared)
    if row is None:
        raise AttemptOvertaken(f"Attempt {attempt} at job {job_id} is over.", facts={"job_id": job_id})
    return row


async def finish(session: AsyncSession, attempt: JobAttempt) -> None:
    """End a job that is done."""
    _end(attempt, Outcome.DONE)
    await session.flush()
    await repository.remove(session, attempt.job_id)


async def give_back(session: AsyncSession, attempt: JobAttempt) -> None:
    """Let another worker begin a job anew at once, as if it had not been tried."""
    _end(attempt, Outcome.GIVEN_BACK)
    await session.flush()
    await repository.put_back(session, attempt.job_id, attempt.kind, attempt.subject_id)


async def fail(session: AsyncSession, attempt: JobAttempt, error: BaseException, limits: Limits) -> bool:
    """Let a job that failed wait to be tried again, or park it after the last try; return whether it is parked."""
    fault = fault_of(error)
    if await _tried_in_vain(session, attempt, Outcome.FAILED, fault, limits):
        return True
    tries = await repository.tries_of(session, attempt.job_id)
    delay = delay_after(tries, limits.backoff, random.random())  # noqa: S311
    await repository.put_back(session, attempt.job_id, attempt.kind, attempt.subject_id, delay)
    return False


async def _tried_in_vain(
    session: AsyncSession, attempt: JobAttempt, outcome: Outcome, fault: Fault, limits: Limits
) -> bool:
    """End an attempt that came to nothing, and return whether it was the last one that the job had."""
    tries = await repository.tries_of(session, attempt.job_id) + 1
    attempt.error = fault
    if tries < limits.tries:
        _end(attempt, outcome)
        await session.flush()
        return False
    _end(attempt, Outcome.PARKED)
    await session.flush()
    await repository.park(session, attempt.job_id)
    log.error("job_parked", job_id=attempt.job_id, kind=attempt.kind, tries=tries, error=fault["class"])
    if limits.given_up is not None:
        await _tell(session, limits.given_up, attempt, tries)
    return True


async def _tell(session: AsyncSession, given_up: GivenUp, attempt: JobAttempt, tries: int) -> None:
    """Tell that a job is given up; who fails to hear it does not keep the job from being parked."""
    try:
        async with session.begin_nested():
            await given_up(session, attempt.subject_id, tries)
    except Exception:
        log.exception("job_given_up_untold", job_id=attempt.job_id, kind=attempt.kind)


def _end(attempt: JobAttempt, outcome: Outcome) -> None:
    require_transition(attempt.outcome, outcome)
    attempt.outcome = outcome
    attempt.finished_at = now()
