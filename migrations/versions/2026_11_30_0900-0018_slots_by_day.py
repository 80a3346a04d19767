"""The index of slots by the days they hold has all that a search asks of one, and published slots alone.

Of the slots under way on a day there is one for each unit of the country, from anywhere in the table: with the index
alone they are told apart in a third of the time that reading each takes.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_slots_published_period",
        "slots",
        ["period"],
        postgresql_using="gist",
        postgresql_include=["unit_id", "id", "divisible", "reserve", "releases_on"],
        postgresql_where="status = 'published'",
    )
    op.drop_index("ix_slots_period", "slots")


def downgrade() -> None:
    op.create_index("ix_slots_period", "slots", ["period"], postgresql_using="gist")
    op.drop_index("ix_slots_published_period", "slots")
