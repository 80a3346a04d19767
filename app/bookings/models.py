"""Tables of bookings and charges.

No two live bookings of a unit overlap: an exclusion constraint, holds included. A booking lies inside its slot,
and no other party books a frozen slot: triggers, made by the migration.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlmodel import Field

from app.core.model import Period, Table, Versioned, days, document, instant, one_of, real_period
from app.core.vocabulary import Origin, Reserve


class BookingStatus(StrEnum):
    """Where a booking stands; `LIVE` are those that occupy their period."""

    HELD = "held"
    AWAITING_CDMO = "awaiting_cdmo"
    CONFIRMED = "confirmed"
    IN_PRODUCTION = "in_production"
    COMPLETED = "completed"
    FAILED = "failed"
    RELEASED = "released"
    EXPIRED = "expired"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    DISPLACED = "displaced"


LIVE = (
    BookingStatus.HELD,
    BookingStatus.AWAITING_CDMO,
    BookingStatus.CONFIRMED,
    BookingStatus.IN_PRODUCTION,
)
LIVE_SQL = "status IN ({})".format(", ".join(f"'{status.value}'" for status in LIVE))


class BookingSource(StrEnum):
    """How a booking came about."""

    DIRECT = "direct"
    ROUND = "round"
    CRISIS = "crisis"
    REPLACEMENT = "replacement"
    WAITING = "waiting"
    MOVE = "move"
    REPEAT = "repeat"


class FailureCause(StrEnum):
    """On whose side the cause of a failed batch lies, as far as it is known."""

    CDMO = "cdmo"
    PRODUCT = "product"
    UNKNOWN = "unknown"


class ContractStatus(StrEnum):
    """How far the contract behind a booking is."""

    NONE = "none"
    TERM_SHEET = "term_sheet"
    SIGNED = "signed"


class ChargeKind(StrEnum):
    """What an amount is for."""

    RESERVATION_FEE = "reservation_fee"
    PRICE = "price"
    CANCELLATION_FEE = "cancellation_fee"
    RESALE_CREDIT = "resale_credit"
    LENDING_DISCOUNT = "lending_discount"
    READINESS_FEE = "readiness_fee"
    CRISIS_ORDER = "crisis_order"
    DISPLACEMENT_COMPENSATION = "displacement_compensation"
    MOVE_FEE = "move_fee"


class Booking(Versioned, table=True):
    """A campaign's planned occupancy of one unit inside one slot.

    `period` covers the batches and the changeover after them; `delivery_on` is the end of production plus release
    testing. `reserve` is the slot's when the booking was made: its rules held then.

    A row with `moves_id` holds the place to which that booking asks to move, as far as the booking does not hold it
    itself, until the CDMO has answered; `move` is what was asked and quoted. One with `repeats_id` repeats a failed
    campaign. `expected_end_on` (half-open, changeover included) is what a slip says, `free_from_on` the day from which
    the unit is free once production has ended.

    The planned period stays, whatever happens. Days outside it for which a campaign keeps its unit are as busy as it
    is, nobody books them anew: those before it once production has started early, those that a slip runs over, those
    through today while it is still made, and those of its changeover when it has ended. `days_kept` in the database
    tells them.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        real_period(),
        ForeignKeyConstraint(["slot_id", "unit_id"], ["slots.id", "slots.unit_id"], name="fk_bookings_slot_id_unit_id"),
        CheckConstraint("batches > 0", name="batches"),
        CheckConstraint("price_cents >= 0", name="price_cents"),
        CheckConstraint("(status = 'held') = (hold_expires_at IS NOT NULL)", name="hold_expires_at"),
        CheckConstraint("approval_expires_at IS NULL OR status = 'awaiting_cdmo'", name="approval_expires_at"),
        CheckConstraint(
            "(source = 'move') = (moves_id IS NOT NULL) AND (moves_id IS NULL) = (move IS NULL)", name="move"
        ),
        CheckConstraint("(source = 'repeat') = (repeats_id IS NOT NULL)", name="repeat"),
        CheckConstraint("free_moves_used >= 0", name="free_moves_used"),
        CheckConstraint("actual_end_on >= actual_start_on", name="actual_days"),
        CheckConstraint(
            "(actual_end_on IS NULL) = (free_from_on IS NULL) AND free_from_on > actual_end_on", name="free_from_on"
        ),
        CheckConstraint("batches_released BETWEEN 0 AND batches", name="batches_released"),
        CheckConstraint("(status = 'failed') = (failure_cause IS NOT NULL)", name="failure"),
        ExcludeConstraint(
            (literal_column("uuidrange(unit_id, unit_id, '[]')"), "&&"),
            (literal_column("period"), "&&"),
            name="ex_bookings_live_overlap",
            using="gist",
            where=text(LIVE_SQL),
            deferrable=True,
            initially="IMMEDIATE",
        ),
        Index("ix_bookings_organisation_id", "organisation_id", "id"),
        Index("ix_bookings_slot_id", "slot_id"),
        Index("ix_bookings_unit_id", "unit_id"),
        Index("ix_bookings_request_id", "request_id"),
        Index("ix_bookings_hold_expires_at", "unit_id", "hold_expires_at", postgresql_where=text("status = 'held'")),
        Index(
            "ix_bookings_approval_expires_at",
            "unit_id",
            "approval_expires_at",
            postgresql_where=text("status = 'awaiting_cdmo'"),
        ),
        Index("ix_bookings_pending_move", "moves_id", unique=True, postgresql_where=text("status = 'awaiting_cdmo'")),
        Index(
            "ix_bookings_keeping",
            "unit_id",
            postgresql_where=text("status = 'in_production' OR (status = 'confirmed' AND expected_end_on IS NOT NULL)"),
        ),
        Index(
            "ix_bookings_free_from_on",
            "unit_id",
            "free_from_on",
            postgresql_where=text("free_from_on IS NOT NULL"),
        ),
        Index("ix_bookings_replaced_by_id", "replaced_by_id", postgresql_where=text("replaced_by_id IS NOT NULL")),
    )

    slot_id: UUID
    unit_id: UUID
    organisation_id: UUID = Field(foreign_key="organisations.id", description="whose lot it is")
    request_id: UUID | None = Field(default=None, foreign_key="requests.id")
    product_id: UUID | None = Field(default=None, foreign_key="products.id")
    request_version: int | None = Field(default=None, description="of its request as the hold was judged")
    product_version: int | None = Field(default=None, description="of its product as the hold was judged")
    crisis_id: UUID | None = Field(default=None, foreign_key="crises.id")
    source: BookingSource = one_of(BookingSource, default=BookingSource.DIRECT)
    batches: int
    period: Period = days()
    delivery_on: date
    reserve: Reserve = one_of(Reserve)
    recallable: bool = False
    status: BookingStatus = one_of(BookingStatus, default=BookingStatus.HELD)
    hold_expires_at: datetime | None = instant()
    approval_expires_at: datetime | None = instant()
    contract_status: ContractStatus = one_of(ContractStatus, default=ContractStatus.NONE)
    price_cents: int = Field(sa_type=BigInteger)
    terms: dict[str, Any] = document()
    ended_reason_code: str | None = Field(default=None, max_length=60)
    replaced_by_id: UUID | None = Field(default=None, foreign_key="bookings.id")
    displaced_at: datetime | None = instant()
    moves_id: UUID | None = Field(default=None, foreign_key="bookings.id")
    move: dict[str, Any] | None = document(nullable=True)
    free_moves_used: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    repeats_id: UUID | None = Field(default=None, foreign_key="bookings.id")
    expected_end_on: date | None = None
    actual_start_on: date | None = None
    actual_end_on: date | None = None
    free_from_on: date | None = None
    batches_released: int | None = None
    failure_cause: FailureCause | None = one_of(FailureCause, default=None, nullable=True)
    origin: Origin = one_of(Origin, default=Origin.REAL)


