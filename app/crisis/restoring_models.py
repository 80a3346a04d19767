"""Table of places offered back, when a crisis has ended, to those whom it displaced."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from app.core.model import Period, Versioned, days, instant, one_of, real_period


class RestorationStatus(StrEnum):
    """Where an offer stands; `waiting` is for those before it, who have the same days on offer."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"


class Restoration(Versioned, table=True):
    """The place of a displaced booking, offered back to its owner before anybody else may have it.

    `position` is its turn among all whom the crisis displaced. `period` is what is offered: the booking's own days, or
    where not all of them are free any more, as many from the first day of its own on that is. `booking_id` is the
    booking that keeps it, which a drill never has.
    """

    __tablename__ = "restorations"
    __table_args__ = (
        UniqueConstraint("displacement_id"),
        real_period(),
        ForeignKeyConstraint(
            ["slot_id", "unit_id"], ["slots.id", "slots.unit_id"], name="fk_restorations_slot_id_unit_id"
        ),
        Index("uq_restorations_position", "crisis_id", "position", unique=True),
        Index("ix_restorations_organisation_id", "organisation_id", "id"),
        Index("ix_restorations_respond_by_at", "respond_by_at", postgresql_where=text("status = 'offered'")),
        CheckConstraint("position > 0", name="position"),
        CheckConstraint("NOT is_drill OR booking_id IS NULL", name="drill"),
        CheckConstraint("(status IN ('waiting', 'unavailable')) = (respond_by_at IS NULL)", name="respond_by_at"),
        CheckConstraint("(status IN ('waiting', 'offered')) = (ended_at IS NULL)", name="ended_at"),
        CheckConstraint("(status = 'unavailable') = (reason_code IS NOT NULL)", name="reason_code"),
    )

    crisis_id: UUID = Field(foreign_key="crises.id")
    displacement_id: UUID = Field(foreign_key="displacements.id")
    organisation_id: UUID = Field(foreign_key="organisations.id", description="whose lot was displaced")
    is_drill: bool
    position: int
    slot_id: UUID
    unit_id: UUID
    period: Period = days()
    delivery_on: date
    status: RestorationStatus = one_of(RestorationStatus, default=RestorationStatus.WAITING)
    booking_id: UUID | None = Field(default=None, foreign_key="bookings.id")
    respond_by_at: datetime | None = instant()
    ended_at: datetime | None = instant()
    reason_code: str | None = Field(default=None, max_length=60)
