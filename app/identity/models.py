"""Tables of organisations, labels, people and keys."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from app.core.model import Table, Versioned, instant, metadata, one_of
from app.core.vocabulary import Confidence, Language, Origin


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


class KeyScope(StrEnum):
    """What requests a key may make, within its role: those that change nothing, and all others."""

    READ = "read"
    WRITE = "write"


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
    """Somebody who acts for an organisation, in one role; who has told no language is written to in both."""

    __tablename__ = "people"
    __table_args__ = (
        UniqueConstraint("email"),
        Index("uq_people_email_folded", text("lower(email)"), unique=True),
        Index("ix_people_organisation_id", "organisation_id"),
    )

    organisation_id: UUID = Field(foreign_key="organisations.id")
    name: str = Field(max_length=200)
    email: str = Field(max_length=320)
    role: Role = one_of(Role)
    language: Language | None = one_of(Language, default=None, nullable=True)
    deactivated_at: datetime | None = instant()


class ApiKey(Versioned, table=True):
    """A key by which a program acts; only the SHA-256 of its 256 random bits is stored.

    `person_id` is the person in whose hands it is, where there is one: whoever signs must be a person. A key that is
    rotated stays the same key under a new secret; the one before it, `previous_sha256`, holds until `previous_ends_at`.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("secret_sha256"),
        UniqueConstraint("previous_sha256"),
        CheckConstraint("scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) BETWEEN 1 AND 2", name="scopes"),
        CheckConstraint("(previous_sha256 IS NULL) = (previous_ends_at IS NULL)", name="previous"),
        Index("ix_api_keys_organisation_id", "organisation_id"),
    )

    organisation_id: UUID = Field(foreign_key="organisations.id")
    person_id: UUID | None = Field(default=None, foreign_key="people.id")
    role: Role = one_of(Role)
    name: str = Field(max_length=120)
    prefix: str = Field(max_length=16)
    scopes: list[str] = Field(
        default_factory=lambda: [scope.value for scope in KeyScope],
        sa_type=ARRAY(Text),
        nullable=False,
        sa_column_kwargs={"server_default": text("'{read,write}'")},
    )
    secret_sha256: bytes = Field(sa_type=LargeBinary)
    previous_sha256: bytes | None = Field(default=None, sa_type=LargeBinary)
    previous_ends_at: datetime | None = instant()
    expires_at: datetime | None = instant()
    revoked_at: datetime | None = instant()


class ApiKeyUse(SQLModel, table=True):
    """When a key was last used, to a minute or two; apart from the key, whose version only changes of it raise."""

    __tablename__ = "api_key_uses"
    metadata = metadata

    api_key_id: UUID = Field(primary_key=True, foreign_key="api_keys.id")
    last_used_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)
