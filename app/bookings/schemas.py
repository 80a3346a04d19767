"""What is sent and answered about bookings and charges."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.bookings.models import BookingSource, BookingStatus, ChargeKind, ContractStatus, FailureCause
from app.core.paging import PageQuery
from app.core.schemas import Body, Cents, Day
from app.core.vocabulary import GmpPhase, Origin, Reserve

VolumeL = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Note = Annotated[str, Field(max_length=2000, description="Free text beside the code; both sides and auditors read it")]


class DeclineReason(StrEnum):
    """Why a CDMO does not approve a booking, coded."""

    TECHNICAL = "technical"
    EQUIPMENT = "equipment"
    CONTAINMENT = "containment"
    REGULATORY = "regulatory"
    PLANNING = "planning"
    COMMERCIAL = "commercial"
    OTHER = "other"


class CancelReason(StrEnum):
    """Why a booking is cancelled, coded.

    Either side may give `regulatory`, `planning` and `other`; a start-up alone `funding`, `clinical_hold`,
    `programme_stopped`, `product_changed` and `found_elsewhere`; a CDMO alone `equipment_failure`, `quality_event` and
    `staffing`.
    """

    FUNDING = "funding"
    CLINICAL_HOLD = "clinical_hold"
    PROGRAMME_STOPPED = "programme_stopped"
    PRODUCT_CHANGED = "product_changed"
    FOUND_ELSEWHERE = "found_elsewhere"
    EQUIPMENT_FAILURE = "equipment_failure"
    QUALITY_EVENT = "quality_event"
    STAFFING = "staffing"
    REGULATORY = "regulatory"
    PLANNING = "planning"
    OTHER = "other"


class BookingCreate(Body):
    """A hold: a start in a slot, for a request, or for a product whose request is then made by itself.

    What is given beside `product_id` describes that request; with `request_id` the request says it already.
    """

    slot_id: UUID
    start: Day = Field(description="First day of the campaign; matching gives its end, changeover included")
    request_id: UUID | None = None
    product_id: UUID | None = None
    batches: int | None = Field(default=None, ge=1, le=1000, description="With `product_id` alone; 1 by default")
    gmp_phase: GmpPhase | None = Field(
        default=None, description="With `product_id` alone; by default the first clinical phase that the line makes"
    )
    volume_min_l: VolumeL | None = None
    volume_max_l: VolumeL | None = None
    latest_delivery_on: Day | None = Field(default=None, description="By default what this start leads to")
    budget_cents: Cents | None = None
    accepts_europe: bool | None = None
    accepts_recallable: bool | None = None


class DeclineBody(Body):
    """Why a booking is not approved."""

    reason_code: DeclineReason
    reason_text: Note | None = None


class CancelBody(Body):
    """Why a booking is cancelled."""

    reason_code: CancelReason
    reason_text: Note | None = None


class BookingRead(BaseModel):
    """A booking, as its start-up, its CDMO or the coordinator sees it."""

    id: UUID
    status: BookingStatus
    slot_id: UUID
    unit_id: UUID
    line_id: UUID
    site_id: UUID
    organisation_id: UUID = Field(description="whose lot it is")
    cdmo_id: UUID = Field(description="whose line it is")
    request_id: UUID | None
    product_id: UUID | None = Field(description="Null for the CDMO")
    product_code_name: str | None = Field(description="Confidential: null for the CDMO")
    modality: str | None
    gmp_phase: GmpPhase | None
    disclosed_summary: str | None = Field(description="What the start-up consented to disclose to this line, if it did")
    crisis_id: UUID | None
    source: BookingSource
    batches: int
    start: date = Field(description="First day")
    end: date = Field(description="Day after the last one, changeover included: the period is half-open")
    delivery_on: date = Field(description="End of production plus release testing")
    reserve: Reserve
    recallable: bool
    instant: bool = Field(description="The start-up's confirmation is enough; otherwise the CDMO approves")
    hold_expires_at: datetime | None
    approval_expires_at: datetime | None = Field(description="Unanswered by then, it counts as declined by its CDMO")
    contract_status: ContractStatus
    price_cents: int
    ended_reason_code: str | None
    replaced_by_id: UUID | None
    displaced_at: datetime | None
    moves_id: UUID | None = Field(description="The booking that asks to move here, and keeps its place until then")
    pending_move_id: UUID | None = Field(description="The place to which this one asks to move, before its CDMO")
    repeats_id: UUID | None = Field(description="The failed booking that this one repeats")
    expected_end_on: date | None = Field(description="What its last slip says: half-open, like `end`, which stays")
    expected_delivery_on: date = Field(description="`delivery_on`, later by as much as a slip runs over the plan")
    actual_start_on: date | None
    actual_end_on: date | None
    batches_released: int | None
    failure_cause: FailureCause | None
    origin: Origin = Field(description="`scenario`: generated for a demonstration, not a fact")
    created_at: datetime
    version: int


class BookingFilter(PageQuery):
    """Filters of the list of bookings."""

    status: BookingStatus | None = None
    slot_id: UUID | None = None
    line_id: UUID | None = None
    request_id: UUID | None = None


class ChargeRead(BaseModel):
    """One line of the ledger."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    organisation_id: UUID = Field(description="who owes it, or is credited")
    counterparty_id: UUID | None = Field(description="to whom it is owed, or who credits it")
    booking_id: UUID | None
    crisis_id: UUID | None
    agreement_id: UUID | None = Field(description="The reserve agreement that a readiness fee is for")
    quarter_on: date | None = Field(description="First day of the calendar quarter that a readiness fee is for")
    kind: ChargeKind
    amount_cents: int = Field(
        description="Positive: owed. Negative: credited. Zero: a readiness fee of which nothing was earned"
    )
    detail: dict[str, Any] = Field(description="How the amount came about")
    created_at: datetime
