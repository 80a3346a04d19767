"""Tables of crises, their powers, plans, signatures, orders and displacements."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from app.core.model import Period, Table, Versioned, days, document, instant, one_of, real_period


class CrisisMode(StrEnum):
    """A drill runs the same code, and writes nothing outside its own records."""

    REAL = "real"
    DRILL = "drill"


class CrisisStatus(StrEnum):
    """Where a crisis stands."""

    DECLARED = "declared"
    PLANNED = "planned"
    SIGNED = "signed"
    ACTIVE = "active"
    STOOD_DOWN = "stood_down"
    EXPIRED = "expired"


class PowerKind(StrEnum):
    """On what ground capacity is called; displacing a confirmed booking needs an act of the State."""

    RESERVE_CONTRACT = "reserve_contract"
    VOLUNTARY = "voluntary"
    REQUISITION_OR_ORDER = "requisition_or_order"
    EXERCISE = "exercise"


class PlanStatus(StrEnum):
    """Where a crisis plan stands."""

    PROPOSED = "proposed"
    SIGNED = "signed"
    ACTIVATED = "activated"
    SUPERSEDED = "superseded"


class PlanLabel(StrEnum):
    """What a plan is among those to choose from; one that is several of them carries all their labels."""

    PROPOSED = "proposed"
    LEAST_DISPLACEMENT = "least_displacement"
    MOST_DOSES_FIRST = "most_doses_first"
    CHEAPEST = "cheapest"
    TRADE_OFF = "trade_off"


class OrderStatus(StrEnum):
    """Where an order to a CDMO stands."""

    ISSUED = "issued"
    ACCEPTED = "accepted"
    COUNTERED = "countered"
    RELEASED = "released"
    COMPLETED = "completed"


class DisplacementKind(StrEnum):
    """What happens to the booking in the way."""

    MOVED = "moved"
    DISPLACED = "displaced"


class DisplacementStatus(StrEnum):
    """A displacement takes effect when its CDMO accepts the order, never before."""

    PENDING = "pending"
    EFFECTIVE = "effective"
    DROPPED = "dropped"


class Crisis(Versioned, table=True):
    """A declared crisis: what is to be made, by when, where, and until when the declaration holds."""

    __tablename__ = "crises"
    __table_args__ = (real_period("validity"), Index("ix_crises_status", "status", "id"))

    title: str = Field(max_length=200)
    mode: CrisisMode = one_of(CrisisMode)
    status: CrisisStatus = one_of(CrisisStatus, default=CrisisStatus.DECLARED)
    validity: Period = days()
    as_of_on: date
    scope: dict[str, Any] = document()
    countermeasure: dict[str, Any] = document()
    targets: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB, nullable=False)
    rules: dict[str, Any] = document()
    declared_by_id: UUID | None = Field(default=None, foreign_key="people.id")
    ended_reason_code: str | None = Field(default=None, max_length=60)


class CrisisPower(Table, table=True):
    """One power behind a crisis, with the act it rests on."""

    __tablename__ = "crisis_powers"
    __table_args__ = (UniqueConstraint("crisis_id", "kind", "act_reference"), real_period("validity"))

    crisis_id: UUID = Field(foreign_key="crises.id")
    kind: PowerKind = one_of(PowerKind)
    act_reference: str = Field(max_length=200)
    signatory: str = Field(max_length=200)
    validity: Period = days()


class CrisisPlan(Versioned, table=True):
    """One plan of a run, and the hash of its body, which is signed.

    `grounds`, added beside it once it is worked out, says why it is these bookings that give way, and what one fewer
    would cost; it names the hash of the plan that it speaks of.
    """

    __tablename__ = "crisis_plans"
    __table_args__ = (
        UniqueConstraint("run_id", "plan_hash"),
        Index("ix_crisis_plans_crisis_id", "crisis_id"),
        Index("uq_crisis_plans_crisis_id_signed", "crisis_id", unique=True, postgresql_where=text("status = 'signed'")),
        CheckConstraint("tier BETWEEN 1 AND 6", name="tier"),
        CheckConstraint(
            "cardinality(labels) > 0 AND labels <@ "
            "ARRAY['proposed', 'least_displacement', 'most_doses_first', 'cheapest', 'trade_off']",
            name="labels",
        ),
    )

    crisis_id: UUID = Field(foreign_key="crises.id")
    run_id: UUID = Field(foreign_key="runs.id")
    tier: int
    status: PlanStatus = one_of(PlanStatus, default=PlanStatus.PROPOSED)
    plan_hash: str = Field(max_length=64)
    labels: list[str] = Field(default_factory=lambda: [PlanLabel.PROPOSED.value], sa_type=ARRAY(Text), nullable=False)
    body: dict[str, Any] = document()
    grounds: dict[str, Any] | None = document(nullable=True)


class CrisisSignature(Table, table=True):
    """One person's signature of one plan, by its hash; nobody signs twice, and no role does."""

    __tablename__ = "crisis_signatures"
    __table_args__ = (UniqueConstraint("plan_id", "person_id"), UniqueConstraint("plan_id", "role"))

    plan_id: UUID = Field(foreign_key="crisis_plans.id")
    person_id: UUID = Field(foreign_key="people.id")
    role: str = Field(max_length=40)
    plan_hash: str = Field(max_length=64)


