"""Booking straight from the search: a hold at once, judged by matching and decided by the calendar."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import expiry, placing, repository, service, writing_repository
from app.bookings.approvals import deadline_of
from app.bookings.drafts import BookingDraft, JudgedVersions
from app.bookings.errors import NotEligible, RequestAlreadyBooked
from app.bookings.models import Booking, BookingSource
from app.bookings.own_request import describe, refuse_contradictions
from app.bookings.reading import get_view
from app.bookings.schemas import BookingCreate
from app.bookings.views import BookingView
from app.capacity.directory import Directory, with_directory
from app.capacity.facts import unit_facts
from app.capacity.occupancy import span_of
from app.capacity.places import PLACE, PLACE_AS_IF_FREE, Place, place_of_row, state_of_row
from app.capacity.service import lock_units
from app.capacity.supply import UnitFacts
from app.core.clock import day_of, now, today
from app.core.driver import Driver, Together, driver_of
from app.core.errors import DomainError, NotFound
from app.core.idempotency import IdempotencyKey
from app.core.model import period
from app.core.schemas import LATEST_DAY
from app.core.tenancy import go_across
from app.core.vocabulary import Origin
from app.identity.actor import Actor
from app.identity.models import Role
from app.matching.facts import RequestFacts
from app.matching.outcome import Option
from app.requests.facts import NEED, Need, need_of, request_facts
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
    TooLateToApprove
        If its CDMO would have to approve a period that has begun.
    NotFound
        If the slot, the request or the product is not among those that the actor can see.
    """
    actor.require(Role.STARTUP_MEMBER)
    refuse_contradictions(command)
    driver = await driver_of(session)
    if command.product_id is not None:
        made = await _for_product(
            _PLACE_AND_NEED, driver, actor, command, command.product_id, hold_minutes=hold_minutes
        )
        draft = made.draft
        if command.latest_delivery_on is None:  # made for this start: a refusal may point to any other
            draft = replace(draft, starts_between=period(_first_start(made.option, made.place.unit), LATEST_DAY))
        await placing.refuse_taken(session, draft, made.place.facts)
        await go_across(session)
        booking = await service.place_booking(session, actor, draft, made.place.slot, request=made.request)
        return made.view(booking)
    place = await placing.bookable_place(driver, command.slot_id, command.start)
    request = await _request(session, actor, command, place.slot.unit_id)
    judged = JudgedVersions(request.version, (await repository.product_of(session, request)).version)
    facts = (await request_facts(session, [request.id]))[request.id]
    _, draft = _drafted(facts, place, command, request.origin, judged, hold_minutes=hold_minutes)
    await placing.refuse_taken(session, draft, place.facts)
    await go_across(session)
    # The unit before the request: whoever changes a booking locks them in this order too.
    await lock_units(session, [place.slot.unit_id])
    await expiry.lock_with_run_out(session, [place.slot.unit_id], [request.id])
    await _require_unserved(session, await get_request(session, actor, request.id, lock=True))
    booking = await service.place_booking(session, actor, draft, place.slot)
    return await get_view(session, actor, booking.id)


async def hold_at_once(
    driver: Driver,
    actor: Actor,
    command: BookingCreate,
    answer: Callable[[BookingView], IdempotencyKey],
    *,
    hold_minutes: int,
) -> IdempotencyKey | None:
    """Do what `hold` does for a product, in two journeys to the server, where nothing stands against it.

    Parameters
    ----------
    answer
        Makes the answer to keep out of what is about to be written: it is written with it, or nothing is.

    Returns
    -------
    IdempotencyKey or None
        The answer that has been kept; None if anything stands against it: `hold` then finds out, and tells, what.
    """
    if command.product_id is None or command.request_id is not None or actor.role is not Role.STARTUP_MEMBER:
        return None
    try:
        made = await _for_product(
            _FREE_PLACE_AND_NEED, driver, actor, command, command.product_id, hold_minutes=hold_minutes
        )
    except DomainError:
        return None
    booking = service.row_of(made.draft, made.place.slot)
    kept = answer(made.view(booking))
    writing = service.writing_of(actor, booking, made.place.slot, made.request)._replace(kept=kept)
    return kept if await writing_repository.write(driver, writing) is None else None


