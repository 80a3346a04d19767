"""The input of a plan: read as of one moment, and made into problems, by the worker that solves them.

All of it takes seconds on a national calendar, in which a process that answers requests would answer nobody.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.engine import EngineStopped
from app.allocation.models import Run
from app.allocation.runs import fill_run
from app.core.database import at_one_moment, transaction
from app.core.errors import NotFound
from app.crisis import repository
from app.crisis.asking_anew import ASKED_ANEW
from app.crisis.campaigns import Brief
from app.crisis.models import Crisis
from app.crisis.planner import tier_problems
from app.crisis.prepared import Prepared
from app.crisis.preparing_anew import read_anew
from app.crisis.scoping import Calendars, board_of, brief_of, read_calendars, references_of, require_anything_to_call
from app.jobs.running import JobContext

Making = Callable[[], Prepared]
"""Makes the input of a run from what has been read for it: pure, and long."""


async def prepare_run(job: JobContext, run: Run) -> Run:
    """Make and store the problems of a crisis for a run that was asked for without, and return the run with them.

    Raises
    ------
    NothingToPlan
        If nobody publishes any slot, or no power is in force, any more.
    NothingToReplan, StateConflict
        If nothing is left to plan anew, or the crisis is no longer active.
    EngineStopped
        If the run is another attempt's by now, or has been cancelled.
    """
    async with transaction(job.sessions) as session:
        await at_one_moment(session)
        making = await _read(session, run)
    prepared = await asyncio.to_thread(making)
    async with job.transaction() as session:
        filled = await fill_run(
            session,
            run.id,
            run.attempt,
            problem=prepared.problem,
            references=prepared.references,
            calendar_versions=prepared.calendar_versions,
        )
    if filled is None:
        raise EngineStopped("the run is not wanted any more")
    return filled


async def _read(session: AsyncSession, run: Run) -> Making:
    """Read all that the input of a run is made from."""
    crisis = await repository.get_crisis(session, run.crisis_id) if run.crisis_id else None
    if crisis is None:
        raise NotFound.of("crisis", run.crisis_id)
    if ASKED_ANEW in run.references:
        return await read_anew(session, crisis, run)
    return await _read_first(session, crisis)


async def _read_first(session: AsyncSession, crisis: Crisis) -> Making:
    brief = await brief_of(session, crisis)
    calendars = await read_calendars(session, brief)
    require_anything_to_call(brief, calendars)
    return partial(_prepared, brief, calendars)


def _prepared(brief: Brief, calendars: Calendars) -> Prepared:
    board, reasons = board_of(brief, calendars)
    references = references_of(board, reasons)
    units = {place.unit_id for place in references.places.values()}
    versions = {unit: version for unit, version in calendars.versions.items() if unit in units}
    return Prepared.of(tier_problems(board), references, versions)
