"""Tables of organisations, labels, people and keys."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from app.core.model import Table, Versioned, instant, one_of
from app.core.vocabulary import Confidence, Origin


class OrganisationKind(StrEnum):
    """What an organisation comes for."""

    STARTUP = "startup"
    CDMO = "cdmo"
    INTEGRATOR = "integrator"
    COORDINATOR = "coordinator"
    AUTHORITY = "authority"
    OBSERVER = "observer"


class SizeClass(StrEnum):
    """Size of a company, by the European definition (Recommendation 2003/361/EC), and academic teams."""

    ACADEMIC = "academic"
    MICRO = "micro"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """What a person or a program may do within its organisation."""

    STARTUP_MEMBER = "startup_member"
    CDMO_PLANNER = "cdmo_planner"
    COORDINATOR = "coordinator"
    AUTHORITY = "authority"
    OBSERVER = "observer"
    ADMIN = "admin"


class Organisation(Versioned, table=True):
    """A start-up, a CDMO, an integrator, the coordinator, the authority, or an observer."""

    __tablename__ = "organisations"
    __table_args__ = (UniqueConstraint("name"), Index("ix_organisations_kind", "kind", "id"))

    kind: OrganisationKind = one_of(OrganisationKind)
    name: str = Field(max_length=200)
    city: str | None = Field(default=None, max_length=120)
    region: str | None = Field(default=None, max_length=120)
    country: str = Field(default="FR", min_length=2, max_length=2)
    size_class: SizeClass = one_of(SizeClass, default=SizeClass.UNKNOWN)
    note: str | None = Field(default=None, max_length=4000)
    source: str | None = Field(default=None, max_length=4000)
    confidence: Confidence | None = one_of(Confidence, default=None, nullable=True)
    origin: Origin = one_of(Origin, default=Origin.REAL)


class OrganisationLabel(Table, table=True):
    """A label that an organisation holds: ground for priority, with its issuer, dates and evidence."""

    __tablename__ = "organisation_labels"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    organisation_id: UUID = Field(foreign_key="organisations.id")
    name: str = Field(max_length=120)
    issuer: str = Field(max_length=200)
    valid_from_on: date | None = None
    valid_to_on: date | None = None
    evidence: str | None = Field(default=None, max_length=2000)


class Person(Versioned, table=True):
    """Somebody who acts for an organisation, in one role."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("email"), Index("ix_people_organisation_id", "organisation_id"))

    organisation_id: UUID = Field(foreign_key="organisations.id")
    name: str = Field(max_length=200)
    email: str = Field(max_length=320)
    role: Role = one_of(Role)
    deactivated_at: datetime | None = instant()


class ApiKey(Versioned, table=True):
    """A key by which a program acts; only the SHA-256 of its 256 random bits is stored.

    `person_id` is the person in whose hands it is, where there is one: whoever signs must be a person.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("secret_sha256"),
        Index("ix_api_keys_organisation_id", "organisation_id"),
    )

    organisation_id: UUID = Field(foreign_key="organisations.id")
    person_id: UUID | None = Field(default=None, foreign_key="people.id")
    role: Role = one_of(Role)
    name: str = Field(max_length=120)
    prefix: str = Field(max_length=16)
    secret_sha256: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime | None = instant()
    revoked_at: datetime | None = instant()
