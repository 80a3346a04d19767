"""Seals of audit records, chained to each other, and checkpoints of them.

Records stay as they are: those from before the upgrade are sealed after it. A downgrade loses the seals; keep an export
of them (`creneau audit export`) before it.

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

TABLES = ("audit_seals", "audit_checkpoints")


def upgrade() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous_sequence", sa.BigInteger(), nullable=True),
        sa.Column("previous_digest", sa.LargeBinary(), nullable=True),
        sa.Column("first_record_id", sa.BigInteger(), nullable=False),
        sa.Column("last_record_id", sa.BigInteger(), nullable=False),
        sa.Column("record_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("record_digests", sa.LargeBinary(), nullable=False),
        sa.Column("total_records", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("sequence", "digest", name=op.f("uq_audit_seals_sequence_digest")),
        sa.ForeignKeyConstraint(
            ["previous_sequence", "previous_digest"],
            ["audit_seals.sequence", "audit_seals.digest"],
            name=op.f("fk_audit_seals_previous_sequence"),
        ),
        sa.CheckConstraint(
            "sequence > 0 AND previous_sequence IS NOT DISTINCT FROM nullif(sequence - 1, 0)"
            " AND (previous_digest IS NULL) = (sequence = 1)",
            name=op.f("ck_audit_seals_chained"),
        ),
        sa.CheckConstraint(
            "coalesce(first_record_id = record_ids[1] AND last_record_id = record_ids[cardinality(record_ids)], false)",
            name=op.f("ck_audit_seals_record_ids"),
        ),
        sa.CheckConstraint(
            "octet_length(record_digests) = 32 * cardinality(record_ids)", name=op.f("ck_audit_seals_record_digests")
        ),
        sa.CheckConstraint("total_records >= cardinality(record_ids)", name=op.f("ck_audit_seals_total_records")),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_audit_seals_digest")),
    )
    op.execute(
        "ALTER TABLE audit_seals ADD CONSTRAINT ex_audit_seals_overlap"
        " EXCLUDE USING gist (int8range(first_record_id, last_record_id, '[]') WITH &&)"
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("total_records", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_checkpoints")),
        sa.ForeignKeyConstraint(
            ["sequence", "digest"],
            ["audit_seals.sequence", "audit_seals.digest"],
            name=op.f("fk_audit_checkpoints_sequence"),
        ),
    )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER tr_{table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    _let_the_service(f"GRANT SELECT, INSERT ON {', '.join(TABLES)} TO")
    _let_the_service("GRANT SELECT ON SEQUENCE audit_records_id_seq TO")


def downgrade() -> None:
    _let_the_service("REVOKE SELECT ON SEQUENCE audit_records_id_seq FROM")
    for table in reversed(TABLES):
        op.drop_table(table)


def _let_the_service(right: str) -> None:
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                {right} creneau_app;
            END IF;
        END $$
        """
    )
