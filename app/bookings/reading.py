"""Bookings as each side may see them, and their quotes."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import ledger, views
from app.bookings.fees import BookingTerms, cancellation_fee_cents, cancellation_schedule
from app.bookings.models import BookingStatus
from app.bookings.schemas import BookingFilter, BookingRead, QuoteRead
from app.bookings.views import BookingView
from app.capacity.occupancy import span_of
from app.core.clock import today
from app.core.errors import NotFound
from app.identity.actor import Actor
from app.identity.models import Role


class Sides(NamedTuple):
    """On which side of a booking an actor stands; the coordinator stands on neither and sees both."""

    buyer: bool
    seller: bool


def sides_of(actor: Actor, view: BookingView) -> Sides:
    """Return on which sides of a booking an actor stands."""
    booking = view.booking
    return Sides(
        buyer=actor.role is Role.STARTUP_MEMBER and booking.organisation_id == actor.organisation_id,
        seller=actor.role is Role.CDMO_PLANNER and view.cdmo_id == actor.organisation_id,
    )


async def list_bookings(
    session: AsyncSession, actor: Actor, query: BookingFilter
) -> tuple[list[BookingRead], str | None]:
    """Return one page of the bookings that the actor may see, and the cursor of the next."""
    everything = actor.role in {Role.COORDINATOR, Role.ADMIN}
    rows, cursor = await views.page(session, query, party_id=None if everything else actor.organisation_id)
    return [as_seen_by(actor, row) for row in rows], cursor


async def get_view(session: AsyncSession, actor: Actor, booking_id: UUID) -> BookingView:
    """Return a booking with what surrounds it, to either side or the coordinator.

    Raises
    ------
    NotFound
        If there is none, or it is others'.
    """
    view = await views.find(session, booking_id)
    if view is None or not (actor.sees(view.booking.organisation_id) or actor.sees(view.cdmo_id)):
        raise NotFound.of("booking", booking_id)
    return view


async def get_booking(session: AsyncSession, actor: Actor, booking_id: UUID) -> BookingRead:
    """Return a booking as the actor may see it."""
    return as_seen_by(actor, await get_view(session, actor, booking_id))


def as_seen_by(actor: Actor, view: BookingView) -> BookingRead:
    """Return a booking without what its CDMO is not told: which product it is, least of all its code name."""
    booking, confidential = view.booking, actor.sees(view.booking.organisation_id)
    days = span_of(booking.period)
    return BookingRead(
        id=booking.id,
        status=booking.status,
        slot_id=booking.slot_id,
        unit_id=booking.unit_id,
        line_id=view.line_id,
        site_id=view.site_id,
        organisation_id=booking.organisation_id,
        cdmo_id=view.cdmo_id,
        request_id=booking.request_id,
        product_id=booking.product_id if confidential else None,
        product_code_name=view.code_name if confidential else None,
        modality=view.modality,
        gmp_phase=view.gmp_phase,
        disclosed_summary=view.disclosed_summary,
        crisis_id=booking.crisis_id,
        source=booking.source,
        batches=booking.batches,
        start=days.start_on,
        end=days.end_on,
        delivery_on=booking.delivery_on,
        reserve=booking.reserve,
        recallable=booking.recallable,
        instant=bool(booking.terms.get("instant")),
        hold_expires_at=booking.hold_expires_at,
        contract_status=booking.contract_status,
        price_cents=booking.price_cents,
        ended_reason_code=booking.ended_reason_code,
        replaced_by_id=booking.replaced_by_id,
        displaced_at=booking.displaced_at,
        origin=booking.origin,
        created_at=booking.created_at,
        version=booking.version,
    )


async def quote(session: AsyncSession, actor: Actor, booking_id: UUID) -> QuoteRead:
    """Return what a booking costs, and what it costs to leave it on any day.

    Raises
    ------
    NotFound
        If there is no such booking, it is others', or it was made without terms.
    """
    booking = (await get_view(session, actor, booking_id)).booking
    if not booking.terms:
        raise NotFound(f"The booking {booking_id} was made without a price: there is no quote.")
    terms = BookingTerms.model_validate(booking.terms)
    start_on = span_of(booking.period).start_on
    confirmed = booking.status is BookingStatus.CONFIRMED
    notice_days = (start_on - today()).days
    return QuoteRead(
        booking_id=booking.id,
        policy_version=terms.policy_version,
        price_cents=terms.price_cents,
        price_lines=terms.price_lines,
        reservation_fee_cents=terms.reservation_fee_cents,
        charged_cents=await ledger.charged_cents(session, booking.id),
        cancellation_today_cents=cancellation_fee_cents(terms, notice_days, by_cdmo=False) if confirmed else 0,
        cancellation=cancellation_schedule(terms, start_on, terms.reservation_fee_cents, from_on=today()),
        origin=booking.origin,
    )