class Charge(Table, table=True):
    """An amount owed (positive) or credited (negative), in cents; rows are only ever added.

    Each quarter of an agreement is charged its readiness fee once; a row of nothing says that none of it was earned.
    """

    __tablename__ = "charges"
    __table_args__ = (
        CheckConstraint(
            "CASE kind WHEN 'readiness_fee' THEN amount_cents >= 0 ELSE amount_cents <> 0 END", name="amount_cents"
        ),
        CheckConstraint("(kind = 'resale_credit') = (resale_id IS NOT NULL)", name="resale"),
        CheckConstraint(
            "(kind = 'readiness_fee') = (agreement_id IS NOT NULL) AND (agreement_id IS NULL) = (quarter_on IS NULL)",
            name="readiness",
        ),
        CheckConstraint(
            "extract(day FROM quarter_on) = 1 AND extract(month FROM quarter_on) IN (1, 4, 7, 10)", name="quarter_on"
        ),
        Index("ix_charges_organisation_id", "organisation_id", "id"),
        Index("ix_charges_counterparty_id", "counterparty_id", "id"),
        Index("ix_charges_booking_id", "booking_id"),
        Index("ix_charges_resale_id", "resale_id", postgresql_where=text("resale_id IS NOT NULL")),
        Index(
            "ix_charges_agreement_quarter",
            "agreement_id",
            "quarter_on",
            unique=True,
            postgresql_where=text("agreement_id IS NOT NULL"),
        ),
    )

    organisation_id: UUID = Field(foreign_key="organisations.id", description="who owes it, or is credited")
    counterparty_id: UUID | None = Field(default=None, foreign_key="organisations.id")
    booking_id: UUID | None = Field(default=None, foreign_key="bookings.id")
    resale_id: UUID | None = Field(default=None, foreign_key="bookings.id", description="which booking took the days")
    crisis_id: UUID | None = Field(default=None, foreign_key="crises.id")
    agreement_id: UUID | None = Field(default=None, foreign_key="agreements.id")
    quarter_on: date | None = Field(default=None, description="first day of the calendar quarter of the agreement")
    kind: ChargeKind = one_of(ChargeKind)
    amount_cents: int = Field(sa_type=BigInteger)
    detail: dict[str, Any] = document()


class FreedPeriod(Table, table=True):
    """Days that a live booking has let go of while somebody waited; a trigger on bookings writes it, whoever ends one.

    `reason_code` is why the booking ended, or `moved`, or `slipped_less` where a new slip runs over fewer days than the
    last one. It is undecided until the waiting list has been asked: `run_id` is then the run that did so last,
    `attempts` how many have.
    """

    __tablename__ = "freed_periods"
    __table_args__ = (
        real_period(),
        CheckConstraint("attempts >= 0", name="attempts"),
        Index("ix_freed_periods_undecided", "unit_id", postgresql_where=text("decision_id IS NULL")),
        Index("ix_freed_periods_run_id", "run_id"),
        Index("ix_freed_periods_decision_id", "decision_id"),
    )

    unit_id: UUID = Field(foreign_key="units.id")
    slot_id: UUID = Field(foreign_key="slots.id")
    period: Period = days()
    booking_id: UUID = Field(foreign_key="bookings.id")
    reason_code: str = Field(max_length=60)
    attempts: int = 0
    run_id: UUID | None = Field(default=None, foreign_key="runs.id")
    decision_id: UUID | None = Field(default=None, foreign_key="waiting_decisions.id")
