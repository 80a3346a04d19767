"""What is sent and answered about quotes, moves, production and slips."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from app.bookings.fees import CancellationCost, PriceLine
from app.bookings.models import ContractStatus, FailureCause
from app.bookings.schemas import Note
from app.bookings.slip_models import SlipMoveStatus
from app.core.paging import PageQuery
from app.core.schemas import Body, Day
from app.core.vocabulary import Origin


class MoveReason(StrEnum):
    """Why a start-up moves its booking, coded."""

    FUNDING = "funding"
    CLINICAL_SCHEDULE = "clinical_schedule"
    PRODUCT_NOT_READY = "product_not_ready"
    SUPPLY = "supply"
    REGULATORY = "regulatory"
    EARLIER_PLACE = "earlier_place"
    OTHER = "other"


class SlipReason(StrEnum):
    """Why a campaign takes longer than planned, coded."""

    EQUIPMENT_FAILURE = "equipment_failure"
    QUALITY_EVENT = "quality_event"
    PROCESS = "process"
    SUPPLY = "supply"
    STAFFING = "staffing"
    REGULATORY = "regulatory"
    LATE_START = "late_start"
    OTHER = "other"


class SlipMoveRefusal(StrEnum):
    """Why a start-up does not make way for a slip, coded."""

    CLINICAL_SCHEDULE = "clinical_schedule"
    DELIVERY_TOO_LATE = "delivery_too_late"
    SUPPLY = "supply"
    OTHER = "other"


class FailureReason(StrEnum):
    """How a batch failed, coded."""

    CONTAMINATION = "contamination"
    EQUIPMENT_FAILURE = "equipment_failure"
    OPERATOR_ERROR = "operator_error"
    PROCESS_DEVIATION = "process_deviation"
    OUT_OF_SPECIFICATION = "out_of_specification"
    LOW_YIELD = "low_yield"
    RAW_MATERIAL = "raw_material"
    OTHER = "other"


class MoveBody(Body):
    """Where a booking is to move, and why."""

    slot_id: UUID | None = Field(default=None, description="By default the slot that it is in")
    start: Day = Field(description="First day at the new place")
    reason_code: MoveReason
    reason_text: Note | None = None


class ContractBody(Body):
    """How far the contract is."""

    contract_status: ContractStatus


class StartBody(Body):
    """When production started."""

    actual_start_on: Day = Field(
        description="Not in the future, nor before the booking was made; before the planned start if nobody is there"
    )


def _at_least_one(number: int) -> int:
    if number < 1:
        raise ValueError("A campaign of which no batch is released has failed: tell it with `fail`.")
    return number


Released = Annotated[int, Field(le=1000, json_schema_extra={"minimum": 1}), AfterValidator(_at_least_one)]


class CompleteBody(Body):
    """When production ended, and what came of it."""

    actual_end_on: Day = Field(description="The day on which the last batch was finished; not in the future")
    batches_released: Released | None = None


class FailBody(Body):
    """How production failed, and the place of a repeat, if the CDMO offers one."""

    reason_code: FailureReason
    reason_text: Note | None = None
    cause: FailureCause = Field(description="Decides what is due: nothing where the CDMO is the cause")
    failed_on: Day = Field(description="Not in the future")
    repeat_slot_id: UUID | None = Field(default=None, description="A slot of the same line")
    repeat_start: Day | None = Field(default=None, description="Not before the changeover after the failed batch")


class SlipBody(Body):
    """Until when a campaign is expected to hold its unit, and why."""

    expected_end_on: Day = Field(description="Day after the last one, changeover included: half-open, like `end`")
    reason_code: SlipReason
    reason_text: Note | None = None


class SlipMoveDecline(Body):
    """Why a start-up does not make way."""

    reason_code: SlipMoveRefusal
    reason_text: Note | None = None


class MoveQuote(BaseModel):
    """What a move costs, before it binds."""

    slot_id: UUID
    start: date
    end: date
    delivery_on: date
    instant: bool = Field(description="It takes effect at once; otherwise once its CDMO has approved it")
    price_cents: int
    price_lines: tuple[PriceLine, ...]
    price_difference_cents: int
    cdmo_cancellation_percent: int = Field(description="What its CDMO owes when it cancels, at the new place")
    move_fee_cents: int
    free: bool = Field(description="A free move is used")
    caused_by_cdmo: bool = Field(description="A slip is in the way: moving costs nothing, and uses no free move")
    notice_days: int
    reservation_difference_cents: int = Field(description="Charged with the move; negative: credited")
    due_cents: int = Field(description="Charged when the move takes effect: fee and difference of reservation fees")


class QuoteRead(BaseModel):
    """What a booking costs, and what it costs to leave it: this is what is charged."""

    booking_id: UUID
    policy_version: str
    price_cents: int = Field(description="The whole package, as far as its parts are published")
    price_lines: tuple[PriceLine, ...]
    reservation_fee_cents: int = Field(description="Charged at confirmation, credited on the invoice")
    charged_cents: int = Field(description="Reservation and cancellation fees charged so far")
    move_fees_cents: int = Field(description="Charged for moving so far, beside the price")
    free_moves_left: int = Field(description="Moves that still cost nothing, with enough notice")
    free_move_notice_days: int = Field(description="Least notice of a free move, in days before the present start")
    caused_by_cdmo: bool = Field(
        description="A slip of another campaign runs over it, or asks it to make way: as long as that stands, it costs"
        " nothing to leave or to move"
    )
    move_fee_cents: int = Field(description="What any other move costs, from where it is now")
    cancellation_today_cents: int = Field(description="What leaving today costs in all: nothing before confirmation")
    cancellation: tuple[CancellationCost, ...] = Field(
        description="What the start-up owes in all if it leaves on a day of [start, end) once confirmed; nothing if"
        " the CDMO cancels, or is the cause"
    )
    cdmo_cancellation_percent: int = Field(
        description="What the CDMO owes when it cancels the booking once confirmed, as a share of the price; beside"
        " that, all fees are credited"
    )
    cdmo_cancellation_today_cents: int = Field(
        description="What the CDMO would owe if it cancelled today: nothing before confirmation"
    )
    move: MoveQuote | None = Field(description="What the move that was asked about costs")
    origin: Origin


class SlipMoveRead(BaseModel):
    """What a slip asks of a booking behind it: another period at no cost, or why none can be proposed."""

    id: UUID
    slip_id: UUID
    booking_id: UUID
    status: SlipMoveStatus
    slot_id: UUID | None
    start: date | None
    end: date | None
    delivery_on: date | None
    unplaced_code: str | None = Field(description="Why no place is proposed: `no_place`, or what the booking is")
    cause: str = Field(description="Why the campaign before it slips, coded")
    answered_at: datetime | None
    created_at: datetime
    version: int


class SlipRead(BaseModel):
    """A slip; its CDMO sees what it asks of those behind."""

    id: UUID
    booking_id: UUID
    expected_end_on: date
    reason_code: str
    reason_text: str | None
    moves: tuple[SlipMoveRead, ...] = Field(description="Empty for the start-up: what follows is not its to know")
    created_at: datetime


class MoveQuestion(BaseModel):
    """A move to be quoted: another start, in this slot or another."""

    slot_id: UUID | None = Field(default=None, description="By default the slot that it is in")
    start: Day | None = Field(default=None, description="First day at the new place; quotes a move before it binds")


class SlipMoveFilter(PageQuery):
    """Filters of the list of what slips ask."""

    status: SlipMoveStatus | None = None
    booking_id: UUID | None = None
