"""Tables of how people come in: identities at issuers, invitations, links by mail, attempts, and sessions.

Of every secret the SHA-256 alone is kept.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field

from app.core.model import Table, Versioned, instant, one_of
from app.core.vocabulary import Language
from app.identity.models import Role

_FOLDED = "email = lower(email)"


class SignInMethod(StrEnum):
    """How a session began."""

    LINK = "link"
    OIDC = "oidc"


class SessionEnd(StrEnum):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    REPLACED = "replaced"
    DEACTIVATED = "deactivated"


class PersonIdentity(Table, table=True):
    """Who a person is to an issuer, which calls them by a subject that it gives to nobody else.

    A person has one subject at an issuer: an address that comes back with another one has another owner.
    """

    __tablename__ = "person_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("person_id", "issuer"))

    person_id: UUID = Field(foreign_key="people.id")
    issuer: str = Field(max_length=500)
    subject: str = Field(max_length=255)


class Invitation(Versioned, table=True):
    """A place in an organisation that is kept for whoever proves to have an address; it is taken once, or expires."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint(_FOLDED, name="email_folded"),
        CheckConstraint("(accepted_at IS NULL) = (person_id IS NULL)", name="accepted"),
        CheckConstraint("accepted_at IS NULL OR withdrawn_at IS NULL", name="ended_once"),
        Index("ix_invitations_organisation_id", "organisation_id", "id"),
        Index("ix_invitations_email", "email"),
        Index(
            "uq_invitations_open",
            "organisation_id",
            "email",
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND withdrawn_at IS NULL"),
        ),
    )

    organisation_id: UUID = Field(foreign_key="organisations.id")
    invited_by_id: UUID = Field(foreign_key="people.id")
    email: str = Field(max_length=320)
    name: str = Field(max_length=200)
    role: Role = one_of(Role)
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)
    mailed_at: datetime | None = instant()
    accepted_at: datetime | None = instant()
    person_id: UUID | None = Field(default=None, foreign_key="people.id")
    withdrawn_at: datetime | None = instant()


class SignInLink(Table, table=True):
    """A link that was asked for an address, whether or not anybody has it; it is made when it is mailed, and used once.

    One that goes with an invitation takes that up and does nothing else.
    """

    __tablename__ = "sign_in_links"
    __table_args__ = (
        UniqueConstraint("secret_sha256"),
        CheckConstraint(_FOLDED, name="email_folded"),
        CheckConstraint("octet_length(secret_sha256) = 32", name="secret_sha256"),
        CheckConstraint("used_at IS NULL OR secret_sha256 IS NOT NULL", name="used_at"),
        Index("ix_sign_in_links_email", "email", "created_at"),
        Index("ix_sign_in_links_expires_at", "expires_at"),
    )

    email: str = Field(max_length=320)
    invitation_id: UUID | None = Field(default=None, foreign_key="invitations.id")
    language: Language = one_of(Language)
    secret_sha256: bytes | None = Field(default=None, sa_type=LargeBinary)
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)
    mailed_at: datetime | None = instant()
    used_at: datetime | None = instant()


class SignInAttempt(Table, table=True):
    """A browser that was sent to the issuer, by the digest of the secret that it holds; it is gone once it is back."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (
        UniqueConstraint("secret_sha256"),
        CheckConstraint("octet_length(secret_sha256) = 32", name="secret_sha256"),
        Index("ix_sign_in_attempts_expires_at", "expires_at"),
    )

    secret_sha256: bytes = Field(sa_type=LargeBinary, nullable=False)
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)


class PersonSession(Table, table=True):
    """A browser in which a person is signed in, in their present role; `last_seen_at` is true to a minute or two."""

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("secret_sha256"),
        CheckConstraint("octet_length(secret_sha256) = 32", name="secret_sha256"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
        CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ended_at"),
        Index("ix_sessions_person_id", "person_id", "id"),
        Index("ix_sessions_expires_at", "expires_at"),
    )

    person_id: UUID = Field(foreign_key="people.id")
    secret_sha256: bytes = Field(sa_type=LargeBinary, nullable=False)
    method: SignInMethod = one_of(SignInMethod)
    device: str = Field(max_length=80)
    last_seen_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)
    ended_at: datetime | None = instant()
    end_reason: SessionEnd | None = one_of(SessionEnd, default=None, nullable=True)
