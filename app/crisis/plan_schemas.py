"""What is sent and answered about the plans of a crisis: asked for, signed, compared, amended."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.allocation.models import RunState
from app.core.schemas import Body, Day, NotNull
from app.crisis.minimality import Minimality
from app.crisis.models import PlanLabel, PlanStatus
from app.crisis.schemas import AS_OF, Targets


class PlanCommand(Body):
    """How long to plan: for the plan that is proposed, and then for the plans to choose from beside it."""

    time_limit_s: float = Field(
        default=4, gt=0, le=600, description="Seconds for the first plan, and for each tier of capacity before it"
    )
    choices_s: float = Field(
        default=120,
        ge=0,
        le=3600,
        description="Seconds for the others, in which nothing is signed; 0 makes none, and the plan says so",
    )
    seed: int = Field(default=1, ge=0, lt=2**31)


class ReplanReason(StrEnum):
    """Why a crisis is planned anew, coded."""

    ORDER_COUNTERED = "order_countered"
    BATCH_FAILED = "batch_failed"
    PRODUCTION_SLIPPED = "production_slipped"
    TARGETS_CHANGED = "targets_changed"
    CDMO_DROPPED_OUT = "cdmo_dropped_out"
    ORDER_UNANSWERED = "order_unanswered"
    OTHER = "other"


class ReplanCommand(Body):
    """What an active crisis is planned anew for; what is left out stays as it is.

    The targets replace those declared, once the amendment is activated. Units that are named unavailable, or those of a
    CDMO that is, offer nothing to this crisis any more: what they have not begun is released. They do again once an
    amendment is activated that names them available.
    """

    reason_code: ReplanReason = ReplanReason.OTHER
    targets: Annotated[Targets | None, NotNull] = None
    unavailable_unit_ids: list[UUID] = Field(default=[], max_length=1_000)
    unavailable_organisation_ids: list[UUID] = Field(default=[], max_length=200)
    available_unit_ids: list[UUID] = Field(default=[], max_length=1_000)
    available_organisation_ids: list[UUID] = Field(default=[], max_length=200)
    as_of_on: Annotated[Day | None, NotNull] = Field(
        default=None, validation_alias=AS_OF, description="The day to reason from; today if left out"
    )
    time_limit_s: float = Field(default=2, gt=0, le=600, description="Seconds for each tier of capacity that is tried")
    grounds_s: float = Field(
        default=30,
        ge=0,
        le=3600,
        description="Seconds to show, beside the amendment, why those who give way do; 0 shows nothing",
    )
    seed: int = Field(default=1, ge=0, lt=2**31)


class SignCommand(Body):
    """A signature: of one plan, by the hash that the signer has read."""

    plan_id: UUID
    plan_hash: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the plan's body, as the plan shows it")


class SignatureRead(BaseModel):
    """Who signed a plan, in which role, and when."""

    model_config = ConfigDict(from_attributes=True)

    person_id: UUID
    role: str
    created_at: datetime


class PlanRead(BaseModel):
    """A plan with its body, the hash of it that is signed, and the signatures so far."""

    id: UUID
    crisis_id: UUID
    run_id: UUID
    amends_id: UUID | None = Field(description="The activated plan that it changes, where it is an amendment")
    tier: int = Field(description="The last tier that the plan draws on, 1 to 6")
    status: PlanStatus
    labels: list[PlanLabel] = Field(description="What it is among the plans to choose from; one plan may be several")
    plan_hash: str
    minimality: Minimality = Field(
        description="Whether it was looked at that nobody gives way needlessly; `beside`: in `grounds`"
    )
    body: dict[str, Any]
    grounds: dict[str, Any] | None = Field(
        description="Why it is these bookings that give way, and what one fewer would cost; null until worked out"
    )
    signatures: list[SignatureRead]
    created_at: datetime
    version: int


class TargetDoses(BaseModel):
    """A target, and the doses that a plan has for it: as feared, expected and hoped, and whether each suffices."""

    by: date
    quantity: int
    low: int
    expected: int
    high: int
    met_low: bool
    met_expected: bool
    met_high: bool


class TradeOffPoint(BaseModel):
    """One plan to choose, in the figures that a person chooses by; the plan itself has everything."""

    plan_id: UUID
    plan_hash: str
    status: PlanStatus
    labels: list[PlanLabel]
    bookings: int = Field(description="Bookings that give way: moved or displaced")
    moved: int
    displaced: int
    points: int = Field(description="What they weigh: by the weight of each, and a displacement more than a move")
    targets: list[TargetDoses] = Field(description="Doses filled by then, where filling is known, or released")
    targets_met: bool = Field(description="On the figure that the plan counts on")
    cost_cents: int
    signed_by: list[str] = Field(description="The roles that have signed it")


class TradeOff(BaseModel):
    """The plans of a crisis that can be chosen now, the least displacing first, and the run that makes more of them."""

    points: list[TradeOffPoint]
    run_id: UUID | None = Field(description="The run that makes the plans beside the proposed one")
    run_state: RunState | None
    run_error: str | None = Field(description="Why it has added nothing, if it has not")
