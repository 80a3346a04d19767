"""Holding a place for longer than was said at first."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings.models import Booking, BookingStatus
from app.core.errors import StateConflict


async def hold_until(session: AsyncSession, author: Author, booking: Booking, until_at: datetime) -> None:
    """Have a locked hold run out at another instant than it was to.

    Raises
    ------
    StateConflict
        If it is held no more.
    """
    if booking.status is not BookingStatus.HELD:
        raise StateConflict(
            f"This place is {booking.status.value}: it is held no more.",
            facts={"booking_status": booking.status.value},
        )
    before = snapshot(booking)
    booking.hold_expires_at = until_at
    await record(session, author, "booking.held_until", booking, before=before)
