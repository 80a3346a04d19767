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
    WITHDRAWN = "withdrawn"
    RELEASED = "released"
    COMPLETED = "completed"
    FAILED = "failed"


class DisplacementKind(StrEnum):
    """What happens to the booking in the way."""

    MOVED = "moved"
    DISPLACED = "displaced"


class DisplacementStatus(StrEnum):
    """A displacement takes effect when its CDMO accepts the order, never before."""

    PENDING = "pending"
    EFFECTIVE = "effective"
    DROPPED = "dropped"


class PlaceAnswer(StrEnum):
    """What became of the place that a lot which gives way was offered: the owner's word, or that it never came."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"


class Crisis(Versioned, table=True):
    """A declared crisis: what is to be made, by when, where, and until when the declaration holds."""

    __tablename__ = "crises"
    __table_args__ = (
        real_period("validity"),
        Index("ix_crises_status", "status", "id"),
        Index("ix_crises_scenario", "scenario", postgresql_where=text("scenario IS NOT NULL")),
        CheckConstraint("scenario IS NULL OR mode = 'drill'", name="scenario"),
    )

    title: str = Field(max_length=200)
    mode: CrisisMode = one_of(CrisisMode)
    scenario: str | None = Field(default=None, max_length=40, description="what a drill plays")
    status: CrisisStatus = one_of(CrisisStatus, default=CrisisStatus.DECLARED)
    validity: Period = days()
    as_of_on: date
    scope: dict[str, Any] = document()
    countermeasure: dict[str, Any] = document()
    targets: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB, nullable=False)
    rules: dict[str, Any] = document()
    declared_by_id: UUID | None = Field(default=None, foreign_key="people.id")
    warned_end_on: date | None = Field(default=None, description="the end of the validity that was warned of")
    ended_reason_code: str | None = Field(default=None, max_length=60)


class CrisisPower(Table, table=True):
    """One power behind a crisis, with the act it rests on: it opens capacity of its own scope, while it is in force.

    No crisis is valid for longer than the last of its acts: a trigger.
    """

    __tablename__ = "crisis_powers"
    __table_args__ = (UniqueConstraint("crisis_id", "kind", "act_reference"), real_period("validity"))

    crisis_id: UUID = Field(foreign_key="crises.id")
    kind: PowerKind = one_of(PowerKind)
    act_reference: str = Field(max_length=200)
    signatory: str = Field(max_length=200)
    scope: dict[str, Any] = document()
    validity: Period = days()


class CrisisPlan(Versioned, table=True):
    """One plan of a run, and the hash of its body, which is signed.

    `grounds`, added beside it once it is worked out, says why it is these bookings that give way, and what one fewer
    would cost; it names the hash of the plan that it speaks of. A plan with `amends_id` changes an activated plan of an
    active crisis: it says only what is different from then on. A plan is amended once; what comes after amends the
    amendment.
    """

    __tablename__ = "crisis_plans"
    __table_args__ = (
        UniqueConstraint("run_id", "plan_hash"),
        Index("ix_crisis_plans_crisis_id", "crisis_id"),
        Index("uq_crisis_plans_crisis_id_signed", "crisis_id", unique=True, postgresql_where=text("status = 'signed'")),
        CheckConstraint("tier BETWEEN 1 AND 6", name="tier"),
        CheckConstraint("amends_id <> id", name="amends_id"),
        Index("ix_crisis_plans_amends_id", "amends_id"),
        Index(
            "uq_crisis_plans_amends_id_activated",
            "amends_id",
            unique=True,
            postgresql_where=text("status = 'activated'"),
        ),
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
    amends_id: UUID | None = Field(default=None, foreign_key="crisis_plans.id")
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
        CheckConstraint("(status = 'withdrawn') = (withdrawal_reason_code IS NOT NULL)", name="withdrawal"),
        CheckConstraint("escalated_at >= respond_by_at", name="escalated_at"),
        Index("ix_crisis_orders_unanswered", "respond_by_at", postgresql_where=text("status = 'issued'")),
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
    reminded_at: datetime | None = instant()
    escalated_at: datetime | None = instant()
    withdrawn_at: datetime | None = instant()
    withdrawal_reason_code: str | None = Field(default=None, max_length=60)


class Displacement(Versioned, table=True):
    """A booking in the way of an order: to be moved or displaced, when the CDMO has accepted.

    `replacement` is the place that it moves to; `replacement_id` the booking that keeps it, which a drill never has.
    Nobody gives way twice in a crisis; one whose displacement was dropped has not given way, and may be asked again.
    Its owner's `answer` about that place may come before it gives way; `answer_by_at` is set when it does.
    """

    __tablename__ = "displacements"
    __table_args__ = (
        Index(
            "uq_displacements_crisis_id_booking_id_standing",
            "crisis_id",
            "booking_id",
            unique=True,
            postgresql_where=text("status <> 'dropped'"),
        ),
        Index("ix_displacements_booking_id", "booking_id"),
        Index("ix_displacements_unanswered", "answer_by_at", postgresql_where=text("answer IS NULL")),
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered_at"),
        CheckConstraint("answer IS NULL OR replacement IS NOT NULL", name="answer"),
        CheckConstraint(
            "answer <> 'lapsed' OR (reminded_at IS NOT NULL AND answered_at >= answer_by_at)", name="lapsed"
        ),
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
    answer: PlaceAnswer | None = one_of(PlaceAnswer, nullable=True, default=None)
    answered_at: datetime | None = instant()
    answer_by_at: datetime | None = instant()
    reminded_at: datetime | None = instant()
