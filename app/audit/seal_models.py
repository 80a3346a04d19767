"""Tables of seals and checkpoints; triggers refuse their update and deletion, and the application may only insert."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    LargeBinary,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlmodel import Field, SQLModel

from app.core.model import instant, metadata, plausible


class AuditSeal(SQLModel, table=True):
    """A batch of audit records with the digest of each, chained to the seal before it."""

    __tablename__ = "audit_seals"
    metadata = metadata
    __table_args__ = (
        UniqueConstraint("sequence", "digest"),
        ForeignKeyConstraint(["previous_sequence", "previous_digest"], ["audit_seals.sequence", "audit_seals.digest"]),
        CheckConstraint(
            "sequence > 0 AND previous_sequence IS NOT DISTINCT FROM nullif(sequence - 1, 0)"
            " AND (previous_digest IS NULL) = (sequence = 1)",
            name="chained",
        ),
        CheckConstraint(
            "coalesce(first_record_id = record_ids[1] AND last_record_id = record_ids[cardinality(record_ids)], false)",
            name="record_ids",
        ),
        CheckConstraint("octet_length(record_digests) = 32 * cardinality(record_ids)", name="record_digests"),
        CheckConstraint("total_records >= cardinality(record_ids)", name="total_records"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        CheckConstraint(plausible("first_at", "last_at", "sealed_at"), name="instants"),
        ExcludeConstraint(
            (literal_column("int8range(first_record_id, last_record_id, '[]')"), "&&"),
            name="ex_audit_seals_overlap",
            using="gist",
        ),
    )

    sequence: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    previous_sequence: int | None = Field(default=None, sa_type=BigInteger)
    previous_digest: bytes | None = Field(default=None, sa_type=LargeBinary)
    first_record_id: int = Field(sa_type=BigInteger)
    last_record_id: int = Field(sa_type=BigInteger)
    record_ids: list[int] = Field(sa_type=ARRAY(BigInteger), nullable=False)
    record_digests: bytes = Field(sa_type=LargeBinary, nullable=False)
    total_records: int = Field(sa_type=BigInteger)
    first_at: datetime = instant(nullable=False)
    last_at: datetime = instant(nullable=False)
    sealed_at: datetime = instant(nullable=False)
    digest: bytes = Field(sa_type=LargeBinary, nullable=False)


class AuditCheckpoint(SQLModel, table=True):
    """The state of the trail at one seal: what is kept elsewhere, so that a cut or rewritten trail is found."""

    __tablename__ = "audit_checkpoints"
    metadata = metadata
    __table_args__ = (
        ForeignKeyConstraint(["sequence", "digest"], ["audit_seals.sequence", "audit_seals.digest"]),
        CheckConstraint(plausible("made_at"), name="made_at"),
    )

    sequence: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    digest: bytes = Field(sa_type=LargeBinary, nullable=False)
    total_records: int = Field(sa_type=BigInteger)
    made_at: datetime = instant(nullable=False)
