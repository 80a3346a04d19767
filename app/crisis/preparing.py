"""The input of a plan: read as of one moment, and made into problems, by the worker that solves them.

All of it takes seconds on a national calendar, in which a process that answers requests would answer nobody.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from app.allocation.engine import EngineStopped
from app.allocation.escalation import FURTHER_PROBLEMS
from app.allocation.models import Run
from app.allocation.runs import fill_run
from app.core.database import at_one_moment, transaction
from app.core.errors import NotFound
from app.crisis import repository
from app.crisis.campaigns import Brief
from app.crisis.errors import NothingToPlan
from app.crisis.planner import tier_problems
from app.crisis.planning import NO_CALENDAR
from app.crisis.scoping import Calendars, board_of, brief_of, read_calendars, references_of
from app.jobs.running import JobContext


@dataclass(frozen=True, slots=True)
class Prepared:
    """The problems of the tiers in their order, what they stand for, and the calendars that they were made from."""

    problems: list[dict[str, Any]]
    references: dict[str, Any]
    calendar_versions: dict[str, int]


async def prepare_run(job: JobContext, run: Run) -> Run:
    """Make and store the problems of a crisis for a run that was asked for without, and return the run with them.

    Raises
    ------
    NothingToPlan
        If nobody publishes any slot, or no power is in force, any more.
    EngineStopped
        If the run is another attempt's by now, or has been cancelled.
    """
    async with transaction(job.sessions) as session:
        await at_one_moment(session)
        crisis = await repository.get_crisis(session, run.crisis_id) if run.crisis_id else None
        if crisis is None:
            raise NotFound.of("crisis", run.crisis_id)
        brief = await brief_of(session, crisis)
        calendars = await read_calendars(session, brief)
    if not calendars.slots:
        raise NothingToPlan(NO_CALENDAR)
    if not brief.tiers:
        raise NothingToPlan("No power is in force any more: nothing may be called.")
    prepared = await asyncio.to_thread(_prepared, brief, calendars)
    async with job.transaction() as session:
        filled = await fill_run(
            session,
            run.id,
            run.attempt,
            problem=prepared.problems[0],
            references=prepared.references | {FURTHER_PROBLEMS: prepared.problems[1:]},
            calendar_versions=prepared.calendar_versions,
        )
    if filled is None:
        raise EngineStopped("the run is not wanted any more")
    return filled


def _prepared(brief: Brief, calendars: Calendars) -> Prepared:
    board, reasons = board_of(brief, calendars)
    problems = tier_problems(board)
    references = references_of(board, reasons)
    units = {place.unit_id for place in references.places.values()}
    return Prepared(
        problems=[json.loads(one.problem.to_json()) for one in problems],
        references=references.model_dump(mode="json") | {"solved_tiers": [int(one.tier) for one in problems]},
        calendar_versions={str(unit): version for unit, version in calendars.versions.items() if unit in units},
    )
