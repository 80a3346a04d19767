"""Amendments of activated plans, orders whose campaign has failed, and bookings that are asked anew to give way.

A downgrade refuses where a booking has been asked more than once, rather than lose what was asked of it; orders whose
campaign has failed are then told as completed.

Revision ID: 0038
Revises: 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

STATUSES_BEFORE = ("issued", "accepted", "countered", "withdrawn", "released", "completed")
STATUSES = (*STATUSES_BEFORE, "failed")


def upgrade() -> None:
    op.add_column("crisis_plans", sa.Column("amends_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_crisis_plans_amends_id"), "crisis_plans", "crisis_plans", ["amends_id"], ["id"])
    op.create_check_constraint(op.f("ck_crisis_plans_amends_id"), "crisis_plans", "amends_id <> id")
    op.create_index("ix_crisis_plans_amends_id", "crisis_plans", ["amends_id"])
    op.create_index(
        "uq_crisis_plans_amends_id_activated",
        "crisis_plans",
        ["amends_id"],
        unique=True,
        postgresql_where=sa.text("status = 'activated'"),
    )
    op.drop_constraint(op.f("uq_displacements_crisis_id_booking_id"), "displacements")
    op.create_index(
        "uq_displacements_crisis_id_booking_id_standing",
        "displacements",
        ["crisis_id", "booking_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'dropped'"),
    )
    _statuses(STATUSES)


def downgrade() -> None:
    op.execute("UPDATE crisis_orders SET status = 'completed' WHERE status = 'failed'")
    _statuses(STATUSES_BEFORE)
    op.drop_index("uq_displacements_crisis_id_booking_id_standing", "displacements")
    op.create_unique_constraint(
        op.f("uq_displacements_crisis_id_booking_id"), "displacements", ["crisis_id", "booking_id"]
    )
    op.drop_index("uq_crisis_plans_amends_id_activated", "crisis_plans")
    op.drop_index("ix_crisis_plans_amends_id", "crisis_plans")
    op.drop_constraint(op.f("ck_crisis_plans_amends_id"), "crisis_plans")
    op.drop_constraint(op.f("fk_crisis_plans_amends_id"), "crisis_plans")
    op.drop_column("crisis_plans", "amends_id")


def _statuses(allowed: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_crisis_orders_orderstatus"), "crisis_orders")
    op.create_check_constraint(op.f("ck_crisis_orders_orderstatus"), "crisis_orders", f"status IN {allowed}")
