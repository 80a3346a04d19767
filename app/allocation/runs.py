"""The life of a run: requested, claimed by a worker, ended once; whoever lost the claim changes nothing.

Slots that are held still in the name of a run are let go of when it ends, however it ends.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.engine import Wish
from app.allocation.models import Run, RunKind, RunState
from app.allocation.sameness import compared_with, is_deterministic
from app.audit.author import Author
from app.audit.service import record, stored
from app.capacity.service import thaw
from app.core.clock import now
from app.core.errors import NotFound, StateConflict
from app.core.jobs import Entrypoint, enqueue

ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING})
SOLVER = Author.of_job("solve")
LAST_WORDS = timedelta(seconds=30)
"""From the order to stop to the run's end; after it, no worker can be at it any more."""

_ENDED = {RunState.SUCCEEDED: "succeeded", RunState.FAILED: "failed", RunState.CANCELLED: "was cancelled"}

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
    replays: Run | None = None,
    follows: Run | None = None,
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
        `time_limit_s` (default 60), `seed` (default 1), `workers`, `niceness` (default 0), `budget` for a replayable
        run; `longest_s` after which a run under a budget is taken for stuck, `baselines`, false where nobody will
        compare, and `search`, where a run is not solved problem by problem.
    replays
        The run whose input this is, to be compared with; nothing follows from the end of a replay.
    follows
        The run to whose result this one adds.
    """
    run = Run(
        kind=kind,
        round_id=round_id,
        crisis_id=crisis_id,
        problem=dict(problem),
        references=dict(references),
        calendar_versions=dict(calendar_versions),
        parameters=dict(parameters),
        replays_id=replays.id if replays else None,
        follows_id=follows.id if follows else None,
        replay={"deterministic": is_deterministic(replays)} if replays else None,
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

    A run that was to stop when its worker died is cancelled, without a plan.
    """
    run = await repository.lock_run(session, run_id)
    if run is None or run.state not in ACTIVE:
        return None
    if run.cancel_requested_at is not None:
        await _end(session, run, Failure("Its worker died before it could keep a plan."), follow_ups)
        return None
    before = await stored(session, run)
    run.attempt += 1
    run.state = RunState.RUNNING
    run.started_at = now()
    run.progress = None
    await record(session, SOLVER, "run.started", run, before=before)
    return run


async def fill_run(
    session: AsyncSession,
    run_id: UUID,
    attempt: int,
    *,
    problem: Mapping[str, Any],
    references: Mapping[str, Any],
    calendar_versions: Mapping[str, int],
) -> Run | None:
    """Store the input of a run that was asked for without, unless another attempt or a cancellation came first."""
    run = await repository.lock_run(session, run_id)
    if run is None or run.state is not RunState.RUNNING or run.attempt != attempt:
        return None
    before = await stored(session, run)
    run.problem, run.references, run.calendar_versions = dict(problem), dict(references), dict(calendar_versions)
    await record(session, SOLVER, "run.prepared", run, before=before)
    return run


async def note_progress(session: AsyncSession, run_id: UUID, attempt: int, progress: dict[str, Any] | None) -> Wish:
    """Store how far an attempt has come, and tell how to go on with it."""
    if progress is not None:
        await repository.set_progress(session, run_id, attempt, progress)
    standing = await repository.standing(session, run_id)
    if standing is None or standing.state is not RunState.RUNNING or standing.attempt != attempt:
        return Wish.ABANDON
    return Wish.KEEP_BEST if standing.cancel_requested_at else Wish.GO_ON


async def end_run(
    session: AsyncSession, run_id: UUID, attempt: int, ending: Ending, follow_ups: FollowUps
) -> Run | None:
    """Write an attempt's result, and what follows from it, unless another attempt or a cancellation came first."""
    run = await repository.lock_run(session, run_id)
    if run is None or run.state is not RunState.RUNNING or run.attempt != attempt:
        return None
    await _end(session, run, ending, follow_ups)
    return run


async def give_up_run(session: AsyncSession, run_id: UUID, tries: int, *, follow_ups: FollowUps) -> None:
    """Let a run fail whose job is given up: what kills its worker, or fails each time, would do so again."""
    run = await repository.lock_run(session, run_id)
    if run is not None and run.state in ACTIVE:
        error = f"The solve was begun {tries} times and never came to an end."
        await _end(session, run, Failure(error), follow_ups)


async def _end(session: AsyncSession, run: Run, ending: Ending, follow_ups: FollowUps) -> None:
    before = await stored(session, run)
    run.finished_at = now()
    cancelled = run.cancel_requested_at is not None
    if isinstance(ending, Success):
        run.state = RunState.CANCELLED if cancelled else RunState.SUCCEEDED
        run.solution, run.baselines = ending.solution, ending.baselines
        run.problem = ending.problem or run.problem
    else:
        run.state = RunState.CANCELLED if cancelled else RunState.FAILED
        run.error = None if cancelled else ending.error[:4000]
    if run.replays_id is not None:
        await _compare(session, run, run.replays_id)
    await record(session, SOLVER, f"run.{run.state.value}", run, before=before)
    follow_up = follow_ups.get(run.kind)
    if follow_up is not None and run.replays_id is None:
        await follow_up(session, run)
    await thaw(session, SOLVER, run.id)


async def _compare(session: AsyncSession, run: Run, original_id: UUID) -> None:
    """Write down whether a replay came to the same solution."""
    original = await repository.get_run(session, original_id)
    if original is not None and run.solution is not None:
        run.replay = {**(run.replay or {}), **compared_with(original, run.solution)}


async def cancel_run(session: AsyncSession, author: Author, run_id: UUID) -> Run:
    """Cancel a run: at once if it waits; one that is being solved ends within seconds, and keeps its best plan.

    A run whose end does not come, because no worker is left to bring it, is cancelled at once when asked for again.

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
        raise StateConflict(f"The run has ended already: it {_ENDED[run.state]}.", facts={"state": run.state.value})
    return await _cancel(session, author, run)


async def cancel_unless_ending(session: AsyncSession, author: Author, run_id: UUID) -> bool:
    """Cancel a run and tell so, but pass over one that has ended, is to stop already, or is being changed just now.

    For whoever has locked what the end of the run locks after it: to wait for the run could wait for ever.
    """
    run = await repository.lock_run(session, run_id, skip_locked=True)
    if run is None or run.state not in ACTIVE or run.cancel_requested_at is not None:
        return False
    await _cancel(session, author, run)
    return True


async def _cancel(session: AsyncSession, author: Author, run: Run) -> Run:
    asked_at = run.cancel_requested_at
    if asked_at is not None and now() - asked_at < LAST_WORDS:
        return run
    before = await stored(session, run)
    run.cancel_requested_at = asked_at or now()
    if run.state is RunState.QUEUED or asked_at is not None:
        run.state = RunState.CANCELLED
        run.finished_at = now()
        await record(session, author, "run.cancelled", run, before=before)
        await thaw(session, author, run.id)
    else:
        await record(session, author, "run.cancel_requested", run, before=before)
    return run


async def requeue_lost(session: AsyncSession) -> int:
    """Enqueue again every active run that the queue knows nothing of, and return how many there were."""
    lost = await repository.runs_without_job(session, Entrypoint.SOLVE)
    for run_id in lost:
        await enqueue(session, Entrypoint.SOLVE, run_id)
    return len(lost)
