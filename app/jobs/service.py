"""What people do with jobs: look at them, try a parked one again or drop it; and how long attempts are kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.errors import NotFound
from app.core.jobs import JobState
from app.core.settings import get_settings
from app.jobs import repository
from app.jobs.errors import JobNotParked, JobWaitsAlready
from app.jobs.faults import Fault
from app.jobs.models import JobAttempt, Outcome
from app.jobs.rules import require_transition

REMOVED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class JobView:
    """A job with its last attempt.

    Attributes
    ----------
    since
        When it was enqueued; of one that is over, when its last attempt began.
    due_at
        Before it, a job that waits is not tried; None unless it waits.
    error
        What the last attempt failed of.
    """

    id: int
    kind: str
    subject_id: UUID
    state: JobState
    attempt: int
    since: datetime
    due_at: datetime | None
    worker: str | None
    error: Fault | None


async def list_jobs(session: AsyncSession, *, state: JobState | None = None, limit: int = 50) -> list[JobView]:
    """Return jobs, those that need people first, then what runs and waits, then what is over; newest first in each."""
    return [_view(row) for row in await repository.jobs(session, state=state, job_id=None, limit=limit)]


async def get_job(session: AsyncSession, job_id: int) -> tuple[JobView, list[JobAttempt]]:
    """Return a job and every attempt at it that is still kept, first one first.

    Raises
    ------
    NotFound
        If there is no such job, or it ended so long ago that nothing is kept of it.
    """
    found = await repository.jobs(session, state=None, job_id=job_id, limit=1)
    if not found:
        raise NotFound(f"There is no job {job_id}, or it ended so long ago that nothing is kept of it.")
    return _view(found[0]), await repository.attempts_at(session, job_id)


def _view(row: dict[str, Any]) -> JobView:
    return JobView(**{**row, "state": JobState(row["state"])})


async def retry_job(session: AsyncSession, author: Author, job_id: int) -> JobView:
    """Put a parked job back into the queue, with as many tries before it as a new one.

    Raises
    ------
    NotFound
        If there is no such job.
    JobNotParked
        If it is not parked.
    JobWaitsAlready
        If the same job has been enqueued anew meanwhile.
    """
    attempt = await _parked(session, job_id)
    if await repository.waits_beside(session, job_id):
        raise JobWaitsAlready(
            f"The same job has been enqueued anew since job {job_id} was parked: drop this one.",
            facts={"job_id": job_id},
        )
    await _decide(session, author, attempt, Outcome.RETRIED)
    await repository.put_back(session, job_id, attempt.kind, attempt.subject_id)
    return (await get_job(session, job_id))[0]


async def retry_all(session: AsyncSession, author: Author, kind: str) -> int:
    """Put all parked jobs of a kind back into the queue, as `retry_job` does one, and return how many.

    One that has been enqueued anew meanwhile stays parked.
    """
    done = 0
    for job_id in await repository.parked(session, kind):
        try:
            await retry_job(session, author, job_id)
        except JobWaitsAlready:
            continue
        done += 1
    return done


async def drop_job(session: AsyncSession, author: Author, job_id: int, reason: str) -> JobView:
    """Take a parked job out of the queue for good; what was tried is kept as long as that of any other.

    Raises
    ------
    NotFound
        If there is no such job.
    JobNotParked
        If it is not parked.
    """
    attempt = await _parked(session, job_id)
    await _decide(session, author, attempt, Outcome.DROPPED, reason)
    await repository.remove(session, job_id)
    return (await get_job(session, job_id))[0]


async def _parked(session: AsyncSession, job_id: int) -> JobAttempt:
    """Return the last attempt at a parked job, locked."""
    attempt = await repository.last_attempt(session, job_id)
    job, _ = await get_job(session, job_id)
    if attempt is None or attempt.outcome is not Outcome.PARKED:
        raise JobNotParked(f"Job {job_id} is {job.state.value}, not parked.", facts={"state": job.state.value})
    return attempt


async def _decide(
    session: AsyncSession, author: Author, attempt: JobAttempt, outcome: Outcome, reason: str | None = None
) -> None:
    before = snapshot(attempt)
    require_transition(attempt.outcome, outcome)
    attempt.outcome = outcome
    await record(session, author, f"job.{outcome.value}", attempt, before=before, reason_text=reason)


async def remove_old(session: AsyncSession) -> int:
    """Remove some of what is older than it is to be kept, and return how much; a sweep."""
    before = now() - timedelta(days=get_settings().job_retention_days)
    attempts = await repository.remove_old_attempts(session, before, REMOVED_AT_ONCE)
    return attempts + await repository.remove_old_log(session, before, REMOVED_AT_ONCE)
