"""Tables of slips: a campaign that runs over its planned days, and what that asks of those behind it."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field

from app.core.model import Period, Table, Versioned, days, instant, one_of, real_period


class SlipMoveStatus(StrEnum):
    """Where a proposal to make way for a slip stands; `unplaced`: no place could be found to propose."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    UNPLACED = "unplaced"


class Slip(Table, table=True):
    """A CDMO's word that a campaign will hold its unit until another day than planned; the last one counts."""

    __tablename__ = "slips"
    __table_args__ = (Index("ix_slips_booking_id", "booking_id", "id"),)

    booking_id: UUID = Field(foreign_key="bookings.id")
    expected_end_on: date
    reason_code: str = Field(max_length=60)
    reason_text: str | None = Field(default=None, max_length=2000)


class SlipMove(Versioned, table=True):
    """What a slip asks of a booking behind it: another period, at no cost; none where none could be found."""

    __tablename__ = "slip_moves"
    __table_args__ = (
        UniqueConstraint("slip_id", "booking_id"),
        real_period(),
        CheckConstraint(
            "(slot_id IS NULL) = (period IS NULL) AND (delivery_on IS NULL) = (period IS NULL)"
            " AND (unplaced_code IS NOT NULL) = (period IS NULL)"
            " AND (period IS NOT NULL OR status IN ('unplaced', 'withdrawn'))",
            name="place",
        ),
        Index("ix_slip_moves_booking_id", "booking_id", "id"),
    )

    slip_id: UUID = Field(foreign_key="slips.id")
    booking_id: UUID = Field(foreign_key="bookings.id")
    status: SlipMoveStatus = one_of(SlipMoveStatus, default=SlipMoveStatus.PROPOSED)
    slot_id: UUID | None = Field(default=None, foreign_key="slots.id")
    period: Period | None = days(nullable=True)
    delivery_on: date | None = None
    unplaced_code: str | None = Field(default=None, max_length=60)
    answered_at: datetime | None = instant()
