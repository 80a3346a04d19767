"""Booking straight from the search: a hold at once, judged by matching and decided by the calendar."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import repository, service
from app.bookings.drafts import BookingDraft
from app.bookings.errors import (
    InThePast,
    NotEligible,
    OutsideSlot,
    RequestAlreadyBooked,
    SlotNotPublished,
    SlotTaken,
    SlotWhole,
)
from app.bookings.models import Booking, BookingSource
from app.bookings.obstacles import facts_of
from app.bookings.own_request import describe, refuse_contradictions
from app.bookings.schemas import BookingCreate
from app.capacity.facts import slot_facts, unit_facts
from app.capacity.models import Slot, SlotStatus
from app.capacity.occupancy import span_of
from app.capacity.service import lock_units
from app.capacity.supply import SlotFacts, UnitFacts
from app.core.clock import day_of, now, today
from app.core.errors import FieldFault, NotFound
from app.core.model import period
from app.core.schemas import LATEST_DAY
from app.core.vocabulary import Origin
from app.identity.actor import Actor
from app.identity.models import Role
from app.matching.facts import RequestFacts
from app.matching.match import match
from app.matching.outcome import Match, Option, Reason, ReasonCode
from app.matching.wording import sentence
from app.requests.facts import request_facts
from app.requests.models import Request, RequestStatus
from app.requests.products import get_product
from app.requests.rules import WAITING
from app.requests.service import create_request, get_request


async def hold(session: AsyncSession, actor: Actor, command: BookingCreate, *, hold_minutes: int) -> Booking:
    """Hold a period of a slot for a request of the actor's start-up, or for one made here from a product.

    Matching decides whether the line serves it, how long it takes and what it costs; the database, whether it is free.

    Raises
    ------
    BookingRefused
        With the field at fault, and the facts: what is in the way, the nearest free period, the reasons.
    NotFound
        If the slot, the request or the product is not among those that the actor can see.
    """
    actor.require(Role.STARTUP_MEMBER)
    refuse_contradictions(command)
    slot = await _bookable_slot(session, command)
    unit = (await unit_facts(session, unit_ids=[slot.unit_id]))[slot.unit_id]
    place = await _place(session, slot)
    request = await _request(session, actor, command, unit)
    facts = (await request_facts(session, [request.id]))[request.id]
    option = _option(facts, unit, place, command.start, today())
    draft = service.draft_of(
        facts,
        option,
        command.start,
        source=BookingSource.DIRECT,
        hold_expires_at=now() + timedelta(minutes=hold_minutes),
        origin=Origin.of(slot.origin, request.origin),
    )
    if command.product_id is not None and command.latest_delivery_on is None:
        draft = replace(draft, starts_between=period(_first_start(option, unit), LATEST_DAY))
    await _refuse_taken(session, draft, place)
    if command.request_id is not None:
        # The unit before the request: whoever changes a booking locks them in this order too.
        await lock_units(session, [slot.unit_id])
        await _require_unserved(session, await get_request(session, actor, request.id, lock=True))
    return await service.create_booking(session, actor, draft)


async def require_same_need(session: AsyncSession, booking: Booking) -> None:
    """Let pass a live hold whose request is still what it was made for; a draft, or its product, may have changed.

    Judged as of the day on which it was held, so that a hold outlasts midnight.

    Raises
    ------
    NotEligible
        If the line would not serve the request as it is now, or not with these batches and days.
    """
    if booking.request_id is None:
        return
    request = await repository.lock_request(session, booking.request_id)
    if request.status is not RequestStatus.DRAFT:
        return
    slot = (await repository.slots_by_id(session, [booking.slot_id]))[booking.slot_id]
    facts = (await request_facts(session, [request.id]))[request.id]
    unit = (await unit_facts(session, unit_ids=[slot.unit_id]))[slot.unit_id]
    held = span_of(booking.period)
    place = await _place(session, slot)
    if booking.recallable:  # a recall since then ends lending, and not what is lent
        place = replace(place, lendable=True, max_lent_days=None)
    option = _option(facts, unit, place, held.start_on, day_of(booking.created_at))
    if (option.terms.batches, option.duration_days) != (booking.batches, held.days):
        raise NotEligible(
            "The request has changed since this hold was made: release it, and make a new one.",
            batches=option.terms.batches,
            duration_days=option.duration_days,
        )


async def _bookable_slot(session: AsyncSession, command: BookingCreate) -> Slot:
    """Return the slot, published and around a start that is not past."""
    slot = (await repository.slots_by_id(session, [command.slot_id])).get(command.slot_id)
    if slot is None or slot.status is SlotStatus.DRAFT:
        raise _missing("slot", command.slot_id)
    if slot.status is not SlotStatus.PUBLISHED:
        raise SlotNotPublished(slot_id=str(slot.id))
    if command.start < today():
        raise InThePast(today=today().isoformat())
    days = span_of(slot.period)
    if not days.start_on <= command.start < days.end_on:
        raise _outside(slot.id, days.start_on, days.end_on, f"The start, {command.start}, lies outside the slot")
    return slot


async def _place(session: AsyncSession, slot: Slot) -> SlotFacts:
    """Return the facts of a slot, which may have been withdrawn a moment ago."""
    found = (await slot_facts(session, slot_ids=[slot.id])).get(slot.unit_id)
    if not found:
        raise SlotNotPublished(slot_id=str(slot.id))
    return found[0]


async def _request(session: AsyncSession, actor: Actor, command: BookingCreate, unit: UnitFacts) -> Request:
    """Return the request to serve, waiting and with no live booking: the one that is named, or a new one."""
    if command.request_id is None:
        assert command.product_id is not None  # noqa: S101 - `refuse_contradictions` has seen to it
        try:
            product = await get_product(session, actor, command.product_id)
        except NotFound:
            raise _missing("product", command.product_id) from None
        return await create_request(session, actor, describe(command, product, unit))
    try:
        request = await get_request(session, actor, command.request_id)
    except NotFound:
        raise _missing("request", command.request_id) from None
    await _require_unserved(session, request)
    return request


async def _require_unserved(session: AsyncSession, request: Request) -> None:
    """Let pass a request that waits and has no live booking."""
    live = await repository.live_booking_of_request(session, request.id, now())
    if live is not None:
        raise RequestAlreadyBooked(booking_id=str(live))
    if request.status not in WAITING:
        detail = f"The request is {request.status.value}: nothing more can be booked for it."
        raise RequestAlreadyBooked(detail, request_status=request.status.value)


async def _refuse_taken(session: AsyncSession, draft: BookingDraft, place: SlotFacts) -> None:
    """Refuse what is plainly taken before queueing for the unit; whatever passes, the constraint decides."""
    wanted = span_of(draft.period)
    if any(busy.start_on < wanted.end_on and wanted.start_on < busy.end_on for busy in place.busy):
        refusal = SlotTaken if place.divisible else SlotWhole
        raise refusal(**await facts_of(session, refusal, place.slot_id, draft.period, draft.starts_between))


def _option(request: RequestFacts, unit: UnitFacts, slot: SlotFacts, start_on: date, as_of_on: date) -> Option:
    """Return what matching finds in the slot, were it empty, for a campaign that starts on a day."""
    found = match(request, unit, [replace(slot, busy=())], as_of_on)
    if not found.options:
        _refuse_past_the_end(found, slot, start_on)
        raise NotEligible(**_reasons(found))
    [option] = found.options
    if start_on + timedelta(days=option.duration_days) > slot.period.end_on:
        raise _past_the_end(slot, start_on, option.duration_days)
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


def _refuse_past_the_end(found: Match, slot: SlotFacts, start_on: date) -> None:
    """Refuse a start after the slot's last where nothing else stands against it: that is the start's fault alone."""
    [reason, *others] = found.reasons
    if others or reason.code is not ReasonCode.SLOT_TOO_EARLY or not isinstance(reason.offered, date):
        return
    if start_on > reason.offered:
        raise _past_the_end(slot, start_on, (slot.period.end_on - reason.offered).days)


def _past_the_end(slot: SlotFacts, start_on: date, duration_days: int) -> OutsideSlot:
    detail = f"The campaign takes {duration_days} days from its start, {start_on}: past the slot's end"
    return _outside(slot.slot_id, *slot.period, detail, duration_days=duration_days)


def _first_start(option: Option, unit: UnitFacts) -> date:
    """Return the first day on which the line could start, whatever day the request asks for."""
    return max(today() + timedelta(days=option.terms.transfer_days), unit.commissioned_on or today())


def _outside(slot_id: UUID, first_on: date, end_on: date, told: str, **facts: Any) -> OutsideSlot:
    slot = {"start": first_on.isoformat(), "end": end_on.isoformat()}
    return OutsideSlot(f"{told} [{first_on}, {end_on}).", slot_id=str(slot_id), slot=slot, **facts)


def _missing(kind: str, identifier: UUID) -> NotFound:
    """Return the error for something that the body names and the actor cannot see."""
    missing = NotFound.of(kind, identifier)
    return NotFound(missing.detail, faults=[FieldFault(f"/{kind}_id", missing.detail)])


def _reasons(found: Match) -> dict[str, Any]:
    """Return why the line does not serve the request, as facts, with both sides of each reason."""
    return {"reasons": [_reason(reason) for reason in found.reasons]}


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code.value,
        "asked": to_jsonable_python(reason.asked),
        "offered": to_jsonable_python(reason.offered),
        "sentence": sentence(reason),
    }
