"""What either side decides about a booking that exists: confirm, release, approve, decline, cancel."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import ledger, moving, resale, service, slip_repository
from app.bookings.access import locked_for, require_direct, require_not_ordered
from app.bookings.direct import require_same_need
from app.bookings.fees import BookingTerms, cancellation_fee_cents
from app.bookings.models import Booking, BookingStatus, ChargeKind
from app.bookings.rules import CDMO_REASONS, STARTUP_REASONS, Party, require_way
from app.bookings.schemas import CancelBody, DeclineBody
from app.capacity.occupancy import span_of
from app.core.clock import now, today
from app.core.errors import Invalid
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
    view, _ = await locked_for(session, actor, booking_id, "confirm")
    booking = view.booking
    require_direct(booking)
    if booking.hold_expires_at is not None and booking.hold_expires_at > now():
        await require_same_need(session, booking)
    await service.confirm(session, actor, booking)


async def release(session: AsyncSession, actor: Actor, booking_id: UUID) -> None:
    """The start-up lets go of a hold, at no cost; what is held for an offer ends by its answer.

    Raises
    ------
    StateConflict
        If it is not held, or held for an offer of a round.
    """
    view, _ = await locked_for(session, actor, booking_id, "release")
    require_way("release", view.booking.status)
    require_direct(view.booking)
    await service.end_booking(session, actor, view.booking, BookingStatus.RELEASED, reason_code="not_needed")


async def approve(session: AsyncSession, actor: Actor, booking_id: UUID) -> None:
    """The CDMO approves a booking that awaits it, or a move that does.

    Raises
    ------
    ApprovalOverdue
        If it comes too late.
    StateConflict
        If it awaits nothing, or a crisis ordered it.
    """
    view, _ = await locked_for(session, actor, booking_id, "approve")
    require_not_ordered(view.booking)
    if view.booking.moves_id is not None:
        await moving.approve_move(session, actor, view.booking)
    else:
        await service.approve(session, actor, view.booking)


async def decline(session: AsyncSession, actor: Actor, booking_id: UUID, command: DeclineBody) -> None:
    """The CDMO declines a booking that awaits it; nobody owes anything.

    Raises
    ------
    StateConflict
        If it awaits nothing, or a crisis ordered it.
    """
    view, _ = await locked_for(session, actor, booking_id, "decline")
    require_not_ordered(view.booking)
    await service.end_booking(
        session,
        actor,
        view.booking,
        BookingStatus.DECLINED,
        reason_code=command.reason_code.value,
        reason_text=command.reason_text,
    )


async def cancel(session: AsyncSession, actor: Actor, booking_id: UUID, command: CancelBody) -> None:
    """Either side cancels: the start-up at the fee that was quoted, the CDMO with all fees credited.

    A booking that its CDMO has not approved costs nothing to leave; one of a round that is left so was declined, and
    its request waits no more. Nor is anything due for one that another campaign runs over, or that a slip asks to make
    way: its CDMO is the cause, whoever cancels.

    A CDMO that cancels what is confirmed owes its start-up, beside that, what it had accepted when the booking was
    made, and here alone. It owes nothing where it declines or lets a question run out, for neither side is bound by
    then; where a batch fails, or slips and its start-up leaves for that, for nobody cancels on the CDMO's part; where a
    crisis displaces a booking or ends a campaign. A repeat, once confirmed, is a booking like any other, on the terms
    of the campaign that failed; what replaces a displaced booking has no terms, and nothing is owed for it.

    Raises
    ------
    Invalid
        If this side may not give that reason.
    StateConflict
        If there is nothing left to cancel, or a crisis ordered it.
    """
    view, party = await locked_for(session, actor, booking_id, "cancel")
    booking = view.booking
    require_not_ordered(booking)
    reasons = STARTUP_REASONS if party is Party.STARTUP else CDMO_REASONS
    if command.reason_code not in reasons:
        known = sorted(reason.value for reason in reasons)
        raise Invalid.field("reason_code", f"This side gives one of: {', '.join(known)}.", allowed=known)
    bound = booking.status is BookingStatus.CONFIRMED
    caused_by_cdmo = party is Party.CDMO or await slip_repository.stands_in_the_way(session, booking)
    await service.end_booking(
        session,
        actor,
        booking,
        BookingStatus.CANCELLED,
        reason_code=command.reason_code.value,
        reason_text=command.reason_text,
    )
    if bound:
        await _settle(session, actor, booking, party, caused_by_cdmo=caused_by_cdmo)
        if party is Party.CDMO:
            await ledger.charge_cdmo(session, actor, booking)


async def _settle(session: AsyncSession, actor: Actor, booking: Booking, party: Party, *, caused_by_cdmo: bool) -> None:
    """Charge what a cancellation costs beyond what is charged already, or credit what is too much.

    Where the CDMO is the cause, moving has cost nothing either. Where it is not, the fee stands in for what the
    booking had given to those whose days it had taken, as far as it goes.
    """
    charged = await ledger.charged_cents(session, booking.id)
    total = charged
    if booking.terms:
        terms = BookingTerms.model_validate(booking.terms)
        notice_days = (span_of(booking.period).start_on - today()).days
        total = cancellation_fee_cents(terms, notice_days, by_cdmo=caused_by_cdmo)
        detail = {
            "cancelled_by": party.value,
            "caused_by_cdmo": caused_by_cdmo,
            "notice_days": notice_days,
            "total_cents": total,
            "charged_before_cents": charged,
            "policy_version": terms.policy_version,
        }
        kind = ChargeKind.CANCELLATION_FEE if total > charged else ChargeKind.RESERVATION_FEE
        await ledger.charge(session, actor, booking, kind, total - charged, detail=detail)
    if caused_by_cdmo:
        moves = (await ledger.charged_by_kind(session, booking.id)).get(ChargeKind.MOVE_FEE, 0)
        await ledger.charge(session, actor, booking, ChargeKind.MOVE_FEE, -moves, detail={"cancelled_by": party.value})
    else:
        await resale.take_back(session, actor, booking, own_fee_cents=total)
