"""Notices of a crisis, orders escalated or withdrawn from, and first refusal of the place of a lot that gave way.

A notice says what an organisation was told: rows are added, and read, and nothing else. A downgrade loses them; orders
that a CDMO has withdrawn from are then told as released.

Revision ID: 0037
Revises: 0036
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ROLES = ("creneau_app", "creneau_service")
KINDS = (
    "order_issued", "order_reminder", "order_escalated", "order_answered", "order_withdrawn", "order_released",
    "will_give_way", "gave_way", "keeps_place", "answer_reminder", "replacement_taken", "replacement_declined",
    "replacement_lapsed", "place_offered_back",
)
REFERENCES = {
    "crisis_id": "crises",
    "organisation_id": "organisations",
    "order_id": "crisis_orders",
    "displacement_id": "displacements",
}
SUBJECT = "order_id IS NOT NULL OR displacement_id IS NOT NULL"
STATUSES_BEFORE = ("issued", "accepted", "countered", "released", "completed")
STATUSES = ("issued", "accepted", "countered", "withdrawn", "released", "completed")
ANSWERS = ("accepted", "declined", "lapsed")
ORDER_COLUMNS = ("reminded_at", "escalated_at", "withdrawn_at")
ORDER_CHECKS = {
    "withdrawal": "(status = 'withdrawn') = (withdrawal_reason_code IS NOT NULL)",
    "escalated_at": "escalated_at >= respond_by_at",
}
DISPLACEMENT_CHECKS = {
    "placeanswer": f"answer IN {ANSWERS}",
    "answered_at": "(answer IS NULL) = (answered_at IS NULL)",
    "answer": "answer IS NULL OR replacement IS NOT NULL",
    "lapsed": "answer <> 'lapsed' OR (reminded_at IS NOT NULL AND answered_at >= answer_by_at)",
}
SEEN = (
    "(SELECT acting_as('authority'))"
    " OR (organisation_id = (SELECT acting_organisation()) AND crisis_id IN (SELECT real_crises()))"
)
REAL_CRISES = """
CREATE FUNCTION real_crises() RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id FROM crises WHERE mode = 'real'
$$
"""


def upgrade() -> None:
    _notices()
    for name in ORDER_COLUMNS:
        op.add_column("crisis_orders", sa.Column(name, INSTANT, nullable=True))
    op.add_column("crisis_orders", sa.Column("withdrawal_reason_code", sa.String(60), nullable=True))
    _statuses(STATUSES)
    for name, check in ORDER_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_crisis_orders_{name}"), "crisis_orders", check)
    op.create_index(
        "ix_crisis_orders_unanswered", "crisis_orders", ["respond_by_at"], postgresql_where=sa.text("status = 'issued'")
    )
    op.add_column("displacements", sa.Column("answer", sa.String(40), nullable=True))
    for name in ("answered_at", "answer_by_at", "reminded_at"):
        op.add_column("displacements", sa.Column(name, INSTANT, nullable=True))
    for name, check in DISPLACEMENT_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_displacements_{name}"), "displacements", check)
    op.create_index(
        "ix_displacements_unanswered", "displacements", ["answer_by_at"], postgresql_where=sa.text("answer IS NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_displacements_unanswered", "displacements")
    for name in reversed(DISPLACEMENT_CHECKS):
        op.drop_constraint(op.f(f"ck_displacements_{name}"), "displacements")
    for name in ("reminded_at", "answer_by_at", "answered_at", "answer"):
        op.drop_column("displacements", name)
    op.drop_index("ix_crisis_orders_unanswered", "crisis_orders")
    for name in reversed(ORDER_CHECKS):
        op.drop_constraint(op.f(f"ck_crisis_orders_{name}"), "crisis_orders")
    op.execute("UPDATE crisis_orders SET status = 'released' WHERE status = 'withdrawn'")
    _statuses(STATUSES_BEFORE)
    for name in ("withdrawal_reason_code", *reversed(ORDER_COLUMNS)):
        op.drop_column("crisis_orders", name)
    op.drop_table("crisis_notices")
    op.execute("DROP FUNCTION real_crises()")


def _statuses(allowed: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_crisis_orders_orderstatus"), "crisis_orders")
    op.create_check_constraint(op.f("ck_crisis_orders_orderstatus"), "crisis_orders", f"status IN {allowed}")


def _notices() -> None:
    op.create_table(
        "crisis_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("crisis_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("displacement_id", sa.Uuid(), nullable=True),
        sa.Column("reason_code", sa.String(60), nullable=True),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("respond_by_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crisis_notices")),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_crisis_notices_{column}"))
            for column, table in REFERENCES.items()
        ),
        *(
            sa.CheckConstraint(check, name=op.f(f"ck_crisis_notices_{name}"))
            for name, check in {"noticekind": f"kind IN {KINDS}", "subject": SUBJECT}.items()
        ),
    )
    op.create_index("ix_crisis_notices_crisis_id", "crisis_notices", ["crisis_id", "id"])
    op.create_index("ix_crisis_notices_organisation_id", "crisis_notices", ["organisation_id", "crisis_id", "id"])
    op.execute(
        "CREATE TRIGGER tr_crisis_notices_append_only BEFORE UPDATE OR DELETE ON crisis_notices"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(REAL_CRISES)
    op.execute("REVOKE EXECUTE ON FUNCTION real_crises() FROM PUBLIC")
    _let_the_service("GRANT EXECUTE ON FUNCTION real_crises() TO")
    _let_the_service("GRANT SELECT, INSERT ON crisis_notices TO")
    op.execute("ALTER TABLE crisis_notices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    everybody = "TO CURRENT_USER, creneau_service USING (true) WITH CHECK (true)"
    op.execute(f"CREATE POLICY trusted ON crisis_notices {everybody}")
    op.execute(f"CREATE POLICY seen ON crisis_notices FOR SELECT USING ({SEEN})")


def _let_the_service(right: str) -> None:
    for role in ROLES:
        op.execute(
            f"""
            DO $$ BEGIN
                IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                    {right} {role};
                END IF;
            END $$
            """
        )
