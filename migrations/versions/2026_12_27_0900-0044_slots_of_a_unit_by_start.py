"""The index of a unit's slots has them in the order in which a search shows them.

The first page of a few units is then read as it stands. Without the order PostgreSQL weighed the slots of each unit,
all of them, against a walk through those of the country, by statistics that change with every sample.

Revision ID: 0044
Revises: 0043
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_slots_unit_start", "slots", ["unit_id", sa.text("lower(period)"), "id"])
    op.drop_index("ix_slots_unit_id", "slots")


def downgrade() -> None:
    op.create_index("ix_slots_unit_id", "slots", ["unit_id"])
    op.drop_index("ix_slots_unit_start", "slots")
