"""A line says what its CDMO has accepted to owe when it cancels; until it does, nothing.

Without it, what CDMOs had accepted is lost, in the terms of bookings too: whoever reads those knew of no such term.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

PERCENT = "cdmo_cancellation_percent"


def upgrade() -> None:
    op.add_column("production_lines", sa.Column(PERCENT, sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_check_constraint(
        op.f(f"ck_production_lines_{PERCENT}"), "production_lines", f"{PERCENT} BETWEEN 0 AND 100"
    )


def downgrade() -> None:
    op.execute(f"UPDATE bookings SET terms = terms - '{PERCENT}' WHERE terms ? '{PERCENT}'")
    op.drop_constraint(op.f(f"ck_production_lines_{PERCENT}"), "production_lines")
    op.drop_column("production_lines", PERCENT)
