"""Functions of the short way are planned once in a session: what they are given does not tell of a better plan.

To plan `unit_occupancy` again at each call, since an array of one unit looks cheaper than one of ten, took a quarter
of the server's time of a hold (perf, 16 connections, PostgreSQL 18). Before 18 functions in SQL are planned anew at
each call whatever is set, and only `write_booking` gains.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

PLANNED_ONCE = (
    "unit_occupancy(uuid[], uuid)",
    "slot_occupancy(uuid[])",
    "write_booking(uuid, uuid, integer, timestamp with time zone, jsonb, jsonb, jsonb, jsonb)",
)


def upgrade() -> None:
    for signature in PLANNED_ONCE:
        op.execute(f"ALTER FUNCTION {signature} SET plan_cache_mode = force_generic_plan")


def downgrade() -> None:
    for signature in PLANNED_ONCE:
        op.execute(f"ALTER FUNCTION {signature} RESET plan_cache_mode")