class _Made(NamedTuple):
    """A hold to be made, with the request that is made for it."""

    place: placing.BookablePlace
    need: Need
    request: Request
    option: Option
    draft: BookingDraft

    def view(self, booking: Booking) -> BookingView:
        return BookingView(
            booking,
            line_id=self.place.unit.line_id,
            site_id=self.place.unit.site_id,
            cdmo_id=self.place.unit.organisation_id,
            code_name=self.need.product.code_name,
            modality=self.need.product.modality,
            gmp_phase=self.request.gmp_phase,
            disclosed_summary=None,
            pending_move_id=None,
        )


async def _for_product(
    statement: Together, driver: Driver, actor: Actor, command: BookingCreate, product_id: UUID, *, hold_minutes: int
) -> _Made:
    """Return the hold to be made for a product, and the request to be made with it."""
    found, need = await _place_and_need(statement, driver, command.slot_id, product_id)
    place = placing.bookable(found, command.slot_id, command.start)
    if need is None or need.organisation.id != actor.organisation_id:
        raise placing.missing("product", product_id)
    request = request_to_make(actor, describe(command, need.product, place.unit), need)
    judged = JudgedVersions(request.version, need.product.version)
    option, draft = _drafted(need.facts_of(request), place, command, request.origin, judged, hold_minutes=hold_minutes)
    return _Made(place, need, request, option, draft)


_PLACE_AND_NEED, _FREE_PLACE_AND_NEED = Together(PLACE, NEED), Together(PLACE_AS_IF_FREE, NEED)


async def _place_and_need(
    statement: Together, driver: Driver, slot_id: UUID, product_id: UUID
) -> tuple[Place | None, Need | None]:
    async def ask(_: Directory) -> tuple[UUID | None, list[list[Any] | None]]:
        found = await statement.one_each(driver, {"slot_id": slot_id, "product_id": product_id})
        return state_of_row(found[0]), found

    directory, (place, need) = await with_directory(driver, ask)
    return place_of_row(directory, place), need_of(need, today())


def _drafted(
    facts: RequestFacts,
    place: placing.BookablePlace,
    command: BookingCreate,
    origin: Origin,
    judged: JudgedVersions,
    *,
    hold_minutes: int,
) -> tuple[Option, BookingDraft]:
    """Return what matching finds at the start asked for, and the hold of it.

    Raises
    ------
    TooLateToApprove
        If its CDMO would have to approve a period that has begun: it could be held, and never confirmed.
    """
    option = placing.option_at(facts, place.unit, place.facts, command.start, today())
    if not option.instant:
        deadline_of(command.start, BookingSource.DIRECT)
    return option, service.draft_of(
        facts,
        option,
        command.start,
        source=BookingSource.DIRECT,
        hold_expires_at=now() + timedelta(minutes=hold_minutes),
        origin=Origin.of(place.slot.origin, origin),
        judged=judged,
    )


async def require_same_need(session: AsyncSession, booking: Booking) -> None:
    """Let pass a live hold whose request is still what it was made for; a draft, or its product, may have changed.

    If neither has, what was quoted stands, whatever its CDMO has made of the line or the slot since. Otherwise it is
    judged as of the day on which it was held, so that a hold outlasts midnight.

    Raises
    ------
    NotEligible
        If the line would not serve the request as it is now, or not with these batches and days.
    """
    if booking.request_id is None:
        return
    request = await repository.lock_request(session, booking.request_id)
    product = await repository.product_of(session, request)
    held_for = booking.request_version, booking.product_version
    if request.status is not RequestStatus.DRAFT or held_for == (request.version, product.version):
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


async def _request(session: AsyncSession, actor: Actor, command: BookingCreate, unit_id: UUID) -> Request:
    """Return the request that is named, waiting and with no live booking; what has run out for it is ended first."""
    assert command.request_id is not None  # noqa: S101 - `refuse_contradictions` has seen to it
    try:
        request = await get_request(session, actor, command.request_id)
    except NotFound:
        raise placing.missing("request", command.request_id) from None
    if request.status is RequestStatus.BOOKED:
        await go_across(session)
        await expiry.expire_for_request(session, actor, request.id, unit_id)
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
