"""What is sent and answered about products, requests and feasibilities."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from app.core.paging import PageQuery
from app.core.schemas import Body, Cents, Code, Day, NotNull
from app.core.vocabulary import Containment, GmpPhase, Origin, QuantityUnit
from app.requests.models import (
    FeasibilityRefusal,
    FeasibilityState,
    FeasibilityStatus,
    QualificationLevel,
    RequestStatus,
    Theme,
)

CodeName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Batches = Annotated[int, Field(ge=1, le=1000)]
Quantity = Annotated[float, Field(gt=0, le=1e24, allow_inf_nan=False)]
VolumeL = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Sites = Annotated[list[UUID], Field(max_length=100)]
Needs = Annotated[list[Containment], Field(max_length=len(Containment))]


class ProductCreate(Body):
    """A product, under a code name that stays between its owner and the coordinator."""

    code_name: CodeName
    modality: Code = Field(description="A code of the modality vocabulary, such as `monoclonal_antibody`")
    platform: Code | None = Field(
        default=None, description="Expression platform as lines name it, such as `CHO` or `E_coli`; null: any will do"
    )
    containment: Needs = Field(default=[])
    theme: Theme | None = None


class ProductUpdate(Body):
    """What may change of a product; what is left out stays."""

    code_name: Annotated[CodeName | None, NotNull] = None
    modality: Annotated[Code | None, NotNull] = None
    platform: Code | None = None
    containment: Annotated[Needs | None, NotNull] = None
    theme: Theme | None = None


class ProductRead(BaseModel):
    """A product, as its owner and the coordinator see it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    organisation_id: UUID
    code_name: str
    modality: str
    platform: str | None
    containment: list[str]
    theme: Theme | None
    origin: Origin = Field(description="`scenario`: generated for a demonstration, not a fact")
    created_at: datetime
    version: int


class QualificationCreate(Body):
    """A product is established at a site, up to a scale."""

    site_id: UUID
    level: QualificationLevel
    volume_l: VolumeL | None = Field(default=None, description="Largest scale that it covers; null: any at this site")


class QualificationRead(BaseModel):
    """A product established at a site."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    product_id: UUID
    site_id: UUID
    level: QualificationLevel
    volume_l: float | None


class Grounds(Body):
    """Grounds for priority that the requester claims; they count once the coordinator has confirmed them."""

    model_config = ConfigDict(frozen=True)

    continuity: bool = Field(default=False, description="A treatment or a running trial stops without this lot")
    orphan: bool = Field(default=False, description="For an orphan disease")
    unmet_need: bool = Field(default=False, description="Nothing else meets the need")
    evidence: str | None = Field(default=None, max_length=2000)


class GroundsConfirm(Body):
    """What the coordinator confirms of the grounds claimed; what is left out is not confirmed."""

    continuity: bool = False
    orphan: bool = False
    unmet_need: bool = False
    note: str | None = Field(default=None, max_length=2000)


class RequestCreate(Body):
    """A need for lots: a number of batches, or a quantity that each line's yield converts into batches."""

    product_id: UUID
    batches: Batches | None = None
    quantity: Quantity | None = None
    quantity_unit: QuantityUnit | None = None
    volume_min_l: VolumeL | None = None
    volume_max_l: VolumeL | None = None
    gmp_phase: GmpPhase
    earliest_on: Day = Field(
        validation_alias=AliasChoices("earliest_on", "earliest"), description="First day on which production may start"
    )
    latest_delivery_on: Day = Field(
        validation_alias=AliasChoices("latest_delivery_on", "latest_delivery"),
        description="Last day of delivery, release testing done; itself in time",
    )
    budget_cents: Cents | None = Field(default=None, description="For the whole package; null: no limit stated")
    sites_preferred: Sites = Field(default=[], description="Best first")
    sites_excluded: Sites = Field(default=[])
    accepts_europe: bool = Field(default=False, description="A site outside France will do")
    accepts_recallable: bool = Field(default=False, description="A lent crisis slot, which can be recalled, will do")
    grounds: Grounds = Grounds()


class RequestUpdate(Body):
    """What may change of a request; what is left out stays, and null clears what may be empty."""

    product_id: Annotated[UUID | None, NotNull] = None
    batches: Batches | None = None
    quantity: Quantity | None = None
    quantity_unit: QuantityUnit | None = None
    volume_min_l: VolumeL | None = None
    volume_max_l: VolumeL | None = None
    gmp_phase: Annotated[GmpPhase | None, NotNull] = None
    earliest_on: Annotated[Day | None, NotNull] = Field(
        default=None, validation_alias=AliasChoices("earliest_on", "earliest")
    )
    latest_delivery_on: Annotated[Day | None, NotNull] = Field(
        default=None, validation_alias=AliasChoices("latest_delivery_on", "latest_delivery")
    )
    budget_cents: Cents | None = None
    sites_preferred: Annotated[Sites | None, NotNull] = None
    sites_excluded: Annotated[Sites | None, NotNull] = None
    accepts_europe: Annotated[bool | None, NotNull] = None
    accepts_recallable: Annotated[bool | None, NotNull] = None
    grounds: Annotated[Grounds | None, NotNull] = None
    wants_earlier: Annotated[bool | None, NotNull] = Field(
        default=None, description="Of a booked request alone: it waits for a place that delivers before its own"
    )
    earlier_until_on: Day | None = Field(
        default=None,
        description="Last day of delivery for which an earlier place is worth it; null: any that is earlier",
    )


