"""The one place where a booking's status or place changes, and what follows for whatever hangs on it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings import followup, freed, obstacles, proposals, repository
from app.bookings.drafts import BookingDraft
from app.bookings.models import Booking, BookingStatus
from app.bookings.rules import ENDED, require_transition
from app.core.clock import now

OVERDUE = "approval_overdue"
ENDINGS = {
    BookingStatus.HELD: (BookingStatus.EXPIRED, "hold_expired", "expire_holds"),
    BookingStatus.AWAITING_CDMO: (BookingStatus.DECLINED, OVERDUE, "decline_overdue"),
}
"""How what has run out ends, for which reason, and as the work of which job."""


async def change_status(
    session: AsyncSession,
    author: Author,
    booking: Booking,
    status: BookingStatus,
    *,
    reason_code: str | None = None,
    reason_text: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Booking:
    """Take a locked booking to another status; a move that it asked for, and what slips ask of it, end with it.

    Raises
    ------
    StateConflict
        If the transition table does not know the change.
    """
    require_transition(booking.status, status, coded=reason_code is not None)
    if status in ENDED or status is BookingStatus.IN_PRODUCTION:
        await end_requests_of(session, author, booking, status.value)
    before = snapshot(booking)
    booking.status = status
    booking.hold_expires_at = None
    booking.approval_expires_at = None
    for name, value in (changes or {}).items():
        setattr(booking, name, value)
    action = f"booking.{status.value}"
    await record(session, author, action, booking, before=before, reason_code=reason_code, reason_text=reason_text)
    if status in ENDED:
        await proposals.withdraw_those_of_slips_of(session, author, booking.id, reason_code=status.value)
    await followup.settle_request(session, author, booking)
    if status in ENDED:
        await freed.announce(session, booking.unit_id)
    return booking


def has_run_out(booking: Booking) -> bool:
    """Tell whether a booking was not confirmed or approved in time, whether or not anything has ended it yet."""
    until = booking.hold_expires_at or booking.approval_expires_at
    return until is not None and until <= now()


async def end_run_out(session: AsyncSession, author: Author, booking: Booking) -> None:
    """End a locked booking that has run out.

    Time has ended it, and that is the service's own doing whoever came upon it: in the trail of that one it would tell
    of a competitor's booking.
    """
    status, reason, job = ENDINGS[booking.status]
    author = Author.of_job(job, request_id=author.request_id)
    changes = {"ended_reason_code": reason}
    await change_status(session, author, booking, status, reason_code=reason, changes=changes)


async def end_requests_of(session: AsyncSession, author: Author, booking: Booking, reason_code: str) -> None:
    """End what is open about a locked booking's place: the move that it asks for, and what slips ask of it.

    A move that was not approved in time has been declined by then, whatever notes it first. Whoever answers the one or
    the other has locked the booking's unit too: the unit of the new place need not be. So the request comes before
    the move's row here, as it does for whoever ends what has run out on that unit.
    """
    if booking.request_id is not None and booking.moves_id is None:
        await repository.lock_request(session, booking.request_id)
    pending = None if booking.moves_id else await repository.lock_pending_move(session, booking.id)
    if pending is not None and has_run_out(pending):
        await end_run_out(session, author, pending)
    elif pending is not None:
        changes = {"ended_reason_code": f"booking_{reason_code}"}
        await change_status(
            session, author, pending, BookingStatus.RELEASED, reason_code=f"booking_{reason_code}", changes=changes
        )
    await proposals.withdraw_those_to(session, author, booking.id, reason_code=reason_code)


async def _end_requests_of_a_place_left(
    session: AsyncSession, author: Author, booking: Booking, instead_of: Booking | None
) -> None:
    """End what is open about a place that a booking leaves: all but the move that it leaves by."""
    if instead_of is None:
        await end_requests_of(session, author, booking, "moved")
    else:
        await proposals.withdraw_those_to(session, author, booking.id, reason_code="moved")
    await proposals.withdraw_those_of_slips_of(session, author, booking.id, reason_code="moved")


async def relocate(
    session: AsyncSession,
    author: Author,
    booking: Booking,
    draft: BookingDraft,
    *,
    action: str,
    reason_code: str,
    reason_text: str | None = None,
    changes: Mapping[str, Any] | None = None,
    instead_of: Booking | None = None,
) -> None:
    """Put a locked booking in another place, whose unit is locked too: at once, or not at all.

    Parameters
    ----------
    draft
        The new place, with its price and terms.
    instead_of
        The row that has held the place for it, and ends with this.

    Raises
    ------
    BookingRefused
        If the calendar does not take it; what is in the way is among the facts.
    """
    await _end_requests_of_a_place_left(session, author, booking, instead_of)
    before = snapshot(booking)
    slot = (await repository.slots_by_id(session, [draft.slot_id]))[draft.slot_id]
    booking_id, left_unit_id = booking.id, booking.unit_id
    place = {
        "slot_id": slot.id,
        "unit_id": slot.unit_id,
        "period": draft.period,
        "delivery_on": draft.delivery_on,
        "reserve": draft.reserve or slot.reserve,
        "recallable": draft.recallable,
        "expected_end_on": None,
        **(changes or {}),
    }
    try:
        async with repository.guarded(session, swap=instead_of is not None):
            for name, value in place.items():
                setattr(booking, name, value)
            await session.flush()
            if instead_of is not None:
                ended = {"ended_reason_code": "moved"}
                await change_status(
                    session, author, instead_of, BookingStatus.RELEASED, reason_code="moved", changes=ended
                )
    except repository.Refused as refused:
        facts = await obstacles.facts_of(
            session, refused.rule, slot.id, draft.period, draft.starts_between, leaving=booking_id
        )
        raise refused.rule(**facts) from None
    await record(session, author, action, booking, before=before, reason_code=reason_code, reason_text=reason_text)
    await freed.announce(session, left_unit_id)
