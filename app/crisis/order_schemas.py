"""What is sent and answered about what a plan asks of others: orders, notices, displacements, places offered back."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.paging import PageQuery
from app.core.schemas import Body, Day
from app.crisis.models import DisplacementKind, DisplacementStatus, OrderStatus, PlaceAnswer
from app.crisis.notice_models import NoticeKind
from app.crisis.restoring_models import RestorationStatus


class CounterReason(StrEnum):
    """Why a CDMO cannot start an order when it asks, coded."""

    CAPACITY = "capacity"
    RUNNING_BATCH = "running_batch"
    EQUIPMENT = "equipment"
    STAFF = "staff"
    RAW_MATERIAL = "raw_material"
    REGULATORY = "regulatory"
    OTHER = "other"


class CounterCommand(Body):
    """A CDMO's counter-proposal: the earliest day on which it could start, and why not before."""

    earliest: Day
    reason_code: CounterReason


class WithdrawCommand(Body):
    """Why a CDMO drops out of an order that it had accepted, coded."""

    reason_code: CounterReason


class OrderDisplacement(BaseModel):
    """A booking that must give way to an order, as its CDMO sees it."""

    booking_id: UUID
    kind: DisplacementKind
    status: DisplacementStatus


class OrderRead(BaseModel):
    """An order to a CDMO to run one campaign of a unit over [start, end)."""

    id: UUID
    crisis_id: UUID
    organisation_id: UUID
    slot_id: UUID
    unit_id: UUID
    start: date = Field(description="First day")
    end: date = Field(description="Day after the last one, changeover included")
    batches: int
    output: int = Field(description="Bulk dose-equivalents")
    delivery_on: date
    price_cents: int
    tier: int
    status: OrderStatus
    respond_by_at: datetime
    answered_at: datetime | None
    counter_earliest_on: date | None
    counter_reason_code: str | None
    booking_id: UUID | None
    reminded_at: datetime | None = Field(description="When its CDMO was reminded of it")
    escalated_at: datetime | None = Field(description="When those who lead were told that nobody has answered it")
    withdrawn_at: datetime | None
    withdrawal_reason_code: str | None
    displacements: list[OrderDisplacement]
    version: int


class NoticeText(BaseModel):
    """What a notice says, made from its facts."""

    en: str
    fr: str


class NoticeFilter(PageQuery):
    """Filter of the list of notices, for those who lead."""

    unreached: bool = Field(
        default=False, description="Only those of a real crisis of which a mail server has taken no letter"
    )


class NoticeMailed(BaseModel):
    """How far a notice was told by mail."""

    people: int = Field(description="Who acted for the organisation when it was written, and so is written to")
    sent: int = Field(description="Letters that a mail server has taken, which is not yet that they were read")
    dropped: int = Field(
        description="Letters that are not sent: their address is refused, their reader has left, or they are overtaken"
    )


class NoticeRead(BaseModel):
    """What an organisation was told about an order or a displacement, with the facts that it rests on."""

    id: UUID
    crisis_id: UUID
    organisation_id: UUID = Field(description="Who is told")
    kind: NoticeKind
    order_id: UUID | None
    displacement_id: UUID | None
    reason_code: str | None
    facts: dict[str, Any]
    respond_by_at: datetime | None
    created_at: datetime
    text: NoticeText
    mailed: NoticeMailed | None = Field(
        description="Null where no letter was written: of a drill, without mail set up, or where nobody acts for it"
    )


class DisplacementRead(BaseModel):
    """A booking that gives way in a crisis: to a place of its own, or to none, and what is owed for it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    crisis_id: UUID
    booking_id: UUID
    kind: DisplacementKind
    status: DisplacementStatus
    replacement: dict[str, Any] | None
    replacement_id: UUID | None
    compensation_cents: int
    effective_at: datetime | None
    answer: PlaceAnswer | None = Field(description="What became of the place that was held for it")
    answered_at: datetime | None
    answer_by_at: datetime | None = Field(description="Until when its owner may answer; null until it has given way")
    reminded_at: datetime | None
    version: int


class RestorationRead(BaseModel):
    """The place of a displaced lot, offered back to its owner when the crisis has ended."""

    id: UUID
    crisis_id: UUID
    displacement_id: UUID
    organisation_id: UUID = Field(description="Whose lot was displaced")
    position: int = Field(description="Its turn among all whom the crisis displaced")
    slot_id: UUID
    unit_id: UUID
    start: date = Field(
        description="First day on offer: the lot's own, or a later one of its days from which as many are free"
    )
    end: date = Field(description="Day after the last one")
    delivery_on: date
    status: RestorationStatus
    booking_id: UUID | None = Field(description="The booking that keeps the place")
    respond_by_at: datetime | None
    ended_at: datetime | None
    reason_code: str | None = Field(description="Why the place is unavailable")
    version: int
