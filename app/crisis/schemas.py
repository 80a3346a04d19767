"""What is sent and answered about crises."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from app.allocation.models import RunState
from app.core.paging import PageQuery
from app.core.schemas import Body, Day, Name, NotNull, PeriodBody
from app.crisis.declaration import Countermeasure, CrisisRules, CrisisScope, CrisisTarget
from app.crisis.models import (
    CrisisMode,
    CrisisStatus,
    DisplacementKind,
    DisplacementStatus,
    OrderStatus,
    PlanLabel,
    PlanStatus,
    PowerKind,
)

AS_OF = AliasChoices("as_of_on", "as_of")
"""The second name is accepted as well."""


class PowerBody(PeriodBody):
    """One power behind a crisis, with the act it rests on, in force over [start, end)."""

    kind: PowerKind
    act_reference: Name
    signatory: Name


Powers = Annotated[list[PowerBody], Field(min_length=1, max_length=20)]
Targets = Annotated[list[CrisisTarget], Field(min_length=1, max_length=50)]


class CrisisCreate(PeriodBody):
    """A declaration, valid over [start, end)."""

    title: Name
    mode: CrisisMode
    as_of_on: Day | None = Field(
        default=None, validation_alias=AS_OF, description="The day that the plan reasons from; today if left out"
    )
    powers: Powers
    scope: CrisisScope = CrisisScope()
    countermeasure: Countermeasure
    targets: Targets
    rules: CrisisRules = CrisisRules()


class CrisisUpdate(Body):
    """What may change of a crisis while it is only declared; what is left out stays."""

    title: Annotated[Name | None, NotNull] = None
    start: Annotated[Day | None, NotNull] = None
    end: Annotated[Day | None, NotNull] = None
    as_of_on: Annotated[Day | None, NotNull] = Field(default=None, validation_alias=AS_OF)
    powers: Annotated[Powers | None, NotNull] = None
    scope: Annotated[CrisisScope | None, NotNull] = None
    countermeasure: Annotated[Countermeasure | None, NotNull] = None
    targets: Annotated[Targets | None, NotNull] = None
    rules: Annotated[CrisisRules | None, NotNull] = None


class PlanCommand(Body):
    """How long to plan: for the plan that is proposed, and then for the plans to choose from beside it."""

    time_limit_s: float = Field(
        default=15, gt=0, le=600, description="Seconds for the first plan, and for each tier of capacity before it"
    )
    choices_s: float = Field(default=120, ge=0, le=3600, description="Seconds for the others; 0 makes none")
    seed: int = Field(default=1, ge=0, lt=2**31)


class SignCommand(Body):
    """A signature: of one plan, by the hash that the signer has read."""

    plan_id: UUID
    plan_hash: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the plan's body, as the plan shows it")


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


class StandDownCommand(Body):
    """Why a crisis ends, coded."""

    reason_code: Literal["targets_met", "threat_over", "superseded", "declared_in_error", "exercise_over"] = (
        "threat_over"
    )


class CrisisFilter(PageQuery):
    """Filters of the list of crises."""

    status: CrisisStatus | None = None
    mode: CrisisMode | None = None


class PowerRead(BaseModel):
    """A power as it was declared."""

    kind: PowerKind
    act_reference: str
    signatory: str
    start: date
    end: date


class CrisisNotice(BaseModel):
    """What a CDMO with an order learns of the crisis behind it."""

    id: UUID
    title: str
    mode: CrisisMode
    start: date
    end: date
    countermeasure: Countermeasure


class CrisisRead(CrisisNotice):
    """A crisis as the coordinator and the authority see it."""

    status: CrisisStatus
    as_of_on: date
    powers: list[PowerRead]
    scope: CrisisScope
    targets: list[CrisisTarget]
    rules: CrisisRules
    ended_reason_code: str | None
    created_at: datetime
    version: int


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
    tier: int = Field(description="The last tier that the plan draws on, 1 to 6")
    status: PlanStatus
    labels: list[PlanLabel] = Field(description="What it is among the plans to choose from; one plan may be several")
    plan_hash: str
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
    displacements: list[OrderDisplacement]
    version: int


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
    version: int
