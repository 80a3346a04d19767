"""Tables of products, qualifications, requests, feasibilities, and alerts."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, UniqueConstraint, Uuid, column, table, text
from sqlmodel import Field

from app.core.model import Table, Versioned, document, instant, one_of, texts, uuids
from app.core.vocabulary import GmpPhase, Origin

WAITS_SQL = "waiting_since_at IS NOT NULL"
"""A request that is on the waiting list: without a place, or for an earlier one than it has; an open offer included."""


class Theme(StrEnum):
    """The four themes of the national strategy."""

    ONCOLOGY = "oncology"
    GENE_AND_CELL = "gene_and_cell_therapy"
    PRODUCTION_SYSTEMS = "new_production_systems"
    UNITS_AND_PROCESSES = "better_units_and_processes"


class QualificationLevel(StrEnum):
    """How far a product is established at a site; any level means that the transfer is done."""

    TRANSFERRED = "transferred"
    ENGINEERING_RUN = "engineering_run"
    RELEASED_LOT = "released_lot"


class RequestStatus(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    OFFERED = "offered"
    BOOKED = "booked"
    WAITLISTED = "waitlisted"
    UNMET = "unmet"
    WITHDRAWN = "withdrawn"
    FULFILLED = "fulfilled"


class FeasibilityStatus(StrEnum):
    """What the CDMO has said of a request on one of its lines."""

    ASKED = "asked"
    FEASIBLE = "feasible"
    FEASIBLE_IF = "feasible_if"
    NOT_FEASIBLE = "not_feasible"


class FeasibilityState(StrEnum):
    """Where a question stands today, for those who wait for its answer or owe it."""

    OPEN = "open"
    OVERDUE = "overdue"
    ANSWERED = "answered"
    EXPIRED = "expired"
    LAPSED = "lapsed"


class FeasibilityRefusal(StrEnum):
    """Why a request is not feasible on a line, coded."""

    SCALE = "scale"
    PLATFORM = "platform"
    CONTAINMENT = "containment"
    EQUIPMENT = "equipment"
    ANALYTICS = "analytics"
    RAW_MATERIAL = "raw_material"
    REGULATORY = "regulatory"
    CAPACITY = "capacity"
    OTHER = "other"


class Product(Versioned, table=True):
    """What a start-up makes, under a code name that nobody else sees."""

    __tablename__ = "products"
    __table_args__ = (UniqueConstraint("organisation_id", "code_name"),)

    organisation_id: UUID = Field(foreign_key="organisations.id")
    code_name: str = Field(max_length=80)
    modality: str = Field(foreign_key="modalities.code", max_length=40)
    platform: str | None = Field(default=None, max_length=40)
    containment: list[str] = texts()
    theme: Theme | None = one_of(Theme, default=None, nullable=True)
    origin: Origin = one_of(Origin, default=Origin.REAL)


PRODUCT_MODALITIES = table("product_modalities", column("id", Uuid), column("modality", Text))
"""A view of products: all that the CDMO of a booking is told of its product."""


class Qualification(Table, table=True):
    """A product established at a site, up to a scale."""

    __tablename__ = "qualifications"
    __table_args__ = (UniqueConstraint("product_id", "site_id", "level"),)

    product_id: UUID = Field(foreign_key="products.id")
    site_id: UUID = Field(foreign_key="sites.id")
    volume_l: float | None = None
    level: QualificationLevel = one_of(QualificationLevel)


class Request(Versioned, table=True):
    """What a start-up asks for: a number of batches, or a quantity that a line's yield converts into batches.

    A booked request may want an earlier place than it has, delivered by `earlier_until_on` if it says so.
    `waiting_since_at` is when it joined the waiting list; an offer does not end that, a place does, once its CDMO has
    approved it.
    """

    __tablename__ = "requests"
    __table_args__ = (
        CheckConstraint("(batches IS NULL) <> (quantity IS NULL)", name="batches_or_quantity"),
        CheckConstraint("batches > 0", name="batches"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("(quantity IS NULL) = (quantity_unit IS NULL)", name="quantity_unit"),
        CheckConstraint("volume_min_l <= volume_max_l", name="volume"),
        CheckConstraint("earliest_on < latest_delivery_on", name="dates"),
        CheckConstraint("budget_cents >= 0", name="budget_cents"),
        CheckConstraint("priority_tier BETWEEN 1 AND 3", name="priority_tier"),
        CheckConstraint("priority_points >= 0", name="priority_points"),
        CheckConstraint("NOT wants_earlier OR status = 'booked'", name="wants_earlier"),
        CheckConstraint("earlier_until_on IS NULL OR wants_earlier", name="earlier_until_on"),
        CheckConstraint(
            "(waiting_since_at IS NULL OR status IN ('waitlisted', 'offered', 'booked'))"
            " AND (waiting_since_at IS NOT NULL OR status <> 'waitlisted' AND NOT wants_earlier)",
            name="waiting_since_at",
        ),
        Index("ix_requests_organisation_id", "organisation_id", "id"),
        Index("ix_requests_status", "status", "id"),
        Index("ix_requests_waiting", "product_id", "id", postgresql_where=text(WAITS_SQL)),
    )

    organisation_id: UUID = Field(foreign_key="organisations.id")
    product_id: UUID = Field(foreign_key="products.id")
    batches: int | None = None
    quantity: float | None = None
    quantity_unit: str | None = Field(default=None, max_length=20)
    volume_min_l: float | None = None
    volume_max_l: float | None = None
    gmp_phase: GmpPhase = one_of(GmpPhase)
    earliest_on: date
    latest_delivery_on: date
    budget_cents: int | None = Field(default=None, sa_type=BigInteger)
    sites_preferred: list[UUID] = uuids()
    sites_excluded: list[UUID] = uuids()
    accepts_europe: bool = False
    accepts_recallable: bool = False
    priority_tier: int = 3
    priority_points: int = 0
    priority_grounds: dict[str, Any] = document()
    status: RequestStatus = one_of(RequestStatus, default=RequestStatus.DRAFT)
    submitted_at: datetime | None = instant()
    waiting_since_at: datetime | None = instant()
    wants_earlier: bool = False
    earlier_until_on: date | None = None
    origin: Origin = one_of(Origin, default=Origin.REAL)


class Feasibility(Versioned, table=True):
    """A CDMO's word on one request and one line, on what its owner consented to disclose."""

    __tablename__ = "feasibilities"
    __table_args__ = (
        UniqueConstraint("request_id", "line_id"),
        CheckConstraint("(status = 'not_feasible') = (reason_code IS NOT NULL)", name="reason_code"),
        CheckConstraint("(status = 'feasible_if') = (condition IS NOT NULL)", name="condition"),
        Index("ix_feasibilities_line_id", "line_id"),
    )

    request_id: UUID = Field(foreign_key="requests.id")
    line_id: UUID = Field(foreign_key="production_lines.id")
    disclosed_summary: str = Field(max_length=4000)
    nda_reference: str | None = Field(default=None, max_length=120)
    consented_at: datetime | None = instant(nullable=False)
    status: FeasibilityStatus = one_of(FeasibilityStatus, default=FeasibilityStatus.ASKED)
    condition: str | None = Field(default=None, max_length=2000)
    reason_code: FeasibilityRefusal | None = one_of(FeasibilityRefusal, default=None, nullable=True)
    answer_by_on: date | None = Field(default=None, description="the day by which the start-up wants the answer")
    answered_at: datetime | None = instant()
    valid_until_on: date | None = None
    origin: Origin = one_of(Origin, default=Origin.REAL)


class Alert(Table, table=True):
    """A start-up waits for a slot: for one that serves a request, or for one that passes the filters of the search."""

    __tablename__ = "alerts"
    __table_args__ = (
        CheckConstraint("(request_id IS NULL) <> (filters IS NULL)", name="request_or_filters"),
        UniqueConstraint("request_id"),
        Index("ix_alerts_organisation_id", "organisation_id", "id"),
    )

    organisation_id: UUID = Field(foreign_key="organisations.id")
    request_id: UUID | None = Field(default=None, foreign_key="requests.id")
    filters: dict[str, Any] | None = document(nullable=True)


class AlertHit(Table, table=True):
    """A slot came to be for booking, and an alert was waiting for it: one hit for each alert and opening."""

    __tablename__ = "alert_hits"
    __table_args__ = (
        UniqueConstraint("alert_id", "opening_id"),
        Index("ix_alert_hits_opening_id", "opening_id"),
    )

    alert_id: UUID = Field(foreign_key="alerts.id")
    opening_id: UUID = Field(foreign_key="slot_openings.id")
    slot_id: UUID = Field(foreign_key="slots.id")