class RequestRead(BaseModel):
    """A request, as its owner and the coordinator see it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    organisation_id: UUID
    product_id: UUID
    batches: int | None
    quantity: float | None
    quantity_unit: str | None
    volume_min_l: float | None
    volume_max_l: float | None
    gmp_phase: GmpPhase
    earliest_on: date
    latest_delivery_on: date
    budget_cents: int | None
    sites_preferred: list[UUID]
    sites_excluded: list[UUID]
    accepts_europe: bool
    accepts_recallable: bool
    priority_tier: int
    priority_points: int
    priority_grounds: dict[str, Any] = Field(description="What is claimed, and how tier and points were derived")
    status: RequestStatus
    submitted_at: datetime | None
    waiting_since_at: datetime | None = Field(description="Since when it is on the waiting list; null: it is not")
    wants_earlier: bool
    earlier_until_on: date | None
    origin: Origin = Field(description="`scenario`: generated for a demonstration, not a fact")
    created_at: datetime
    version: int


class ProductFilter(PageQuery):
    """Filters of the list of products."""

    modality: str | None = Field(default=None, max_length=40)


class RequestFilter(PageQuery):
    """Filters of the list of requests."""

    status: RequestStatus | None = None
    product_id: UUID | None = None
    organisation_id: UUID | None = None


class FeasibilityCreate(Body):
    """A question to the CDMO of a line, with what its owner consents to disclose."""

    request_id: UUID
    line_id: UUID
    disclosed_summary: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)] = Field(
        description="All that the CDMO will see of the request"
    )
    nda_reference: str | None = Field(default=None, max_length=120, description="The agreement on file")
    answer_by_on: Day | None = Field(default=None, description="Day by which the answer is wanted, itself in time")
    consent: Literal[True] = Field(description="Must be true: the owner consents to disclose this summary")


class FeasibilityVerdict(StrEnum):
    """What a CDMO may answer: every status but that of a question."""

    FEASIBLE = FeasibilityStatus.FEASIBLE.value
    FEASIBLE_IF = FeasibilityStatus.FEASIBLE_IF.value
    NOT_FEASIBLE = FeasibilityStatus.NOT_FEASIBLE.value


class FeasibilityAnswer(Body):
    """The CDMO's word: yes, yes on a condition, or no with a coded reason."""

    status: FeasibilityVerdict
    condition: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)] | None = Field(
        default=None, description="With `feasible_if` alone: what must be met"
    )
    reason_code: FeasibilityRefusal | None = Field(default=None, description="With `not_feasible` alone")
    valid_until_on: Day | None = Field(default=None, description="Last day on which the answer holds")


class FeasibilityRead(BaseModel):
    """A question and its answer; a CDMO learns of the request nothing but what is here."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    request_id: UUID
    line_id: UUID
    disclosed_summary: str
    nda_reference: str | None
    line_name: str
    site_name: str
    consented_at: datetime = Field(description="When the question was put, and the summary disclosed")
    answer_by_on: date | None = Field(description="Day by which the answer is wanted")
    age_days: int = Field(description="Days since the question was put")
    state: FeasibilityState = Field(
        description="`open`, or `overdue`, while an answer is wanted; `expired`: the answer has ended, and counts as "
        "missing; `lapsed`: never answered, and the request no longer waits"
    )
    status: FeasibilityStatus
    condition: str | None
    reason_code: FeasibilityRefusal | None
    answered_at: datetime | None
    valid_until_on: date | None
    origin: Origin
    version: int


class FeasibilityFilter(PageQuery):
    """Filters of the list of feasibilities; all that are given must hold."""

    status: FeasibilityStatus | None = Field(default=None, description="What the CDMO has said")
    state: FeasibilityState | None = Field(default=None, description="Where the question stands today")
    request_id: UUID | None = None
    line_id: UUID | None = None


class FeasibilitySummary(BaseModel):
    """How many questions stand where, among those that the reader sees."""

    open: int = Field(description="An answer is wanted, and not late")
    overdue: int = Field(description="An answer is wanted, and late")
    answered: int
    expired: int
    lapsed: int
    oldest_open_days: int | None = Field(description="Age of the oldest question to which an answer is wanted")
