"""Booking straight from the search: a hold at once, judged by matching and decided by the calendar."""

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import placing, repository, service
from app.bookings.errors import NotEligible, RequestAlreadyBooked
from app.bookings.expiry import expire
from app.bookings.models import Booking, BookingSource
from app.bookings.own_request import describe, refuse_contradictions
from app.bookings.reading import get_view
from app.bookings.schemas import BookingCreate
from app.bookings.views import BookingView
from app.capacity.facts import unit_facts
from app.capacity.models import Slot
from app.capacity.occupancy import span_of
from app.capacity.service import lock_units
from app.capacity.supply import UnitFacts
from app.core.clock import day_of, now, today
from app.core.errors import NotFound
from app.core.model import period
from app.core.schemas import LATEST_DAY
from app.core.vocabulary import Origin
from app.identity.actor import Actor
from app.identity.models import Role
from app.matching.outcome import Option
from app.requests.facts import Need, need_of, request_facts
from app.requests.models import Request, RequestStatus
from app.requests.rules import WAITING
from app.requests.service import get_request, request_to_make


async def hold(session: AsyncSession, actor: Actor, command: BookingCreate, *, hold_minutes: int) -> BookingView:
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
    slot, unit, place = await placing.bookable_place(session, command.slot_id, command.start)
    need = await _need(session, actor, command)
    request = (
        await _request(session, actor, command, slot)
        if need is None
        else request_to_make(actor, describe(command, need.product, unit), need)
    )
    facts = need.facts_of(request) if need else (await request_facts(session, [request.id]))[request.id]
    option = placing.option_at(facts, unit, place, command.start, today())
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
    await placing.refuse_taken(session, draft, place)
    if command.request_id is not None:
        # The unit before the request: whoever changes a booking locks them in this order too.
        await lock_units(session, [slot.unit_id])
        await _require_unserved(session, await get_request(session, actor, request.id, lock=True))
    booking = await service.place_booking(session, actor, draft, slot, request=request if need else None)
    if need is None:
        return await get_view(session, actor, booking.id)
    return BookingView(
        booking,
        line_id=unit.line_id,
        site_id=unit.site_id,
        cdmo_id=unit.organisation_id,
        code_name=need.product.code_name,
        modality=need.product.modality,
        gmp_phase=request.gmp_phase,
        disclosed_summary=None,
        pending_move_id=None,
    )


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
    # Whether its slot is taken whole may have changed around it: the days that were held are all that it takes.
    place = replace(await placing.facts_of_slot(session, slot), period=held, divisible=False)
    if booking.recallable:  # a recall since then ends lending, and not what is lent
        place = replace(place, lendable=True, max_lent_days=None)
    option = placing.option_at(facts, unit, place, held.start_on, day_of(booking.created_at))
    if option.terms.batches != booking.batches:
        raise NotEligible(
            "The request has changed since this hold was made: release it, and make a new one.",
            batches=option.terms.batches,
            duration_days=option.terms.duration_days,
        )


async def _need(session: AsyncSession, actor: Actor, command: BookingCreate) -> Need | None:
    """Return the need of the product for which a request is to be made; None where a request is named."""
    if command.product_id is None:
        return None
    need = await need_of(session, command.product_id, today())
    if need is None or need.organisation.id != actor.organisation_id:
        raise placing.missing("product", command.product_id)
    return need


async def _request(session: AsyncSession, actor: Actor, command: BookingCreate, slot: Slot) -> Request:
    """Return the request that is named, waiting and with no live booking; what was not approved in time is none."""
    assert command.request_id is not None  # noqa: S101 - `refuse_contradictions` has seen to it
    try:
        request = await get_request(session, actor, command.request_id)
    except NotFound:
        raise placing.missing("request", command.request_id) from None
    if request.status is RequestStatus.BOOKED:
        over = await repository.units_with_overdue_approvals(session, now(), 2, request_id=request.id)
        if over:
            await lock_units(session, {slot.unit_id, *over})
            await expire(session, actor, over)
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


def _first_start(option: Option, unit: UnitFacts) -> date:
    """Return the first day on which the line could start, whatever day the request asks for."""
    return max(today() + timedelta(days=option.terms.transfer_days), unit.commissioned_on or today())
