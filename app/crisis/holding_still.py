"""What a run may draw on is held still from the moment it is asked for until it has ended, however it ends.

So nobody books under a plan that is being made: a hold that has come first is in its problem, a later one is refused.
It is the run that holds; a plan that is taken up then holds its own slots for the crisis. In a drill nothing is held.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run
from app.audit.author import Author
from app.capacity.facts import unit_facts
from app.capacity.models import FreezeHolder
from app.capacity.rules import effective_reserve
from app.capacity.service import freeze_slots, lock_units
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.core.vocabulary import Reserve
from app.crisis.calendar_repository import live_bookings, published_slots
from app.crisis.campaigns import Brief, in_scope, is_out_of_service, makes
from app.crisis.models import Crisis, CrisisMode
from app.crisis.moves import moved_request
from app.crisis.power_scope import days_opened
from app.crisis.rules import tier_of_free_place
from app.crisis.scoping import tier_to_give_way
from app.matching.facts import RequestFacts
from app.matching.match import match_line
from app.matching.policy import ROUND
from app.requests.facts import request_facts


async def hold_still(session: AsyncSession, author: Author, crisis: Crisis, run: Run, brief: Brief) -> None:
    """Hold still what a run of a crisis may draw on; its end lets go.

    Bookings and publications under way on these units end first, and what they have changed is looked at again. What
    has come within reach on another unit meanwhile is not held: if it changes, the run finds out by its calendar.
    """
    if crisis.mode is not CrisisMode.REAL:
        return
    units = {slot.unit_id for slot in await slots_in_reach(session, brief)}
    await lock_units(session, units)
    slot_ids = [slot.slot_id for slot in await slots_in_reach(session, brief) if slot.unit_id in units]
    await freeze_slots(session, author, FreezeHolder.CRISIS, run.id, slot_ids)


async def slots_in_reach(session: AsyncSession, brief: Brief) -> list[SlotFacts]:
    """Return every slot in which a campaign might run, and every one to which a lot in their way might move.

    Some more than the plan will draw on: which days are free, and what they cost, is found out by the run.
    """
    known = await unit_facts(session)
    units = {
        key: unit
        for key, unit in known.items()
        if unit.not_bookable_reason is None and not is_out_of_service(unit, brief.scope)
    }
    slots = await published_slots(session, units.keys())
    called = _called(brief, units, slots)
    wanted = await _lots_in_the_way(session, brief, units, called)
    others = [
        slot
        for slot in chain.from_iterable(slots.values())
        if slot.slot_id not in called and slot.reserve is not Reserve.CRISIS
    ]
    return [*called.values(), *_places(wanted, units, others, brief.as_of_on)]


def _called(
    brief: Brief, units: Mapping[UUID, UnitFacts], slots: Mapping[UUID, Sequence[SlotFacts]]
) -> dict[UUID, SlotFacts]:
    """Return the slots on lines that make the countermeasure whose free days a power opens before the last target."""
    days = Span(brief.request.earliest_on, min(brief.last_target_on, brief.end_on))
    makers = [unit for unit in units.values() if in_scope(unit, brief.scope) and makes(brief, unit)]
    return {
        slot.slot_id: slot
        for unit in makers
        for slot in slots.get(unit.unit_id, ())
        if any(_common(slot.period, days, opened) for opened in _days_opened(brief, unit, slot))
    }


def _days_opened(brief: Brief, unit: UnitFacts, slot: SlotFacts) -> tuple[Span, ...]:
    reserve = effective_reserve(slot.reserve, slot.releases_on, brief.as_of_on)
    return days_opened(brief.powers, unit, tier_of_free_place(reserve))


def _common(*spans: Span) -> bool:
    """Tell whether there is a day that lies in all of them."""
    return max(span.start_on for span in spans) < min(span.end_on for span in spans)


async def _lots_in_the_way(
    session: AsyncSession, brief: Brief, units: Mapping[UUID, UnitFacts], called: Mapping[UUID, SlotFacts]
) -> list[RequestFacts]:
    """Return the requests of the lots in these slots that a power lets give way, as they would be placed anew."""
    on = {slot.unit_id for slot in called.values()}
    bookings = [
        booking
        for booking in await live_bookings(session, on, brief.crisis_id, brief.as_of_on)
        if booking.slot_id in called
        and tier_to_give_way(brief, booking, called[booking.slot_id], units[booking.unit_id]) is not None
    ]
    requests = await request_facts(session, {one.request_id for one in bookings if one.request_id is not None})
    return [
        moved_request(requests[one.request_id], one, units[one.unit_id], brief.rules)
        for one in bookings
        if one.request_id in requests
    ]


def _places(
    requests: Iterable[RequestFacts], units: Mapping[UUID, UnitFacts], slots: Iterable[SlotFacts], as_of_on: date
) -> Iterator[SlotFacts]:
    """Yield the slots in which one of these lots could start on a line that serves it, and still be delivered in time.

    What is within reach of one lot is not looked at for the next: in a large crisis they reach much the same.
    """
    left: dict[UUID, list[SlotFacts]] = defaultdict(list)
    for slot in slots:
        left[slot.unit_id].append(slot)
    for request in requests:
        for unit_id in [key for key in left if request.modality in units[key].modalities]:
            starts = _days_to_start(request, units[unit_id], as_of_on)
            if starts is None:
                continue
            looked_at = left.pop(unit_id)
            yield from (slot for slot in looked_at if _common(slot.period, starts))
            if beyond := [slot for slot in looked_at if not _common(slot.period, starts)]:
                left[unit_id] = beyond


def _days_to_start(request: RequestFacts, unit: UnitFacts, as_of_on: date) -> Span | None:
    """Return the days on which a lot may start on a line, or None if the line does not serve it."""
    line = match_line(request, unit, as_of_on, ROUND)
    if line.terms is None or line.reasons:
        return None
    return Span(line.terms.earliest_start_on, line.terms.latest_start_on + timedelta(days=1))
