"""What is sent and answered about crises."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from app.allocation.models import RunState
from app.core.paging import PageQuery
from app.core.schemas import Body, Code, Day, Name, NotNull, PeriodBody
from app.crisis.declaration import Countermeasure, CrisisRules, CrisisScope, CrisisTarget
from app.crisis.models import (
    CrisisMode,
    CrisisStatus,
    DisplacementKind,
    DisplacementStatus,
    OrderStatus,
    PlaceAnswer,
    PlanLabel,
    PlanStatus,
    PowerKind,
)
from app.crisis.notice_models import NoticeKind
from app.crisis.profiles import DeclaredCountermeasure
from app.crisis.restoring_models import RestorationStatus

AS_OF = AliasChoices("as_of_on", "as_of")
"""The second name is accepted as well."""


class PowerBody(PeriodBody):
    """One power behind a crisis, with the act it rests on, in force over [start, end)."""

    kind: PowerKind
    act_reference: Name
    signatory: Name
    scope: CrisisScope = Field(
        default=CrisisScope(), description="Lines that the act lets be called upon; an empty list leaves a side open"
    )


MOST_POWERS = 20
Powers = Annotated[list[PowerBody], Field(min_length=1, max_length=MOST_POWERS)]
Targets = Annotated[list[CrisisTarget], Field(min_length=1, max_length=50)]


class CrisisCreate(PeriodBody):
    """A declaration, valid over [start, end)."""

    title: Name
    mode: CrisisMode
    scenario: Code | None = Field(default=None, description="What a drill plays; drills of one scenario are compared")
    as_of_on: Day | None = Field(
        default=None, validation_alias=AS_OF, description="The day that the plan reasons from; today if left out"
    )
    powers: Powers
    scope: CrisisScope = CrisisScope()
    countermeasure: DeclaredCountermeasure
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
    countermeasure: Annotated[DeclaredCountermeasure | None, NotNull] = None
    targets: Annotated[Targets | None, NotNull] = None
    rules: Annotated[CrisisRules | None, NotNull] = None


class RenewCommand(Body):
    """A later end of a crisis, and the acts that allow it: new ones, or renewed ones by their kind and reference."""

    end: Day = Field(description="Day after the last one of the validity as renewed")
    powers: list[PowerBody] = Field(
        default=[], max_length=MOST_POWERS, description="None where those that it has are in force until then"
    )


class PlanCommand(Body):
    """How long to plan: for the plan that is proposed, and then for the plans to choose from beside it."""

    time_limit_s: float = Field(
        default=15, gt=0, le=600, description="Seconds for the first plan, and for each tier of capacity before it"
    )
    choices_s: float = Field(default=120, ge=0, le=3600, description="Seconds for the others; 0 makes none")
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
    scope: CrisisScope
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
    expires_in_days: int | None = Field(description="Days of validity that are left; null once it has ended")
    scenario: str | None
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
    amends_id: UUID | None = Field(description="The activated plan that it changes, where it is an amendment")
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
