"""What is sent and answered about rounds and offers."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from app.allocation.models import OfferSource, OfferStatus, RoundStatus
from app.allocation.policy import RoundPolicy
from app.allocation.rules import AdjustmentReason, OfferDeclineReason
from app.core.paging import PageQuery
from app.core.schemas import Body, Code, Day, Instant, LongText, Name, NotNull, PeriodBody
from app.core.vocabulary import Origin, Reserve

Title = Annotated[Name, StringConstraints(max_length=120)]
Region = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Modalities = Annotated[list[Code], Field(max_length=40, description="Empty: every modality")]
Regions = Annotated[list[Region], Field(max_length=40, description="Regions of the sites; empty: every region")]
Reserves = Annotated[list[Reserve], Field(min_length=1, max_length=3)]
OfferHours = Annotated[int, Field(ge=1, le=24 * 60, description="Hours to answer an offer")]


class RoundCreate(PeriodBody):
    """A new round: `start` and `end` bound the days on which campaigns may start."""

    name: Title
    reserves: Reserves = Field(default_factory=lambda: [Reserve.STARTUP])
    modalities: Modalities = Field(default_factory=list)
    regions: Regions = Field(default_factory=list)
    as_of_on: Day | None = Field(default=None, description="The day it reasons from; today if left out")
    closes_at: Instant | None = Field(default=None, description="When the coordinator means to close it")
    offer_hours: OfferHours | None = None
    policy: RoundPolicy = RoundPolicy()


class RoundUpdate(Body):
    """What may change of a round; what is left out stays. Scope and policy change in a draft only."""

    name: Title = ""
    reserves: Reserves = Field(default_factory=lambda: [Reserve.STARTUP])
    modalities: Modalities = Field(default_factory=list)
    regions: Regions = Field(default_factory=list)
    start: Annotated[Day | None, NotNull] = Field(default=None, description="Changes together with `end`")
    end: Annotated[Day | None, NotNull] = Field(default=None, description="Changes together with `start`")
    as_of_on: Annotated[Day | None, NotNull] = None
    closes_at: Instant | None = None
    offer_hours: OfferHours = 1
    policy: RoundPolicy = RoundPolicy()

    @field_validator("end")
    @classmethod
    def _ends_after_start(cls, end: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("start")
        if start is None or (end is not None and end <= start):
            raise ValueError(f"must come with a start, and after it ({start})")
        return end

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        if self.start is not None and self.end is None:
            raise ValueError("start and end change together")
        return self


class RoundRead(BaseModel):
    """A round: its scope, its policy, and where it stands."""

    id: UUID
    name: str
    status: RoundStatus
    reserves: list[str]
    modalities: list[str]
    regions: list[str]
    start: date
    end: date
    as_of_on: date
    closes_at: datetime | None
    offer_hours: int
    policy: RoundPolicy
    version: int


class EntryRead(BaseModel):
    """A request in a round: its tier and points, how they were derived, and what came of it."""

    request_id: UUID
    organisation_id: UUID
    tier: int
    points: int
    derivation: dict[str, Any]
    outcome: dict[str, Any] | None = Field(
        description="Null until the round is published; `run_id` is of the run whose explanations tell why"
    )


class RoundDetail(RoundRead):
    """A round with its requests: all of them for the coordinator, its own for a start-up."""

    entries: list[EntryRead]
    slots: int = Field(description="Slots that the round holds still")
    runs: list[UUID] = Field(description="Newest first; for the coordinator")


class RoundFilter(PageQuery):
    """Filters of the list of rounds."""

    status: RoundStatus | None = None


class Solve(Body):
    """How to solve a round; what is left out is as its policy says."""

    time_limit_s: float | None = Field(default=None, gt=0, le=3600)
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    budget: float | None = Field(
        default=None,
        gt=0,
        le=100_000,
        description="Deterministic work instead of a time limit: the same input then gives the same plan, always",
    )


class Unplace(Body):
    """Take a request out of the plan."""

    action: Literal["unplace"]
    request_id: UUID
    reason_code: AdjustmentReason
    reason_text: LongText | None = None


class Place(Body):
    """Put a request on a day in a slot, wherever it was before."""

    action: Literal["place"]
    request_id: UUID
    slot_id: UUID
    start: Day
    reason_code: AdjustmentReason
    reason_text: LongText | None = None


Adjustment = Annotated[Unplace | Place, Field(discriminator="action")]


class Publish(Body):
    """Which plan to publish: the newest run that succeeded, or the one named."""

    run_id: UUID | None = None


class PublishedRead(BaseModel):
    """What a publication did."""

    round: RoundRead
    run_id: UUID
    offers: int
    waitlisted: int
    unmet: int
    left_out: int = Field(description="Placed in the plan, but withdrawn or booked since")


class OfferRead(BaseModel):
    """An offer to a start-up: the period, the price, and until when to answer."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    source: OfferSource = Field(description="The plan of a round, or a freed place that the waiting list is offered")
    round_id: UUID | None = Field(description="Null for an offer from the waiting list")
    request_id: UUID
    booking_id: UUID
    organisation_id: UUID
    status: OfferStatus
    expires_at: datetime
    answered_at: datetime | None
    slot_id: UUID
    unit: str
    line: str
    site: str
    start: date
    end: date
    delivery_on: date
    batches: int
    price_cents: int
    cdmo_cancellation_percent: int = Field(
        description="What the CDMO owes when it cancels the booking once confirmed, as a share of the price"
    )
    booking_status: str
    instant: bool = Field(description="Accepting confirms it; otherwise its CDMO approves it first")
    replaces_booking_id: UUID | None = Field(
        description="The later place of the same request, which ends at no cost as soon as this one is confirmed"
    )
    origin: Origin = Field(description="`scenario`: generated for a demonstration, not a fact")
    version: int


class OfferFilter(PageQuery):
    """Filters of the list of offers."""

    status: OfferStatus | None = None
    round_id: UUID | None = None


class Decline(Body):
    """Why an offer is declined."""

    reason_code: OfferDeclineReason = OfferDeclineReason.OTHER
    reason_text: LongText | None = None
