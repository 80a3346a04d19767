"""What either side decides about a booking that exists: confirm, release, approve, decline, cancel."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import ledger, reading, service
from app.bookings.direct import require_same_need
from app.bookings.fees import BookingTerms, cancellation_fee_cents
from app.bookings.models import Booking, BookingSource, BookingStatus, ChargeKind
from app.bookings.rules import CDMO_REASONS, STARTUP_REASONS
from app.bookings.schemas import CancelBody, DeclineBody
from app.bookings.views import BookingView
from app.capacity.occupancy import span_of
from app.core.clock import now, today
from app.core.errors import Invalid, NotAllowed, StateConflict
from app.identity.actor import Actor


async def confirm(session: AsyncSession, actor: Actor, booking_id: UUID) -> None:
    """The start-up confirms its hold: booked at once in an instant slot on a standard line, else up to the CDMO.

    Raises
    ------
    HoldExpired
        If it comes too late.
    NotEligible
        If the draft that it was made for has become another need.
    StateConflict
        If it is not held, or held for an offer of a round, which is to be answered itself.
    """
    view = await _as_buyer(session, actor, booking_id)
    booking = view.booking
    _require_direct(booking)
    if booking.hold_expires_at is not None and booking.hold_expires_at > now():
        await require_same_need(session, booking)
    await service.confirm(session, actor, booking)


async def release(session: AsyncSession, actor: Actor, booking_id: UUID) -> None:
    """The start-up lets go of a hold, at no cost; what is held for an offer ends by its answer.

    Raises
    ------
    StateConflict
        If it is held for an offer of a round.
    """
    view = await _as_buyer(session, actor, booking_id)
    _require_direct(view.booking)
    await service.end_booking(session, actor, view.booking, BookingStatus.RELEASED, reason_code="not_needed")


async def approve(session: AsyncSession, actor: Actor, booking_id: UUID) -> None:
    """The CDMO approves a booking that awaits it.

    Raises
    ------
    StateConflict
        If it awaits nothing, or a crisis ordered it.
    """
    view = await _as_seller(session, actor, booking_id)
    _require_not_ordered(view.booking)
    await service.approve(session, actor, view.booking)


async def decline(session: AsyncSession, actor: Actor, booking_id: UUID, command: DeclineBody) -> None:
    """The CDMO declines a booking that awaits it; nobody owes anything.

    Raises
    ------
    StateConflict
        If it awaits nothing, or a crisis ordered it.
    """
    view = await _as_seller(session, actor, booking_id)
    _require_not_ordered(view.booking)
    await service.end_booking(
        session,
        actor,
        view.booking,
        BookingStatus.DECLINED,
        reason_code=command.reason_code.value,
        reason_text=command.reason_text,
    )


async def cancel(session: AsyncSession, actor: Actor, booking_id: UUID, command: CancelBody) -> None:
    """Either side cancels: the start-up at the fee that was quoted, the CDMO at none and with all fees credited.

    A booking that its CDMO has not approved costs nothing to leave.

    Raises
    ------
    Invalid
        If this side may not give that reason.
    StateConflict
        If there is nothing left to cancel, or a crisis ordered it.
    """
    view = await reading.get_view(session, actor, booking_id)
    sides = reading.sides_of(actor, view)
    if not (sides.buyer or sides.seller):
        raise NotAllowed("Only the start-up whose lot it is or the CDMO whose line it is cancels a booking.")
    booking = await service.locked(session, booking_id)
    _require_not_ordered(booking)
    reasons = STARTUP_REASONS if sides.buyer else CDMO_REASONS
    if command.reason_code not in reasons:
        known = sorted(reason.value for reason in reasons)
        raise Invalid.field("reason_code", f"This side gives one of: {', '.join(known)}.", allowed=known)
    bound = booking.status is BookingStatus.CONFIRMED
    await service.end_booking(
        session,
        actor,
        booking,
        BookingStatus.CANCELLED,
        reason_code=command.reason_code.value,
        reason_text=command.reason_text,
    )
    if bound and booking.terms:
        await _settle(session, actor, booking, view.cdmo_id, by_cdmo=sides.seller)


async def _settle(session: AsyncSession, actor: Actor, booking: Booking, cdmo_id: UUID, *, by_cdmo: bool) -> None:
    """Charge what a cancellation costs beyond what is charged already, or credit what is too much."""
    terms = BookingTerms.model_validate(booking.terms)
    notice_days = (span_of(booking.period).start_on - today()).days
    total = cancellation_fee_cents(terms, notice_days, by_cdmo=by_cdmo)
    charged = await ledger.charged_cents(session, booking.id)
    due = total - charged
    await ledger.add_charge(
        session,
        actor,
        organisation_id=booking.organisation_id,
        counterparty_id=cdmo_id,
        booking_id=booking.id,
        kind=ChargeKind.CANCELLATION_FEE if due > 0 else ChargeKind.RESERVATION_FEE,
        amount_cents=due,
        detail={
            "cancelled_by": "cdmo" if by_cdmo else "startup",
            "notice_days": notice_days,
            "total_cents": total,
            "charged_before_cents": charged,
            "policy_version": terms.policy_version,
        },
    )


def _require_direct(booking: Booking) -> None:
    """Let pass a hold that its start-up made; the fate of any other follows from what it was held for."""
    if booking.status is BookingStatus.HELD and booking.source is not BookingSource.DIRECT:
        told = (
            "This place is held for an offer: accept or decline the offer."
            if booking.source in {BookingSource.ROUND, BookingSource.WAITING}
            else "This place is held for the orders of a crisis, and ends or becomes a booking with them."
        )
        raise StateConflict(
            told,
            facts={"booking_status": booking.status.value, "source": booking.source.value},
        )


def _require_not_ordered(booking: Booking) -> None:
    """Let pass what no order of a crisis decides; a replacement, once taken up, is a booking like any other."""
    if booking.source is BookingSource.CRISIS:
        raise StateConflict(
            "This campaign was ordered in a crisis: its CDMO accepts or counters the order, and the crisis ends it.",
            facts={
                "booking_status": booking.status.value,
                "source": booking.source.value,
                "crisis_id": str(booking.crisis_id),
            },
        )


async def _as_buyer(session: AsyncSession, actor: Actor, booking_id: UUID) -> BookingView:
    """Return a booking of the actor's start-up, its unit and its row locked.

    Raises
    ------
    NotFound
        If the actor may not even see it.
    NotAllowed
        If it is another's to decide.
    """
    view = await reading.get_view(session, actor, booking_id)
    if not reading.sides_of(actor, view).buyer:
        raise NotAllowed("Only the start-up whose lot it is decides this.")
    await service.locked(session, booking_id)
    return view


async def _as_seller(session: AsyncSession, actor: Actor, booking_id: UUID) -> BookingView:
    """Return a booking on a line of the actor's CDMO, locked; raises as `_as_buyer` does."""
    view = await reading.get_view(session, actor, booking_id)
    if not reading.sides_of(actor, view).seller:
        raise NotAllowed("Only the CDMO whose line it is decides this.")
    await service.locked(session, booking_id)
    return view
