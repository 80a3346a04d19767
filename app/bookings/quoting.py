"""Quotes: what a booking costs, what it costs to leave it, and what a move of it would cost."""

from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import ledger, moving, reading, slip_repository
from app.bookings.access import view_for
from app.bookings.fees import (
    BookingTerms,
    cancellation_fee_cents,
    cancellation_schedule,
    cdmo_cancellation_cents,
    free_of_charge,
    share_cents,
)
from app.bookings.life_schemas import MoveQuestion, MoveQuote, QuoteRead
from app.bookings.models import Booking, BookingStatus, ChargeKind
from app.bookings.move_costs import free_moves_left
from app.capacity.occupancy import span_of
from app.core.clock import today
from app.core.errors import Invalid, NotFound
from app.identity.actor import Actor


async def quote(session: AsyncSession, actor: Actor, booking_id: UUID, question: MoveQuestion) -> QuoteRead:
    """Return what a booking costs, what it costs to leave it on any day, and if asked, to move it.

    Raises
    ------
    NotFound
        If there is no such booking, it is others', or it was made without terms.
    Invalid
        If another slot is asked about without a start.
    BookingRefused, StateConflict
        As the move would be refused.
    """
    booking = (await reading.get_view(session, actor, booking_id)).booking
    if not booking.terms:
        raise NotFound(f"The booking {booking_id} was made without a price: there is no quote.")
    terms = BookingTerms.model_validate(booking.terms)
    start_on = span_of(booking.period).start_on
    confirmed = booking.status is BookingStatus.CONFIRMED
    notice_days = (start_on - today()).days
    by_cdmo = confirmed and await slip_repository.stands_in_the_way(session, booking)
    fee = terms.reservation_fee_cents
    move_fees_cents = (await ledger.charged_by_kind(session, booking.id)).get(ChargeKind.MOVE_FEE, 0)
    return QuoteRead(
        booking_id=booking.id,
        policy_version=terms.policy_version,
        price_cents=terms.price_cents,
        price_lines=terms.price_lines,
        reservation_fee_cents=terms.reservation_fee_cents,
        charged_cents=await ledger.charged_cents(session, booking.id),
        move_fees_cents=move_fees_cents,
        free_moves_left=free_moves_left(terms, booking.free_moves_used),
        free_move_notice_days=terms.moves.free_notice_days,
        caused_by_cdmo=by_cdmo,
        move_fee_cents=0 if by_cdmo else share_cents(terms.price_cents, terms.moves.percent),
        cancellation_today_cents=cancellation_fee_cents(terms, notice_days, by_cdmo=by_cdmo) if confirmed else 0,
        # Where the CDMO is the cause, moving has cost nothing either.
        cancellation=free_of_charge(fee + move_fees_cents)
        if by_cdmo
        else cancellation_schedule(terms, start_on, fee, from_on=today()),
        cdmo_cancellation_percent=terms.cdmo_cancellation_percent,
        cdmo_cancellation_today_cents=cdmo_cancellation_cents(terms) if confirmed else 0,
        move=await _move(session, actor, booking, question),
        origin=booking.origin,
    )


async def _move(session: AsyncSession, actor: Actor, booking: Booking, question: MoveQuestion) -> MoveQuote | None:
    if question.start is None:
        if question.slot_id is not None:
            raise Invalid.field("query/start", "Give the start of the move in this slot.")
        return None
    view, _ = await view_for(session, actor, booking.id, "move")
    return await _quote_move(session, view.booking, question.slot_id or booking.slot_id, question.start)


async def _quote_move(session: AsyncSession, booking: Booking, slot_id: UUID, start_on: date) -> MoveQuote:
    """Return what a move would cost; it is refused as the move would be."""
    moving.require_movable(booking)
    plan = await moving.plan_move(session, booking, slot_id, start_on)
    terms, offer = plan.draft.terms, plan.offer
    assert terms is not None  # noqa: S101
    return MoveQuote(
        slot_id=slot_id,
        start=offer.start,
        end=offer.end,
        delivery_on=plan.draft.delivery_on,
        instant=plan.instant,
        price_cents=terms.price_cents,
        price_lines=terms.price_lines,
        price_difference_cents=offer.price_difference_cents,
        cdmo_cancellation_percent=terms.cdmo_cancellation_percent,
        move_fee_cents=offer.fee_cents,
        free=offer.free,
        caused_by_cdmo=offer.by_cdmo,
        notice_days=offer.notice_days,
        reservation_difference_cents=offer.reservation_difference_cents,
        due_cents=offer.fee_cents + offer.reservation_difference_cents,
    )
