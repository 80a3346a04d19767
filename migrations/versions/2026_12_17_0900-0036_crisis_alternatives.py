"""A run makes several plans, each of which says what it is; a run may follow another, to add to what that one made.

Plans made so far were each the one that its run proposed. Going down keeps of each run its proposed plan, and with the
others goes what rests on them: their signatures. Where orders do, the downgrade is refused.

Revision ID: 0036
Revises: 0035
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

LABELS = "ARRAY['proposed', 'least_displacement', 'most_doses_first', 'cheapest', 'trade_off']"


def upgrade() -> None:
    op.add_column("crisis_plans", sa.Column("labels", ARRAY(sa.Text()), server_default="{proposed}", nullable=False))
    op.alter_column("crisis_plans", "labels", server_default=None)
    op.add_column("crisis_plans", sa.Column("grounds", JSONB(), nullable=True))
    op.create_check_constraint(
        op.f("ck_crisis_plans_labels"), "crisis_plans", f"cardinality(labels) > 0 AND labels <@ {LABELS}"
    )
    op.drop_constraint(op.f("uq_crisis_plans_run_id"), "crisis_plans")
    op.create_unique_constraint(op.f("uq_crisis_plans_run_id_plan_hash"), "crisis_plans", ["run_id", "plan_hash"])
    op.create_index(
        "uq_crisis_plans_crisis_id_signed",
        "crisis_plans",
        ["crisis_id"],
        unique=True,
        postgresql_where=sa.text("status = 'signed'"),
    )
    op.add_column("runs", sa.Column("follows_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_runs_follows_id"), "runs", "runs", ["follows_id"], ["id"])
    op.create_index("ix_runs_follows_id", "runs", ["follows_id"])


def downgrade() -> None:
    beside = "SELECT id FROM crisis_plans WHERE NOT labels @> '{proposed}'"
    op.execute(f"DELETE FROM crisis_signatures WHERE plan_id IN ({beside})")
    op.execute(f"DELETE FROM crisis_plans WHERE id IN ({beside})")
    op.drop_index("ix_runs_follows_id", table_name="runs")
    op.drop_constraint(op.f("fk_runs_follows_id"), "runs")
    op.drop_column("runs", "follows_id")
    op.drop_index("uq_crisis_plans_crisis_id_signed", table_name="crisis_plans")
    op.drop_constraint(op.f("uq_crisis_plans_run_id_plan_hash"), "crisis_plans")
    op.create_unique_constraint(op.f("uq_crisis_plans_run_id"), "crisis_plans", ["run_id"])
    op.drop_constraint(op.f("ck_crisis_plans_labels"), "crisis_plans")
    op.drop_column("crisis_plans", "grounds")
    op.drop_column("crisis_plans", "labels")
