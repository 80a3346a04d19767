"""Runs that keep their plan when cancelled, replays of runs, and what the engine says of a plan.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("run_explanations", "run_certificates")
SOLUTION = "state = 'cancelled' OR (state = 'succeeded') = (solution IS NOT NULL)"
SOLUTION_BEFORE = "(state = 'succeeded') = (solution IS NOT NULL)"


def upgrade() -> None:
    _change_runs()
    _create_tables()
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT SELECT, INSERT, UPDATE, DELETE ON {", ".join(TABLES)} TO creneau_app;
            END IF;
        END $$
        """
    )


def _change_runs() -> None:
    op.add_column("runs", sa.Column("replays_id", sa.Uuid(), nullable=True))
    op.add_column("runs", sa.Column("replay", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("runs", sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(op.f("fk_runs_replays_id"), "runs", "runs", ["replays_id"], ["id"])
    op.create_index("ix_runs_replays_id", "runs", ["replays_id"], unique=False)
    op.drop_constraint(op.f("ck_runs_solution"), "runs")
    op.create_check_constraint(op.f("ck_runs_solution"), "runs", SOLUTION)
    op.create_check_constraint(op.f("ck_runs_replay"), "runs", "replay IS NULL OR replays_id IS NOT NULL")


def _create_tables() -> None:
    op.create_table(
        "run_explanations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_explanations_run_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_run_explanations_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_explanations")),
        sa.UniqueConstraint(
            "run_id", "request_id", "plan_sha256", name=op.f("uq_run_explanations_run_id_request_id_plan_sha256")
        ),
    )
    op.create_index("ix_run_explanations_request_id", "run_explanations", ["request_id"], unique=False)
    op.create_table(
        "run_certificates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("document", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("error", sa.String(length=4000), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("document IS NULL OR error IS NULL", name=op.f("ck_run_certificates_document_or_error")),
        sa.CheckConstraint("attempt >= 0", name=op.f("ck_run_certificates_attempt")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_certificates_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_certificates")),
        sa.UniqueConstraint("run_id", "plan_sha256", name=op.f("uq_run_certificates_run_id_plan_sha256")),
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    op.drop_constraint(op.f("ck_runs_replay"), "runs")
    op.execute("UPDATE runs SET solution = NULL WHERE state <> 'succeeded'")
    op.drop_constraint(op.f("ck_runs_solution"), "runs")
    op.create_check_constraint(op.f("ck_runs_solution"), "runs", SOLUTION_BEFORE)
    op.drop_index("ix_runs_replays_id", table_name="runs")
    for column in ("cancel_requested_at", "replay", "replays_id"):
        op.drop_column("runs", column)
