"""The job queue in its own schema, by its library's own statements, and the heartbeats of workers.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.util import await_only

from app.core.jobs import install_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
        GRANT USAGE ON SCHEMA jobs TO creneau_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO creneau_app;
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA jobs TO creneau_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON worker_heartbeats TO creneau_app;
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute("SELECT 1")  # the driver's own statements below run in the transaction that this one begins
    await_only(op.get_bind().connection.driver_connection.execute(install_sql()))
    op.create_table(
        "worker_heartbeats",
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("pk_worker_heartbeats")),
    )
    op.execute(GRANTS)


def downgrade() -> None:
    op.drop_table("worker_heartbeats")
    op.execute("DROP SCHEMA jobs CASCADE")
