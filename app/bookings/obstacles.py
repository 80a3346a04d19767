"""The facts of a refusal: what is in the way, without whose it is, and the nearest free period."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import repository
from app.bookings.errors import BookingRefused, OutsideSlot, SlotTaken, SlotWhole
from app.bookings.rules import nearest_free
from app.capacity.models import Slot
from app.capacity.occupancy import occupied_periods, span_of
from app.capacity.rules import effective_reserve
from app.capacity.supply import Span
from app.core.clock import today
from app.core.model import Period
from app.matching.slots import gaps

CALENDAR_REFUSALS = (SlotTaken, SlotWhole, OutsideSlot)
"""Refusals that another period can answer."""


async def facts_of(
    session: AsyncSession,
    refusal: type[BookingRefused],
    slot_id: UUID,
    days: Period,
    starts: Period | None,
    *,
    leaving: UUID | None = None,
) -> dict[str, Any]:
    """Return the facts of a refusal as JSON: the slot, and where another period can answer it, which.

    Parameters
    ----------
    starts
        Days on which the booking could start; None leaves them open from today on.
    leaving
        A booking that gives up its place by moving: it is in nobody's way.
    """
    slot = (await repository.slots_by_id(session, [slot_id]))[slot_id]
    facts: dict[str, Any] = {"slot_id": str(slot_id), "slot": days_as_json(span_of(slot.period))}
    if not issubclass(refusal, CALENDAR_REFUSALS):
        return facts
    wanted = span_of(days)
    occupied = (await occupied_periods(session, [slot.unit_id], leaving=leaving))[slot.unit_id]
    busy = [one.period for one in occupied]
    facts["in_the_way"] = [
        days_as_json(one) for one in busy if one.start_on < wanted.end_on and wanted.start_on < one.end_on
    ]
    facts["nearest_free"] = await _nearest(session, slot, wanted, busy, starts)
    return facts


async def _nearest(
    session: AsyncSession, slot: Slot, wanted: Span, busy: list[Span], starts: Period | None
) -> dict[str, str] | None:
    """Return the nearest free period in the slot itself, else in another of its unit, with that slot's identifier."""
    allowed = span_of(starts) if starts is not None else Span(today(), wanted.end_on + timedelta(days=36_500))
    day = today()
    reserve = effective_reserve(slot.reserve, slot.releases_on, day)
    bookable = await repository.bookable_slots(session, slot.unit_id)
    others = [one for one in bookable if effective_reserve(one.reserve, one.releases_on, day) is reserve]
    for candidates in ([one for one in others if one.id == slot.id], [one for one in others if one.id != slot.id]):
        found = {
            free: one.id for one in candidates if (free := nearest_free(wanted, _free(one, busy), allowed)) is not None
        }
        if found:
            best = min(found, key=lambda free: (abs((free.start_on - wanted.start_on).days), free))
            return {"slot_id": str(found[best]), **days_as_json(best)}
    return None


def _free(slot: Slot, busy: list[Span]) -> list[Span]:
    """Return the free stretches of a slot; one that is taken whole has only itself, free or not."""
    whole = span_of(slot.period)
    free = list(gaps(whole, busy))
    return free if slot.divisible or free == [whole] else []


def days_as_json(days: Span) -> dict[str, str]:
    """Return a period as a refusal tells it."""
    return {"start": days.start_on.isoformat(), "end": days.end_on.isoformat()}
