"""What is sent and answered about sites, lines and modalities."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.catalogue.models import CultureMode, SiteKind, Technology
from app.core.paging import PageQuery
from app.core.schemas import Body, Cents, Code, Day, LongText, Name, NotNull
from app.core.vocabulary import Basis, Confidence, GmpPhase, Origin


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("names something twice")
    return values


Codes = Annotated[list[Code], Field(max_length=40), AfterValidator(_distinct)]
Names = Annotated[list[Name], Field(max_length=40), AfterValidator(_distinct)]
Phases = Annotated[list[GmpPhase], Field(max_length=5), AfterValidator(_distinct)]
Volume = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Duration = Annotated[int, Field(ge=0, le=3650)]
Percent = Annotated[int, Field(ge=0, le=100)]
PositiveDuration = Annotated[int, Field(gt=0, le=3650)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class ModalityRead(BaseModel):
    """A kind of product or service."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    name_en: str
    name_fr: str
    is_product: bool = Field(description="False for a service, such as filling or testing")


class SiteRead(BaseModel):
    """A site, with where the knowledge of it comes from."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    organisation_id: UUID
    organisation_name: str
    name: str
    kind: SiteKind
    city: str
    department_code: str | None
    region: str
    country: str
    latitude: float | None
    longitude: float | None
    clusters: list[str]
    modalities: list[str]
    platforms: list[str]
    gmp_phases: list[str] = Field(description="Authorisation scope; empty or `unknown` where it is not public")
    containment: list[str]
    gmp_certificate_until_on: date | None
    note: str | None
    source: str | None
    confidence: Confidence
    origin: Origin
    version: int


class SiteCreate(Body):
    """A new site; a CDMO or an integrator adds its own, the coordinator anybody's."""

    organisation_id: UUID | None = Field(default=None, description="Whose site; left out: your own")
    name: Name
    kind: SiteKind = SiteKind.CDMO
    city: Annotated[Name, Field(max_length=120)]
    department_code: str | None = Field(default=None, pattern=r"^[0-9AB]{2,3}$")
    region: Annotated[Name, Field(max_length=120)]
    country: str = Field(default="FR", pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    clusters: Names = Field(default=[])
    modalities: Codes = Field(default=[])
    platforms: Codes = Field(default=[])
    gmp_phases: Phases = Field(default=[])
    containment: Codes = Field(default=[])
    gmp_certificate_until_on: Day | None = None
    note: LongText | None = None
    source: LongText | None = None


class SiteUpdate(Body):
    """What may change of a site; what is left out stays."""

    city: Annotated[Name | None, Field(max_length=120), NotNull] = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    clusters: Annotated[Names | None, NotNull] = None
    modalities: Annotated[Codes | None, NotNull] = None
    platforms: Annotated[Codes | None, NotNull] = None
    gmp_phases: Annotated[Phases | None, NotNull] = None
    containment: Annotated[Codes | None, NotNull] = None
    gmp_certificate_until_on: Day | None = None
    note: LongText | None = None
    source: LongText | None = None


class UnitRead(BaseModel):
    """What can be booked independently on a line."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str


class TermsRead(BaseModel):
    """What a line takes for one modality, all its figures on one basis."""

    model_config = ConfigDict(from_attributes=True)

    modality: str
    release_days: int
    price_cents: int | None = Field(description="Price of a batch; null if unknown, or where `prices_visible` is false")
    yield_per_batch: float | None
    yield_unit: str | None
    is_standard: bool = Field(description="The CDMO takes such a request without reviewing it first")
    basis: Basis


class TermsBody(Body):
    """The whole terms of a line for one modality: they replace those it had, on the writer's word."""

    modality: Code
    release_days: Duration
    price_cents: Cents | None = None
    yield_per_batch: Annotated[float, Field(ge=1e-9, le=1e20, allow_inf_nan=False)] | None = None
    yield_unit: str | None = Field(default=None, pattern="^(g|vg|TU|cells|doses)$")
    is_standard: bool = False


def _one_each(terms: list[TermsBody]) -> list[TermsBody]:
    if len({one.modality for one in terms}) < len(terms):
        raise ValueError("names a modality twice")
    return terms


AllTerms = Annotated[list[TermsBody], Field(max_length=40), AfterValidator(_one_each)]


class LineRead(BaseModel):
    """A production line with its units and its terms; `basis` says of each figure whose word it is.

    `illustrative` is nobody's: a plausible value until the CDMO declares its own.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    site_id: UUID
    site_name: str
    organisation_id: UUID
    organisation_name: str
    region: str
    country: str
    name: str
    modalities: list[str]
    platforms: list[str]
    gmp_phases: list[str]
    phases_basis: str | None
    containment: list[str]
    working_volume_l: float | None
    batches_in_parallel: int
    technology: Technology | None
    culture_mode: CultureMode
    first_batch_days: int
    cadence_days: int | None
    changeover_days: int
    transfer_days: int
    engineering_batch_required: bool
    commissioned_on: date | None
    bookable: bool
    not_bookable_reason: str | None
    continuity_at_risk: bool
    cdmo_cancellation_percent: int | None = Field(
        description="What the CDMO has accepted to owe the start-up when it cancels a confirmed booking, as a share of"
        " its price; null where `prices_visible` is false"
    )
    capacity_note: str | None
    source: str | None
    confidence: Confidence
    origin: Origin
    version: int
    basis: dict[str, Basis] = Field(description="By figure: `declared` by the CDMO, `sourced`, or `illustrative`")
    prices_visible: bool = Field(
        description="False for competitors, observers and the public: prices, and what cancelling costs, are then null"
    )
    terms: list[TermsRead]
    units: list[UnitRead]


class LineFigures(Body):
    """What both a new line and a changed one may say."""

    platforms: Annotated[Codes | None, NotNull] = None
    containment: Annotated[Codes | None, NotNull] = None
    working_volume_l: Volume | None = None
    batches_in_parallel: Annotated[int | None, Field(gt=0, le=1000), NotNull] = None
    technology: Technology | None = None
    culture_mode: Annotated[CultureMode | None, NotNull] = None
    cadence_days: PositiveDuration | None = None
    changeover_days: Annotated[Duration | None, NotNull] = None
    transfer_days: Annotated[Duration | None, NotNull] = None
    engineering_batch_required: Annotated[bool | None, NotNull] = None
    commissioned_on: Day | None = None
    not_bookable_reason: Annotated[Name, Field(max_length=400)] | None = Field(
        default=None, description="Why no slot may be published; null: slots may be"
    )
    cdmo_cancellation_percent: Annotated[Percent | None, NotNull] = Field(
        default=None,
        description="What the CDMO owes the start-up when it cancels a confirmed booking, as a share of its price;"
        " for the CDMO alone to accept, and kept as it was by what is booked already",
    )
    capacity_note: LongText | None = None
    source: LongText | None = Field(default=None, description="Where the figures come from, if not from the CDMO")
    terms: AllTerms = Field(default=[], description="Each replaces the whole terms of its modality")


class LineCreate(LineFigures):
    """A new line on a site of one's own."""

    site_id: UUID
    name: Name
    modalities: Annotated[Codes, Field(min_length=1)]
    gmp_phases: Annotated[Phases, Field(min_length=1)]
    first_batch_days: PositiveDuration
    units: Annotated[list[Annotated[Name, Field(max_length=80)]], Field(min_length=1, max_length=100)] = Field(
        default=["Unit 1"], description="What can be booked independently: a vessel with its suite, a workstation"
    )


class LineUpdate(LineFigures):
    """What may change of a line; what is left out stays. A figure that the CDMO writes becomes `declared`."""

    modalities: Annotated[Codes | None, Field(min_length=1), NotNull] = None
    gmp_phases: Annotated[Phases | None, Field(min_length=1), NotNull] = None
    first_batch_days: Annotated[PositiveDuration | None, NotNull] = None


class SiteFilter(PageQuery):
    """Filters of the list of sites; all that are given must hold."""

    kind: SiteKind | None = None
    organisation_id: UUID | None = None
    region: str | None = Field(default=None, max_length=120)
    country: str | None = Field(default=None, max_length=2)
    cluster: str | None = Field(default=None, max_length=200)
    modality: Code | None = None
    platform: Code | None = None
    phase: GmpPhase | None = None


class LineFilter(SiteFilter):
    """Filters of the list of lines; all that are given must hold."""

    site_id: UUID | None = None
    bookable: bool | None = None
    volume_min: Volume | None = Field(default=None, description="Working volume in litres, at least")
    volume_max: Volume | None = Field(default=None, description="Working volume in litres, at most")
