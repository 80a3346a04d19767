"""Until when a CDMO may approve, and whether it still may."""

from datetime import date, datetime

from app.bookings.changing import OVERDUE, has_run_out
from app.bookings.errors import ApprovalOverdue, TooLateToApprove
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.bookings.rules import approval_deadline
from app.core.clock import now
from app.core.errors import StateConflict
from app.core.settings import get_settings


def deadline_of(start_on: date, source: BookingSource) -> datetime | None:
    """Return until when a CDMO may approve a period about which it is asked now.

    What a crisis has placed is refused to nobody: None if it begins at once.

    Raises
    ------
    TooLateToApprove
        If the period has begun.
    """
    asked_at = now()
    deadline = approval_deadline(start_on, asked_at, get_settings().approval_hours)
    if deadline <= asked_at:
        if source is BookingSource.REPLACEMENT:
            return None
        raise TooLateToApprove(
            f"This period begins on {start_on}, and its CDMO has to approve it before. Take a later start.",
            facts={"start": start_on.isoformat()},
        )
    return deadline


def require_in_time(booking: Booking) -> None:
    """Let pass what its CDMO may still approve, or has.

    Raises
    ------
    ApprovalOverdue
        If it was not approved in time, whether or not anything has declined it yet.
    """
    if booking.ended_reason_code == OVERDUE or (booking.approval_expires_at is not None and has_run_out(booking)):
        raise ApprovalOverdue("This was not approved in time, and counts as declined: the start-up may ask anew.")


def require_approvable(booking: Booking) -> None:
    """Let pass what awaits its CDMO, and is not overdue.

    Raises
    ------
    ApprovalOverdue
        If it is.
    StateConflict
        If it awaits nothing.
    """
    require_in_time(booking)
    if booking.status is not BookingStatus.AWAITING_CDMO:
        raise StateConflict(
            f"This takes a booking that is awaiting_cdmo; this one is {booking.status.value}.",
            facts={"booking_status": booking.status.value, "allowed_in": [BookingStatus.AWAITING_CDMO.value]},
        )