class CrisisOrder(Versioned, table=True):
    """An order to a CDMO to run one campaign of the countermeasure in one place."""

    __tablename__ = "crisis_orders"
    __table_args__ = (
        real_period(),
        ForeignKeyConstraint(
            ["slot_id", "unit_id"], ["slots.id", "slots.unit_id"], name="fk_crisis_orders_slot_id_unit_id"
        ),
        Index("ix_crisis_orders_crisis_id", "crisis_id", "id"),
        Index("ix_crisis_orders_organisation_id", "organisation_id", "id"),
        Index("ix_crisis_orders_unit_id", "unit_id"),
        CheckConstraint("(status = 'countered') <= (counter_earliest_on IS NOT NULL)", name="counter"),
    )

    crisis_id: UUID = Field(foreign_key="crises.id")
    plan_id: UUID = Field(foreign_key="crisis_plans.id")
    organisation_id: UUID = Field(foreign_key="organisations.id", description="the CDMO")
    slot_id: UUID
    unit_id: UUID = Field(foreign_key="units.id")
    period: Period = days()
    batches: int
    output: int = Field(sa_type=BigInteger)
    delivery_on: date
    price_cents: int = Field(sa_type=BigInteger)
    tier: int
    status: OrderStatus = one_of(OrderStatus, default=OrderStatus.ISSUED)
    respond_by_at: datetime = instant(nullable=False)
    answered_at: datetime | None = instant()
    counter_earliest_on: date | None = None
    counter_reason_code: str | None = Field(default=None, max_length=60)
    booking_id: UUID | None = Field(default=None, foreign_key="bookings.id")


class Displacement(Versioned, table=True):
    """A booking in the way of an order: to be moved or displaced, when the CDMO has accepted.

    `replacement` is the place that it moves to; `replacement_id` the booking that keeps it, which a drill never has.
    """

    __tablename__ = "displacements"
    __table_args__ = (
        UniqueConstraint("crisis_id", "booking_id"),
        Index("ix_displacements_booking_id", "booking_id"),
    )

    crisis_id: UUID = Field(foreign_key="crises.id")
    order_id: UUID = Field(foreign_key="crisis_orders.id")
    booking_id: UUID = Field(foreign_key="bookings.id")
    kind: DisplacementKind = one_of(DisplacementKind)
    status: DisplacementStatus = one_of(DisplacementStatus, default=DisplacementStatus.PENDING)
    replacement_id: UUID | None = Field(default=None, foreign_key="bookings.id")
    replacement: dict[str, Any] | None = document(nullable=True)
    compensation_cents: int = Field(default=0, sa_type=BigInteger)
    effective_at: datetime | None = instant()
