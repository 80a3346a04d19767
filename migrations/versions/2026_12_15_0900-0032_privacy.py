"""Figures of the sector by quarter; personal values of the trail kept apart from it; and who was erased.

Records from before the upgrade hold names and addresses as they stand: nobody alters a record. From it on a record holds
a commitment to each, and the value itself stands in a table of its own, from which it can be erased. A downgrade loses
those values, the editions, and what was erased when: export what is needed before it.

Revision ID: 0032
Revises: 0031
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
TABLES = ("indicator_editions", "audit_personal_values", "erasures")
ERASED_WHOLE = ("api_key_uses", "person_identities")
"""Tables whose rows go with their person, where there are any such tables."""

REASONS = ("asked_by_person", "purpose_ended", "consent_withdrawn", "unlawful", "retention")


def upgrade() -> None:
    op.create_table(
        "indicator_editions",
        sa.Column("quarter_on", sa.Date(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("quarter_on", name=op.f("pk_indicator_editions")),
    )
    op.create_table(
        "audit_personal_values",
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("object_type", sa.String(40), nullable=False),
        sa.Column("column_name", sa.String(40), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("erased_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("commitment", name=op.f("pk_audit_personal_values")),
        sa.CheckConstraint("octet_length(commitment) = 32", name=op.f("ck_audit_personal_values_digest")),
        sa.CheckConstraint(
            "(erased_at IS NULL) = (value IS NOT NULL) AND (erased_at IS NULL) = (salt IS NOT NULL)",
            name=op.f("ck_audit_personal_values_erased"),
        ),
        sa.CheckConstraint(
            "commitment = sha256(salt || convert_to(object_type || '.' || column_name || '=' || value, 'UTF8'))",
            name=op.f("ck_audit_personal_values_commitment"),
        ),
    )
    op.create_index("ix_audit_personal_values_subject_id", "audit_personal_values", ["subject_id"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("reason_code", sa.String(40), nullable=False),
        sa.Column("rows", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_erasures_person_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_erasures_organisation_id")),
        sa.UniqueConstraint("person_id", name=op.f("uq_erasures_person_id")),
        sa.CheckConstraint(f"reason_code IN {REASONS}", name=op.f("ck_erasures_erasurereason")),
    )
    for table in ("indicator_editions", "erasures"):
        op.execute(
            f"CREATE TRIGGER tr_{table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        """
        CREATE FUNCTION refuse_all_but_erasure() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF TG_OP = 'UPDATE' AND OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
                AND (NEW.commitment, NEW.subject_id, NEW.organisation_id, NEW.object_type, NEW.column_name)
                    IS NOT DISTINCT FROM
                    (OLD.commitment, OLD.subject_id, OLD.organisation_id, OLD.object_type, OLD.column_name) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'a personal value of the trail can be erased, once, and nothing else'
                USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER tr_audit_personal_values_erasure BEFORE UPDATE OR DELETE ON audit_personal_values"
        " FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure()"
    )
    _let_the_service(f"GRANT SELECT, INSERT ON {', '.join(TABLES)} TO")
    _let_the_service("GRANT UPDATE (salt, value, erased_at) ON audit_personal_values TO")
    for table in ERASED_WHOLE:
        _let_the_service(f"GRANT DELETE ON {table} TO", table)


def downgrade() -> None:
    for table in ERASED_WHOLE:
        _let_the_service(f"REVOKE DELETE ON {table} FROM", table)
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_all_but_erasure()")


def _let_the_service(right: str, table: str = "people") -> None:
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') AND to_regclass('{table}') IS NOT NULL THEN
                {right} creneau_app;
            END IF;
        END $$
        """
    )
