"""Judging a place: whether a slot is open, and what matching says of a start in it; holds and moves both ask here."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import repository
from app.bookings.drafts import BookingDraft
from app.bookings.errors import (
    InThePast,
    NotEligible,
    OutsideSlot,
    SlotNotPublished,
    SlotTaken,
    SlotWhole,
)
from app.bookings.obstacles import facts_of
from app.capacity.facts import slot_facts
from app.capacity.models import Slot, SlotStatus
from app.capacity.occupancy import span_of
from app.capacity.places import Place, place_facts
from app.capacity.supply import SlotFacts, UnitFacts
from app.core.clock import today
from app.core.driver import Driver
from app.core.errors import FieldFault, NotFound
from app.matching.facts import RequestFacts
from app.matching.match import match
from app.matching.outcome import Match, Option, Reason, ReasonCode
from app.matching.wording import sentence


async def bookable_slot(session: AsyncSession, slot_id: UUID, start_on: date) -> Slot:
    """Return the slot, published and around a start that is not past.

    Raises
    ------
    NotFound
        If there is no such slot, or only a draft of it.
    SlotNotPublished, InThePast, OutsideSlot
        As each says.
    """
    slot = (await repository.slots_by_id(session, [slot_id])).get(slot_id)
    if slot is None:
        raise missing("slot", slot_id)
    return _bookable(slot, start_on)


class BookablePlace(NamedTuple):
    """A published slot, a plain row, with the facts of its unit and its own."""

    slot: Slot
    unit: UnitFacts
    facts: SlotFacts


async def bookable_place(driver: Driver, slot_id: UUID, start_on: date) -> BookablePlace:
    """Return the slot, as `bookable_slot` does, with the facts of its unit and its own, in one query."""
    return bookable(await place_facts(driver, slot_id), slot_id, start_on)


def bookable(found: Place | None, slot_id: UUID, start_on: date) -> BookablePlace:
    """Return a place of which a booking can be made, as `bookable_slot` does."""
    if found is None:
        raise missing("slot", slot_id)
    slot = _bookable(found.slot, start_on)
    if found.facts is None:
        raise SlotNotPublished(slot_id=str(slot.id))
    return BookablePlace(slot, found.unit, found.facts)


def _bookable(slot: Slot, start_on: date) -> Slot:
    """Return the slot, if it is published and around a start that is not past."""
    if slot.status is SlotStatus.DRAFT:
        raise missing("slot", slot.id)
    if slot.status is not SlotStatus.PUBLISHED:
        raise SlotNotPublished(slot_id=str(slot.id))
    if start_on < today():
        raise InThePast(today=today().isoformat())
    days = span_of(slot.period)
    if not days.start_on <= start_on < days.end_on:
        raise _outside(slot.id, days.start_on, days.end_on, f"The start, {start_on}, lies outside the slot")
    return slot


async def facts_of_slot(session: AsyncSession, slot: Slot, *, leaving: UUID | None = None) -> SlotFacts:
    """Return the facts of a slot, which may have been withdrawn a moment ago, for a booking that leaves its place."""
    found = (await slot_facts(session, slot_ids=[slot.id], leaving=leaving)).get(slot.unit_id)
    if not found:
        raise SlotNotPublished(slot_id=str(slot.id))
    return found[0]


async def refuse_taken(
    session: AsyncSession, draft: BookingDraft, place: SlotFacts, *, leaving: UUID | None = None
) -> None:
    """Refuse what is plainly taken before queueing for the unit; whatever passes, the constraint decides.

    Parameters
    ----------
    leaving
        The booking to be moved, which gives up its place.

    Raises
    ------
    SlotTaken, SlotWhole
        With what is in the way.
    """
    wanted = span_of(draft.period)
    if any(busy.start_on < wanted.end_on and wanted.start_on < busy.end_on for busy in place.busy):
        refusal = SlotTaken if place.divisible else SlotWhole
        facts = await facts_of(session, refusal, place.slot_id, draft.period, draft.starts_between, leaving=leaving)
        raise refusal(**facts)


def option_at(request: RequestFacts, unit: UnitFacts, slot: SlotFacts, start_on: date, as_of_on: date) -> Option:
    """Return what matching finds in the slot, were it empty, for a campaign that starts on a day.

    Raises
    ------
    NotEligible
        With the typed reasons why the line does not serve the request, or not from that day.
    OutsideSlot
        If only the start stands against it.
    """
    found = match(request, unit, [replace(slot, busy=()) if slot.busy else slot], as_of_on)
    if not found.options:
        _refuse_start(found, slot, start_on)
        raise NotEligible(reasons=reasons_told(found.reasons))
    [option] = found.options
    if start_on + timedelta(days=option.duration_days) > slot.period.end_on:
        raise _late(slot, start_on, option.duration_days)
    if not any(window.first_on <= start_on <= window.last_on for window in option.start_windows):
        first, last = option.earliest_start_on, option.latest_start_on
        raise NotEligible(
            f"Here this request can start from {first} to {last}: transfer, its own dates and release testing counted.",
            pointer="/start",
            earliest_start=first.isoformat(),
            latest_start=last.isoformat(),
            transfer_days=option.terms.transfer_days,
            reasons=[],
        )
    return option


def _refuse_start(found: Match, slot: SlotFacts, start_on: date) -> None:
    """Refuse a start after the slot's last where nothing else stands against it: that is the start's fault alone."""
    [reason, *others] = found.reasons
    if others or reason.code is not ReasonCode.SLOT_TOO_EARLY or not isinstance(reason.offered, date):
        return
    if start_on > reason.offered:
        raise _late(slot, start_on, (slot.period.end_on - reason.offered).days)


def _late(slot: SlotFacts, start_on: date, duration_days: int) -> OutsideSlot:
    """Return the refusal of a start after the last one: of a slot that is taken whole, that is its first day."""
    if not slot.divisible:
        first_on = slot.period.start_on
        detail = f"This slot is taken whole, from its first day, {first_on}, and not from {start_on}:"
        return _outside(slot.slot_id, *slot.period, detail, first_day=first_on.isoformat())
    detail = f"The campaign takes {duration_days} days from its start, {start_on}: past the slot's end"
    return _outside(slot.slot_id, *slot.period, detail, duration_days=duration_days)


def _outside(slot_id: UUID, first_on: date, end_on: date, told: str, **facts: Any) -> OutsideSlot:
    slot = {"start": first_on.isoformat(), "end": end_on.isoformat()}
    return OutsideSlot(f"{told} [{first_on}, {end_on}).", slot_id=str(slot_id), slot=slot, **facts)


def missing(kind: str, identifier: UUID) -> NotFound:
    """Return the error for something that the body names and the actor cannot see."""
    missing = NotFound.of(kind, identifier)
    return NotFound(missing.detail, faults=[FieldFault(f"/{kind}_id", missing.detail)])


def reasons_told(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """Return why a line or a slot does not serve a request, as facts, with both sides of each reason."""
    return [_reason(reason) for reason in reasons]


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code.value,
        "asked": to_jsonable_python(reason.asked),
        "offered": to_jsonable_python(reason.offered),
        "sentence": sentence(reason),
    }
