"""The input of a crisis's run: the calendars in its scope, read as of one moment, as the problems of its tiers."""

from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run
from app.allocation.preparing import Making, Prepared
from app.core.errors import NotFound
from app.crisis import repository
from app.crisis.asking_anew import ASKED_ANEW
from app.crisis.campaigns import Brief
from app.crisis.models import Crisis
from app.crisis.planner import tier_problems
from app.crisis.prepared import prepared_of
from app.crisis.preparing_anew import read_anew
from app.crisis.scoping import Calendars, board_of, brief_of, read_calendars, references_of, require_anything_to_call


async def read_crisis(session: AsyncSession, run: Run) -> Making:
    """Read all that the input of a run is made from: of a first plan, or of one that is made anew.

    Raises
    ------
    NothingToPlan
        If nobody publishes any slot, or no power is in force, any more.
    StateConflict
        If the crisis that is to be planned anew is no longer active; `NothingToReplan`, once made, if nothing is left.
    """
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
    return prepared_of(tier_problems(board), references, versions)
