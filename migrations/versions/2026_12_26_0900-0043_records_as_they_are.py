"""Records of the trail are stored as they are up to half a page: to compress one takes as long as to write it.

PostgreSQL compresses what makes a row larger than 2 kB, which a booking's record is by a little. Larger ones are still
compressed, and records that are there already stay as they are stored: what they say is the same.

Revision ID: 0043
Revises: 0042
"""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE audit_records SET (toast_tuple_target = 4080)")


def downgrade() -> None:
    op.execute("ALTER TABLE audit_records RESET (toast_tuple_target)")
