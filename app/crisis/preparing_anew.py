"""The input of a run that plans an active crisis anew: its orders and the calendars as they stand, as problems."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run
from app.allocation.preparing import Making, Prepared
from app.crisis.amendment_body import Amending
from app.crisis.amendment_grounds import AMENDMENT
from app.crisis.amendment_work import Work, work_on
from app.crisis.asking_anew import ASKED_ANEW, AskedAnew, changes_anything, wanted_by
from app.crisis.campaigns import Brief
from app.crisis.errors import NothingToReplan
from app.crisis.models import Crisis, CrisisMode, CrisisStatus
from app.crisis.prepared import prepared_of
from app.crisis.reach import Shortfall
from app.crisis.scoping import Calendars, brief_of, read_calendars, require_anything_to_call
from app.crisis.service import require_status
from app.crisis.stock import Stock, take_stock


async def read_anew(session: AsyncSession, crisis: Crisis, run: Run) -> Making:
    """Read the orders and the calendars as of one moment, and return what makes the input of the run from them.

    Raises
    ------
    StateConflict
        If the crisis is no longer active.
    NothingToPlan
        If nobody publishes any slot, or no power is in force, any more.
    """
    require_status(crisis, {CrisisStatus.ACTIVE}, "be planned anew")
    asked = AskedAnew.model_validate(run.references[ASKED_ANEW])
    brief = wanted_by(asked, await brief_of(session, crisis, asked.as_of_on))
    calendars = await read_calendars(session, brief)
    require_anything_to_call(brief, calendars)
    stock = await take_stock(session, crisis, asked.unavailable_unit_ids, asked.available_unit_ids)
    return partial(
        _prepared,
        brief,
        calendars,
        stock,
        asked,
        is_drill=crisis.mode is CrisisMode.DRILL,
        filling_from_on=crisis.as_of_on,
        is_wanted=changes_anything(crisis, asked, stock),
    )


def _prepared(
    brief: Brief,
    calendars: Calendars,
    stock: Stock,
    asked: AskedAnew,
    *,
    is_drill: bool,
    filling_from_on: date,
    is_wanted: bool,
) -> Prepared:
    """Return the input of a run, with what its amendment will be made from.

    Parameters
    ----------
    is_wanted
        Whether there is something to change even where nothing is missing.

    Raises
    ------
    NothingToReplan
        If there is nothing to change any more.
    """
    work = work_on(brief, calendars, stock, is_drill=is_drill, filling_from_on=filling_from_on)
    if work.is_idle and not is_wanted:
        raise NothingToReplan("What is ordered meets every target by now: there is nothing to plan anew.")
    prepared = prepared_of(work.problems, work.references, work.calendar_versions)
    amending = _amending(work, stock, asked).model_dump(mode="json")
    return replace(prepared, references={**prepared.references, AMENDMENT: amending})


def _amending(work: Work, stock: Stock, asked: AskedAnew) -> Amending:
    return Amending(
        plan_id=stock.plan_id,
        plan_hash=stock.plan_hash,
        reason_code=asked.reason_code,
        as_of_on=asked.as_of_on,
        targets=asked.targets,
        unavailable_unit_ids=tuple(sorted(stock.standing.without)),
        available_unit_ids=tuple(sorted(stock.out_of_service.intersection(asked.available_unit_ids))),
        orders=stock.documents,
        short=tuple(_as_shortfall(one, asked.as_of_on) for one in work.short),
        changing=work.changing_references,
        batch_doses=dict(work.batch_doses),
    )


def _as_shortfall(short: Shortfall, as_of_on: date) -> dict[str, Any]:
    by = as_of_on + timedelta(days=short.by)
    return {"tier": short.tier, "by": by.isoformat(), "missing": short.quantity, "at_most": short.at_most}
