"""The range of identifiers that lets a unit stand in an exclusion constraint without an extension.

Revision ID: 0001
Revises:
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TYPE uuidrange AS RANGE (subtype = uuid)")


def downgrade() -> None:
    op.execute("DROP TYPE uuidrange")
