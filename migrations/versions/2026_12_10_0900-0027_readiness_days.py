"""What is published of each agreement with a fee, recorded day by day: readiness fees are counted from that.

Counted at the end of a quarter, a promise could be kept on its last day alone. Nothing is recorded of days before the
upgrade, and so nothing is charged for them; a downgrade loses what was recorded.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "readiness_days",
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("published_batch_days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("agreement_id", "day", name=op.f("pk_readiness_days")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_readiness_days_agreement_id")),
        sa.CheckConstraint("published_batch_days >= 0", name=op.f("ck_readiness_days_published_batch_days")),
    )
    op.create_index("ix_readiness_days_day", "readiness_days", ["day"])
    op.execute(
        "CREATE TRIGGER tr_readiness_days_append_only BEFORE UPDATE OR DELETE ON readiness_days"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT SELECT, INSERT ON readiness_days TO creneau_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    op.drop_table("readiness_days")
