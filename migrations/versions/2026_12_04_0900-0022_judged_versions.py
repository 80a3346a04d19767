"""The versions of what a hold was judged by: its quote binds both sides until its start-up changes what it asks for.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

COLUMNS = ("request_version", "product_version")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("bookings", sa.Column(name, sa.Integer()))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("bookings", name)
