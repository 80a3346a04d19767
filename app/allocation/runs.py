"""The life of a run: requested, claimed by a worker, ended once; whoever lost the claim changes nothing."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.models import Run, RunKind, RunState
from app.audit.author import Author
from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.errors import NotFound, StateConflict
from app.core.jobs import Entrypoint, enqueue

MOST_ATTEMPTS = 3
ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING})
SOLVER = Author.of_job("solve")

FollowUp = Callable[[AsyncSession, Run], Awaitable[None]]
"""What follows a run's end, in the transaction that ends it; `run.state` says how it ended."""

FollowUps = Mapping[RunKind, FollowUp]


@dataclass(frozen=True, slots=True)
class Success:
    """A verified solution, what simpler rules would have reached, and the problem where it is not the run's own."""

    solution: dict[str, Any]
    baselines: dict[str, Any]
    problem: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no solution, in a sentence."""

    error: str


Ending = Success | Failure


async def create_run(
    session: AsyncSession,
    author: Author,
    *,
    kind: RunKind,
    problem: Mapping[str, Any],
    references: Mapping[str, Any],
    calendar_versions: Mapping[str, int],
    parameters: Mapping[str, Any],
    round_id: UUID | None = None,
    crisis_id: UUID | None = None,
) -> Run:
    """Store a run with its whole input, and enqueue its solve in the same transaction.

    Parameters
    ----------
    problem
        The problem file as JSON.
    references
        What the identifiers in the problem stand for, and what the plan will need to be written back.
    calendar_versions
        The version of each unit's calendar that the problem was made from, by unit id.
    parameters
        `time_limit_s` (default 60), `seed` (default 1), `workers`, and `budget` for a replayable run.
    """
    run = Run(
        kind=kind,
        round_id=round_id,
        crisis_id=crisis_id,
        problem=dict(problem),
        references=dict(references),
        calendar_versions=dict(calendar_versions),
        parameters=dict(parameters),
        requested_by_id=getattr(author, "person_id", None),
    )
    session.add(run)
    await record(session, author, "run.requested", run)
    await enqueue(session, Entrypoint.SOLVE, run.id)
    return run


async def get_run(session: AsyncSession, run_id: UUID) -> Run:
    """Return a run; whether the caller may see it is the caller's to check.

    Raises
    ------
    NotFound
        If there is none.
    """
    run = await repository.get_run(session, run_id)
    if run is None:
        raise NotFound.of("run", run_id)
    return run


async def claim_run(session: AsyncSession, run_id: UUID, follow_ups: FollowUps) -> Run | None:
    """Begin an attempt at a run and return it, or None when there is nothing left to do.

    A run whose every attempt died without a word fails for good: what kills its worker would do so again.
    """
    run = await repository.lock_run(session, run_id)
    if run is None or run.state not in ACTIVE:
        return None
    if run.attempt >= MOST_ATTEMPTS:
        error = f"The solve was begun {MOST_ATTEMPTS} times and never came to an end; its workers died or were stopped."
        await _end(session, run, Failure(error), follow_ups)
        return None
    before = snapshot(run)
    run.attempt += 1
    run.state = RunState.RUNNING
    run.started_at = now()
    run.progress = None
    await record(session, SOLVER, "run.started", run, before=before)
    return run


async def note_progress(session: AsyncSession, run_id: UUID, attempt: int, progress: dict[str, Any] | None) -> bool:
    """Store how far an attempt has come, and tell whether it is still the one that counts."""
    if progress is None:
        return await repository.is_current(session, run_id, attempt)
    return await repository.set_progress(session, run_id, attempt, progress)


async def end_run(
    session: AsyncSession, run_id: UUID, attempt: int, ending: Ending, follow_ups: FollowUps
) -> Run | None:
    """Write an attempt's result, and what follows from it, unless another attempt or a cancellation came first."""
    run = await repository.lock_run(session, run_id)
    if run is None or run.state is not RunState.RUNNING or run.attempt != attempt:
        return None
    await _end(session, run, ending, follow_ups)
    return run


async def _end(session: AsyncSession, run: Run, ending: Ending, follow_ups: FollowUps) -> None:
    before = snapshot(run)
    run.finished_at = now()
    if isinstance(ending, Success):
        run.state = RunState.SUCCEEDED
        run.solution, run.baselines = ending.solution, ending.baselines
        run.problem = ending.problem or run.problem
    else:
        run.state = RunState.FAILED
        run.error = ending.error[:4000]
    await record(session, SOLVER, f"run.{run.state.value}", run, before=before)
    if follow_up := follow_ups.get(run.kind):
        await follow_up(session, run)


async def cancel_run(session: AsyncSession, author: Author, run_id: UUID) -> Run:
    """Give up a run that has not ended; its solver is stopped within seconds.

    Raises
    ------
    NotFound
        If there is none.
    StateConflict
        If it has ended.
    """
    run = await repository.lock_run(session, run_id)
    if run is None:
        raise NotFound.of("run", run_id)
    if run.state not in ACTIVE:
        raise StateConflict(f"The run has ended already: it {run.state.value}.", facts={"state": run.state.value})
    before = snapshot(run)
    run.state = RunState.CANCELLED
    run.finished_at = now()
    await record(session, author, "run.cancelled", run, before=before)
    return run


async def requeue_lost(session: AsyncSession) -> int:
    """Enqueue again every active run that the queue knows nothing of, and return how many there were."""
    lost = await repository.runs_without_job(session, Entrypoint.SOLVE)
    for run_id in lost:
        await enqueue(session, Entrypoint.SOLVE, run_id)
    return len(lost)
