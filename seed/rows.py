"""What the seed writes: frozen rows of the same shapes as the tables, column by column, ready before any database is.

A column that a row leaves out takes the table's own default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.bookings.models import BookingStatus, ChargeKind, ContractStatus
from app.capacity.models import Approval, CommitmentKind
from app.catalogue.models import CultureMode, SiteKind, Technology
from app.core.model import Period
from app.core.vocabulary import Basis, Confidence, GmpPhase, Origin, Reserve
from app.identity.models import OrganisationKind, SizeClass
from app.requests.models import FeasibilityRefusal, FeasibilityStatus, QualificationLevel, RequestStatus, Theme


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """A row of `organisations`."""

    id: UUID
    kind: OrganisationKind
    name: str
    city: str | None = None
    region: str | None = None
    country: str = "FR"
    size_class: SizeClass = SizeClass.UNKNOWN
    note: str | None = None
    source: str | None = None
    confidence: Confidence | None = None
    origin: Origin = Origin.REAL


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A row of `organisation_labels`."""

    id: UUID
    organisation_id: UUID
    name: str
    issuer: str
    evidence: str
    valid_from_on: date | None = None
    valid_to_on: date | None = None


@dataclass(frozen=True, slots=True)
class ModalityRow:
    """A row of `modalities`."""

    id: UUID
    code: str
    name_en: str
    name_fr: str
    is_product: bool


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A row of `sites`."""

    id: UUID
    organisation_id: UUID
    name: str
    kind: SiteKind
    city: str
    region: str
    clusters: list[str]
    modalities: list[str]
    platforms: list[str]
    gmp_phases: list[str]
    containment: list[str]
    confidence: Confidence
    department_code: str | None = None
    country: str = "FR"
    latitude: float | None = None
    longitude: float | None = None
    note: str | None = None
    source: str | None = None
    origin: Origin = Origin.REAL


@dataclass(frozen=True, slots=True)
class LineRow:
    """A row of `production_lines`."""

    id: UUID
    site_id: UUID
    name: str
    modalities: list[str]
    platforms: list[str]
    gmp_phases: list[str]
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
    confidence: Confidence
    phases_basis: str | None = None
    not_bookable_reason: str | None = None
    continuity_at_risk: bool = False
    capacity_note: str | None = None
    sourced_fields: list[str] = field(default_factory=list)
    source: str | None = None
    origin: Origin = Origin.REAL


@dataclass(frozen=True, slots=True)
class LineModalityRow:
    """A row of `line_modalities`."""

    id: UUID
    line_id: UUID
    modality: str
    release_days: int
    price_cents: int | None
    yield_per_batch: float | None
    yield_unit: str | None
    is_standard: bool = False
    basis: Basis = Basis.ILLUSTRATIVE


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A row of `units`."""

    id: UUID
    line_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """A row of `agreements`."""

    id: UUID
    organisation_id: UUID
    funder: str
    funder_id: UUID
    reserve: Reserve
    line_id: UUID
    period: Period
    batch_days_per_quarter: int
    readiness_fee_cents: int
    capped_price_cents: int | None
    recoverable_within_days: int
    origin: Origin = Origin.SCENARIO


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A row of `slots`."""

    id: UUID
    unit_id: UUID
    period: Period
    reserve: Reserve
    releases_on: date | None = None
    lendable: bool = False
    recall_notice_days: int | None = None
    max_lent_days: int | None = None
    divisible: bool = True
    approval: Approval = Approval.BY_CDMO
    price_cents: int | None = None
    agreement_id: UUID | None = None
    origin: Origin = Origin.SCENARIO


@dataclass(frozen=True, slots=True)
class CommitmentRow:
    """A row of `commitments`."""

    id: UUID
    unit_id: UUID
    period: Period
    kind: CommitmentKind
    origin: Origin = Origin.SCENARIO


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A row of `products`."""

    id: UUID
    organisation_id: UUID
    code_name: str
    modality: str
    platform: str | None
    containment: list[str]
    theme: Theme
    origin: Origin = Origin.SCENARIO


@dataclass(frozen=True, slots=True)
class QualificationRow:
    """A row of `qualifications`."""

    id: UUID
    product_id: UUID
    site_id: UUID
    level: QualificationLevel
    volume_l: float | None = None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A row of `requests`."""

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
    priority_tier: int
    priority_points: int
    priority_grounds: dict[str, Any]
    status: RequestStatus
    submitted_at: datetime
    sites_preferred: list[UUID] = field(default_factory=list)
    sites_excluded: list[UUID] = field(default_factory=list)
    accepts_europe: bool = False
    accepts_recallable: bool = False
    origin: Origin = Origin.SCENARIO


@dataclass(frozen=True, slots=True)
class FeasibilityRow:
    """A row of `feasibilities`."""

    id: UUID
    request_id: UUID
    line_id: UUID
    disclosed_summary: str
    nda_reference: str
    consented_at: datetime
    status: FeasibilityStatus
    condition: str | None = None
    reason_code: FeasibilityRefusal | None = None
    answered_at: datetime | None = None
    valid_until_on: date | None = None
    origin: Origin = Origin.SCENARIO


@dataclass(frozen=True, slots=True)
class BookingRow:
    """A row of `bookings`."""

    id: UUID
    slot_id: UUID
    unit_id: UUID
    organisation_id: UUID
    request_id: UUID
    product_id: UUID
    batches: int
    period: Period
    delivery_on: date
    reserve: Reserve
    recallable: bool
    status: BookingStatus
    contract_status: ContractStatus
    price_cents: int
    terms: dict[str, Any]
    origin: Origin = Origin.SCENARIO


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """A row of `charges`."""

    id: UUID
    organisation_id: UUID
    counterparty_id: UUID
    booking_id: UUID
    kind: ChargeKind
    amount_cents: int
    detail: dict[str, Any]
