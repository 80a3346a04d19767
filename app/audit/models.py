"""Table of audit records; a trigger refuses their update and deletion, and the application may only insert."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Identity, Index, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.core.model import metadata, one_of, plausible


class ActorKind(StrEnum):
    """Who acted: a person, signed in or by a key in their hands; a program by its key or token; or a job of ours."""

    PERSON = "person"
    KEY = "key"
    JOB = "job"


class AuditRecord(SQLModel, table=True):
    """One write: when, who, what before and after, why.

    The identifier is the database's to give: the application has no right to write one.

    Source: EU GMP Annex 11, section 9 (audit trails); 21 CFR 11.10(e).
    """

    __tablename__ = "audit_records"
    metadata = metadata
    __table_args__ = (
        CheckConstraint("id > 0", name="id"),
        CheckConstraint(plausible("at"), name="at"),
        Index("ix_audit_records_at", "at", "id"),
        Index("ix_audit_records_organisation_id", "organisation_id", "at", "id"),
        Index("ix_audit_records_object_id", "object_id"),
        # There are few combinations, each kept once: to read all of it for one of the later columns is little too.
        Index("ix_audit_records_kind", "action", "object_type", "actor"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    at: datetime = Field(
        default_factory=lambda: datetime.now(UTC),
        sa_type=DateTime(timezone=True),
        nullable=False,
        sa_column_kwargs={"server_default": text("clock_timestamp()")},
    )
    actor: ActorKind = one_of(ActorKind)
    person_id: UUID | None = Field(default=None, sa_type=Uuid)
    api_key_id: UUID | None = Field(default=None, sa_type=Uuid)
    token_client_id: UUID | None = Field(default=None, sa_type=Uuid)
    job: str | None = Field(default=None, max_length=80)
    organisation_id: UUID | None = Field(default=None, sa_type=Uuid)
    action: str = Field(max_length=80)
    object_type: str = Field(max_length=40)
    object_id: UUID = Field(sa_type=Uuid)
    before: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    after: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    reason_code: str | None = Field(default=None, max_length=60)
    reason_text: str | None = Field(default=None, max_length=2000)
    request_id: str | None = Field(default=None, max_length=64)
