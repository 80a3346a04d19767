"""Which bookings are live at an instant, swept or not: what has run out by then binds nobody."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col

from app.bookings.models import LIVE, Booking, BookingStatus


def is_live(at: datetime) -> ColumnElement[bool]:
    """Return the condition that a booking occupies its period: neither a stale hold nor an overdue approval does."""
    return and_(
        col(Booking.status).in_(LIVE),
        or_(col(Booking.hold_expires_at).is_(None), col(Booking.hold_expires_at) > at),
        or_(col(Booking.approval_expires_at).is_(None), col(Booking.approval_expires_at) > at),
    )


def has_run_out(at: datetime) -> ColumnElement[bool]:
    """Return the condition that a booking is a hold, or a question to a CDMO, whose time is over."""
    return or_(
        and_(col(Booking.status) == BookingStatus.HELD, col(Booking.hold_expires_at) <= at),
        and_(col(Booking.status) == BookingStatus.AWAITING_CDMO, col(Booking.approval_expires_at) <= at),
    )
