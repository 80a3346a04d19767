"""Running a run: claimed in one transaction, solved with none open, ended in another."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import DBAPIError

from app.allocation.comparison import compared, levels_beside
from app.allocation.engine import EngineFailed, EngineStopped, Limits, Wish
from app.allocation.escalation import is_met, steps_of, surge_reached
from app.allocation.models import Run, RunKind
from app.allocation.preparing import Reading, prepare_run
from app.allocation.runs import Ending, Failure, FollowUps, Success, claim_run, end_run, note_progress
from app.allocation.solver import Solved, run_solver
from app.core.database import SessionFactory, transaction
from app.core.errors import DomainError
from app.jobs.errors import AttemptOvertaken
from app.jobs.running import JobContext

log = structlog.get_logger(__name__)


class Watch(Protocol):
    """Stores an attempt's progress, and knows what is to become of the attempt."""

    wish: Wish

    async def report(self, progress: dict[str, Any] | None) -> Wish:
        """Store the latest progress, and return the wish."""
        ...


Search = Callable[[JobContext, Run, Limits, Watch], Awaitable[Success]]
Searches = Mapping[str, Search]
"""How runs are solved that are not one problem after the other, by the name in their parameter `search`."""


async def solve_run(
    job: JobContext,
    follow_ups: FollowUps,
    searches: Searches,
    readings: Mapping[RunKind, Reading] = MappingProxyType({}),
) -> None:
    """Bring a run to its end; a run that has ended, or is another attempt's by now, is left as it is.

    Parameters
    ----------
    readings
        By the kind of a run, what reads the input of one that was asked for without.

    Raises
    ------
    EngineStopped
        If the worker is stopping: the run is left to another one.
    """
    async with job.transaction() as session:
        run = await claim_run(session, job.subject_id, follow_ups)
    if run is None:
        return
    try:
        if not run.problem:
            run = await prepare_run(job, run, readings[run.kind])
        ending = await _solve(job, run, searches.get(run.parameters.get("search", "")))
    except DomainError as error:
        if isinstance(error, AttemptOvertaken):
            raise
        ending = Failure(error.detail)
    except EngineStopped:
        if job.stop.is_set():
            raise
        log.info("run_given_up", run_id=str(run.id), attempt=run.attempt)
        return
    await _end(job, run, ending, follow_ups)


class _Watcher:
    """Stores an attempt's progress, and knows what is to become of the attempt."""

    def __init__(self, sessions: SessionFactory, run: Run) -> None:
        self._sessions, self._run = sessions, run
        self.wish = Wish.GO_ON

    async def report(self, progress: dict[str, Any] | None) -> Wish:
        """Store the latest progress, and return the wish; while the database is away, the last one known."""
        try:
            async with transaction(self._sessions) as session:
                self.wish = await note_progress(session, self._run.id, self._run.attempt, progress)
        except (OSError, DBAPIError) as error:
            log.warning("progress_not_stored", run_id=str(self._run.id), error=error)
        return self.wish


async def _solve(job: JobContext, run: Run, search: Search | None) -> Ending:
    """Solve the run's problems in their order, as far as its targets need; cancelled, it keeps the last plan."""
    limits, steps = (
        Limits(job.settings.solver_memory_bytes, job.stop, run.parameters.get("niceness", 0)),
        steps_of(run.problem, run.references),
    )
    watcher = _Watcher(job.sessions, run)
    if search is not None:
        try:
            return await search(job, run, limits, watcher)
        except EngineFailed as error:
            log.warning("solver_failed", run_id=str(run.id), error=str(error))
            return Failure(str(error))
    solved: list[Solved] = []
    for problem in steps:
        try:
            solved.append(await run_solver(problem, run.parameters, limits, watcher.report))
        except EngineFailed as error:
            log.warning("solver_failed", run_id=str(run.id), error=str(error))
            if not solved or watcher.wish is not Wish.KEEP_BEST:
                return Failure(str(error))
            break
        if watcher.wish is Wish.KEEP_BEST or is_met(problem, solved[-1].solution):
            break
    return _success(run, steps[len(solved) - 1], solved, escalates=len(steps) > 1)


def _success(run: Run, problem: Mapping[str, Any], solved: list[Solved], *, escalates: bool) -> Success:
    """Return the last plan, with what stands beside it; of a run that escalates, also what each step reached."""
    solution, baselines = solved[-1].solution, solved[-1].baselines
    figures = {**compared(problem, run.references, solution, baselines), "levels": levels_beside(baselines)}
    if not escalates:
        return Success(solution, figures)
    reached = [surge_reached(one.solution) for one in solved]
    return Success(solution, {**figures, "surge_output_by_step": reached}, dict(problem))


async def _end(job: JobContext, run: Run, ending: Ending, follow_ups: FollowUps) -> None:
    """Write the ending; if what must follow it is refused, the run has failed for that reason."""
    try:
        async with job.last_transaction() as session:
            await end_run(session, run.id, run.attempt, ending, follow_ups)
    except AttemptOvertaken:
        raise
    except DomainError as error:
        async with job.last_transaction() as session:
            await end_run(session, run.id, run.attempt, Failure(error.detail), follow_ups)
