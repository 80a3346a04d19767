"""Running a run: claimed in one transaction, solved with none open, ended in another."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

from app.allocation.comparison import compared
from app.allocation.escalation import is_met, steps_of, surge_reached
from app.allocation.models import Run
from app.allocation.runs import Ending, Failure, FollowUps, Success, claim_run, end_run, note_progress
from app.allocation.solver import Limits, SolverFailed, SolverStopped, run_solver
from app.core.database import SessionFactory, transaction
from app.core.errors import DomainError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a worker solves with."""

    sessions: SessionFactory
    follow_ups: FollowUps
    memory_bytes: int
    stop: asyncio.Event


async def solve_run(workshop: Workshop, run_id: UUID) -> None:
    """Bring a run to its end; a run that has ended, or is another attempt's by now, is left as it is.

    Raises
    ------
    SolverStopped
        If the worker is stopping: the run is left to another one.
    """
    async with transaction(workshop.sessions) as session:
        run = await claim_run(session, run_id, workshop.follow_ups)
    if run is None:
        return
    try:
        ending = await _solve(workshop, run)
    except SolverStopped:
        if workshop.stop.is_set():
            raise
        log.info("run_given_up", run_id=str(run_id), attempt=run.attempt)
        return
    await _end(workshop, run, ending)


async def _solve(workshop: Workshop, run: Run) -> Ending:
    async def report(progress: dict[str, Any] | None) -> bool:
        try:
            async with transaction(workshop.sessions) as session:
                return await note_progress(session, run.id, run.attempt, progress)
        except (OSError, DBAPIError) as error:
            log.warning("progress_not_stored", run_id=str(run.id), error=str(error))
            return True

    limits, steps = Limits(workshop.memory_bytes, workshop.stop), steps_of(run.problem, run.references)
    reached: list[int] = []
    try:
        for problem in steps:
            solved = await run_solver(problem, run.parameters, limits, report)
            reached.append(surge_reached(solved.solution))
            if is_met(problem, solved.solution):
                break
    except SolverFailed as error:
        log.warning("solver_failed", run_id=str(run.id), error=str(error))
        return Failure(str(error))
    figures = compared(problem, run.references, solved.solution, solved.baselines)
    if len(steps) == 1:
        return Success(solved.solution, figures)
    return Success(solved.solution, {**figures, "surge_output_by_step": reached}, dict(problem))


async def _end(workshop: Workshop, run: Run, ending: Ending) -> None:
    """Write the ending; if what must follow it is refused, the run has failed for that reason."""
    try:
        async with transaction(workshop.sessions) as session:
            await end_run(session, run.id, run.attempt, ending, workshop.follow_ups)
    except DomainError as error:
        async with transaction(workshop.sessions) as session:
            await end_run(session, run.id, run.attempt, Failure(error.detail), workshop.follow_ups)
