"""Tables of sites, production lines, units and modalities."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, Uuid, text
from sqlmodel import Field, SQLModel

from app.core.model import Table, Versioned, metadata, one_of, texts
from app.core.vocabulary import Basis, Confidence, Origin


class SiteKind(StrEnum):
    """A CDMO makes or tests for third parties; an integrator is a labelled development-stage platform."""

    CDMO = "cdmo"
    INTEGRATOR = "integrator"


class Technology(StrEnum):
    """How a line is built, which sets how long a change of product takes."""

    SINGLE_USE = "single_use"
    STAINLESS_STEEL = "stainless_steel"
    CLOSED_AUTOMATED = "closed_automated"
    OPEN_CLEANROOM = "open_cleanroom"


class CultureMode(StrEnum):
    """How the culture is fed."""

    BATCH = "batch"
    FED_BATCH = "fed_batch"
    PERFUSION = "perfusion"
    NONE = "none"


class Modality(Table, table=True):
    """A kind of product or service; the vocabulary is data, and grows without a release."""

    __tablename__ = "modalities"
    __table_args__ = (UniqueConstraint("code"),)

    code: str = Field(max_length=40)
    name_en: str = Field(max_length=120)
    name_fr: str = Field(max_length=120)
    is_product: bool = True


class Site(Versioned, table=True):
    """A place where a CDMO or an integrator works, with what is known of it and how well."""

    __tablename__ = "sites"
    __table_args__ = (UniqueConstraint("name"), Index("ix_sites_organisation_id", "organisation_id"))

    organisation_id: UUID = Field(foreign_key="organisations.id")
    name: str = Field(max_length=200)
    kind: SiteKind = one_of(SiteKind)
    city: str = Field(max_length=120)
    department_code: str | None = Field(default=None, max_length=3)
    region: str = Field(max_length=120)
    country: str = Field(default="FR", min_length=2, max_length=2)
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    clusters: list[str] = texts()
    modalities: list[str] = texts()
    platforms: list[str] = texts()
    gmp_phases: list[str] = texts()
    containment: list[str] = texts()
    gmp_certificate_until_on: date | None = None
    note: str | None = Field(default=None, max_length=4000)
    source: str | None = Field(default=None, max_length=4000)
    confidence: Confidence = one_of(Confidence)
    origin: Origin = one_of(Origin, default=Origin.REAL)


class ProductionLine(Versioned, table=True):
    """A production line, suite or filling line: what it can make, at what scale and pace.

    `sourced_fields` names the figures that come from a public source; the others are illustrative until the
    CDMO declares them (`declared_fields`). `not_bookable_reason` is null exactly when slots may be published.
    `cdmo_cancellation_percent` is no figure but a term: what of the price the CDMO has accepted to owe when it cancels.
    """

    __tablename__ = "production_lines"
    __table_args__ = (
        UniqueConstraint("site_id", "name"),
        CheckConstraint("working_volume_l > 0", name="working_volume_l"),
        CheckConstraint("first_batch_days > 0", name="first_batch_days"),
        CheckConstraint("cadence_days > 0", name="cadence_days"),
        CheckConstraint("changeover_days >= 0", name="changeover_days"),
        CheckConstraint("transfer_days >= 0", name="transfer_days"),
        CheckConstraint("batches_in_parallel > 0", name="batches_in_parallel"),
        CheckConstraint("cdmo_cancellation_percent BETWEEN 0 AND 100", name="cdmo_cancellation_percent"),
    )

    site_id: UUID = Field(foreign_key="sites.id")
    name: str = Field(max_length=200)
    modalities: list[str] = texts()
    platforms: list[str] = texts()
    gmp_phases: list[str] = texts()
    phases_basis: str | None = Field(default=None, max_length=60)
    containment: list[str] = texts()
    working_volume_l: float | None = None
    batches_in_parallel: int = 1
    technology: Technology | None = one_of(Technology, default=None, nullable=True)
    culture_mode: CultureMode = one_of(CultureMode, default=CultureMode.NONE)
    first_batch_days: int
    cadence_days: int | None = None
    changeover_days: int = 0
    transfer_days: int = 0
    engineering_batch_required: bool = False
    commissioned_on: date | None = None
    not_bookable_reason: str | None = Field(default=None, max_length=400)
    continuity_at_risk: bool = False
    cdmo_cancellation_percent: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    capacity_note: str | None = Field(default=None, max_length=4000)
    sourced_fields: list[str] = texts()
    declared_fields: list[str] = texts()
    source: str | None = Field(default=None, max_length=4000)
    confidence: Confidence = one_of(Confidence)
    origin: Origin = one_of(Origin, default=Origin.REAL)


class LineModality(Versioned, table=True):
    """What one line takes for one modality: release time, price and yield of a batch, and their basis.

    `is_standard`: the CDMO reviews nothing before it accepts such a request.
    """

    __tablename__ = "line_modalities"
    __table_args__ = (
        UniqueConstraint("line_id", "modality"),
        CheckConstraint("release_days >= 0", name="release_days"),
        CheckConstraint("price_cents >= 0", name="price_cents"),
        CheckConstraint("yield_per_batch > 0", name="yield_per_batch"),
    )

    line_id: UUID = Field(foreign_key="production_lines.id")
    modality: str = Field(foreign_key="modalities.code", max_length=40)
    release_days: int
    price_cents: int | None = Field(default=None, sa_type=BigInteger)
    yield_per_batch: float | None = None
    yield_unit: str | None = Field(default=None, max_length=20)
    is_standard: bool = False
    basis: Basis = one_of(Basis)


class Unit(Table, table=True):
    """What can be booked independently on a line: a vessel with its suite, or a closed workstation."""

    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("line_id", "name"),)

    line_id: UUID = Field(foreign_key="production_lines.id")
    name: str = Field(max_length=80)


class CatalogueState(SQLModel, table=True):
    """The one row that names the state of sites, lines, terms and units; triggers name it anew at each write."""

    __tablename__ = "catalogue_state"
    __table_args__ = (CheckConstraint("one", name="one"),)
    metadata = metadata

    one: bool = Field(default=True, primary_key=True)
    name: UUID = Field(sa_type=Uuid)
