"""Table of personal values that records name by a commitment; they can be erased, and nothing else of them changes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, Uuid
from sqlmodel import Field, SQLModel

from app.core.model import instant, metadata

FITS = "commitment = sha256(salt || convert_to(object_type || '.' || column_name || '=' || value, 'UTF8'))"
"""The condition that a value is what its commitment was made of; unknown once it is erased."""


class AuditPersonalValue(SQLModel, table=True):
    """A value of a person's that a record was written with, and the salt of its commitment.

    Attributes
    ----------
    subject_id
        The person; of an invitation, which is nobody's yet, the invitation.
    organisation_id
        Whose row it is, where the row says so.
    """

    __tablename__ = "audit_personal_values"
    metadata = metadata
    __table_args__ = (
        CheckConstraint("octet_length(commitment) = 32", name="digest"),
        CheckConstraint(
            "(erased_at IS NULL) = (value IS NOT NULL) AND (erased_at IS NULL) = (salt IS NOT NULL)", name="erased"
        ),
        CheckConstraint(FITS, name="commitment"),
        Index("ix_audit_personal_values_subject_id", "subject_id"),
    )

    commitment: bytes = Field(primary_key=True, sa_type=LargeBinary)
    subject_id: UUID = Field(sa_type=Uuid)
    organisation_id: UUID | None = Field(default=None, sa_type=Uuid)
    object_type: str = Field(max_length=40)
    column_name: str = Field(max_length=40)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
    value: str | None = Field(default=None, sa_type=Text)
    erased_at: datetime | None = instant()
