"""The plan of a large crisis that needs no search: the service's own problem, and of its plans the one that is wanted.

All but the choice is the service's: what could run and move where, the problem, what stands of a solution, its body and
its hash. Each lot can move to the next one's slot alone: to all of hundreds, the problem would take minutes to make.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run
from app.allocation.runs import Success, claim_run, end_run, fill_run
from app.capacity.facts import slot_facts, unit_facts
from app.capacity.service import calendar_versions
from app.core.database import SessionFactory, transaction
from app.core.tenancy import EVERYBODY, acting_for
from app.crisis.calendar_repository import awaited_periods, live_bookings
from app.crisis.campaigns import Brief, CampaignOption
from app.crisis.models import Crisis
from app.crisis.moves import Movable as Lot
from app.crisis.planner import Board, called_campaigns, problem_of
from app.crisis.scoping import Calendars, board_of, brief_of, references_of
from app.requests.facts import request_facts
from app.worker import FOLLOW_UPS
from scheduler import plan as planned
from scheduler.plan import Plan
from scheduler.problem import Movable, Problem
from tests.support.greedy_solver import solution_file

START, MOVED_TO = 10, 143
"""The days after that of planning on which every campaign starts, and every lot that has moved."""


@dataclass(frozen=True, slots=True)
class WantedPlan:
    """A campaign of one batch on each of these units; on those of `moved`, the lot there moves to the next of them."""

    sessions: SessionFactory
    free: Sequence[UUID]
    moved: Sequence[UUID]

    async def end(self, run_id: UUID) -> None:
        """End a run with this plan, as a worker would that had found it."""
        with acting_for(EVERYBODY):
            async with transaction(self.sessions) as session:
                run = await claim_run(session, run_id, FOLLOW_UPS)
                assert run is not None
                problem = await self._prepare(session, run)
                ending = Success(self._solution(problem), {})
                await end_run(session, run.id, run.attempt, ending, FOLLOW_UPS)

    async def _prepare(self, session: AsyncSession, run: Run) -> Problem:
        """Store the problem of a run, and return it."""
        brief = await brief_of(session, await session.get_one(Crisis, run.crisis_id))
        calendars = await _calendars(session, brief, [*self.free, *self.moved])
        board = self._board(brief, calendars)
        problem = problem_of(board, called_campaigns(board), set(board.movable))
        await fill_run(
            session,
            run.id,
            run.attempt,
            problem=json.loads(problem.to_json()),
            references=references_of(board, ()).model_dump(mode="json") | {"solved_tiers": [max(brief.tiers)]},
            calendar_versions={str(unit): version for unit, version in calendars.versions.items()},
        )
        return problem

    def _board(self, brief: Brief, calendars: Calendars) -> Board:
        """Return the board of all units, put together from those of each with the one that its lot moves to."""
        bookings = defaultdict(list)
        for booking in calendars.bookings:
            bookings[booking.unit_id].append(booking)
        campaigns: list[CampaignOption] = []
        movable: dict[UUID, Lot] = {}
        for own, other in chain(((unit, unit) for unit in self.free), self._pairs()):
            near = {own, other}
            some = replace(
                calendars,
                units={unit: calendars.units[unit] for unit in near},
                slots={unit: calendars.slots[unit] for unit in near},
                bookings=tuple(booking for unit in near for booking in bookings[unit]),
            )
            part, _ = board_of(brief, some)
            campaigns += [one for one in part.campaigns if part.slots[one.slot_id].unit_id == own]
            movable |= {key: one for key, one in part.movable.items() if one.booking.unit_id == own}
        slots = {slot.slot_id: slot for listed in calendars.slots.values() for slot in listed}
        return Board(brief, calendars.units, slots, tuple(campaigns), calendars.bookings, movable, calendars.reserved)

    def _pairs(self) -> Iterator[tuple[UUID, UUID]]:
        """Yield each unit whose lot moves, with the next one; after the last comes the first."""
        return zip(self.moved, [*self.moved[1:], *self.moved[:1]], strict=True)

    def _solution(self, problem: Problem) -> dict[str, Any]:
        [surge] = problem.surges
        short = [number for number, option in enumerate(surge.options) if len(option.batches) == 1]
        units = {window.id: window.line for window in problem.windows}
        other = {str(own): str(unit) for own, unit in self._pairs()}
        moved = {
            lot.id: planned.Choice(_option_on(lot, other[units[lot.window]], units), MOVED_TO)
            for lot in problem.movable
        }
        plan = Plan(runs=tuple(planned.Run(surge.id, number, START) for number in short), moved=moved)
        return solution_file(problem, plan, "wanted")


def _option_on(lot: Movable, unit: str, units: dict[str, str]) -> int:
    """Return the option of a lot on a unit that begins on the wanted day."""
    return next(
        number
        for number, option in enumerate(lot.options)
        if units[option.window] == unit and option.earliest <= MOVED_TO <= option.latest
    )


async def _calendars(session: AsyncSession, brief: Brief, unit_ids: Sequence[UUID]) -> Calendars:
    """Return what planning reads, of these units."""
    bookings = await live_bookings(session, unit_ids, brief.crisis_id, brief.as_of_on)
    asked = {booking.request_id for booking in bookings if booking.request_id is not None}
    return Calendars(
        units=await unit_facts(session, unit_ids=unit_ids),
        slots=await slot_facts(session, unit_ids=unit_ids),
        bookings=tuple(bookings),
        requests=await request_facts(session, asked),
        reserved=await awaited_periods(session, unit_ids, brief.crisis_id),
        versions=await calendar_versions(session, unit_ids),
    )
