"""Attempts at jobs, and whose turn a sweep is; certificates count no attempts of their own any more.

Revision ID: 0011
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

OUTCOMES = ("done", "failed", "lost", "given_back", "parked", "retried", "dropped")


def upgrade() -> None:
    _create_attempts()
    op.create_table(
        "sweep_turns",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sweep_turns")),
    )
    op.drop_constraint(op.f("ck_run_certificates_attempt"), "run_certificates")
    op.drop_column("run_certificates", "attempt")
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT SELECT, INSERT, UPDATE, DELETE ON job_attempts TO creneau_app;
                GRANT SELECT, INSERT, UPDATE ON sweep_turns TO creneau_app;
            END IF;
        END $$
        """
    )


def _create_attempts() -> None:
    outcome = sa.Enum(*OUTCOMES, name="outcome", native_enum=False, create_constraint=True, length=40)
    op.create_table(
        "job_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("worker", sa.String(length=280), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", outcome, nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.CheckConstraint("attempt > 0", name=op.f("ck_job_attempts_attempt")),
        sa.CheckConstraint("(outcome IS NULL) = (finished_at IS NULL)", name=op.f("ck_job_attempts_finished_at")),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome NOT IN ('failed', 'parked') OR error IS NOT NULL",
            name=op.f("ck_job_attempts_error"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_attempts")),
        sa.UniqueConstraint("job_id", "attempt", name=op.f("uq_job_attempts_job_id_attempt")),
    )
    op.create_index(
        "uq_job_attempts_job_id_open",
        "job_attempts",
        ["job_id"],
        unique=True,
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index(
        "ix_job_attempts_finished_at",
        "job_attempts",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.add_column("run_certificates", sa.Column("attempt", sa.Integer(), server_default="0", nullable=False))
    op.alter_column("run_certificates", "attempt", server_default=None)
    op.create_check_constraint(op.f("ck_run_certificates_attempt"), "run_certificates", "attempt >= 0")
    op.drop_table("sweep_turns")
    op.drop_table("job_attempts")
