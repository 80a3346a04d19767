"""The waiting list: freed days, decisions on them with a line for everybody who waited, and offers without a round.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

APPEND_ONLY = ("waiting_decisions", "waiting_lines")
REAL_PERIOD = (
    "NOT isempty(period) AND NOT lower_inf(period) AND NOT upper_inf(period)"
    " AND lower(period) > '-infinity' AND upper(period) < 'infinity'"
)
WAITS = "status = 'waitlisted' OR wants_earlier"
LIVE = "('held', 'awaiting_cdmo', 'confirmed', 'in_production')"
FREEING = "('released', 'expired', 'declined', 'cancelled', 'displaced')"

VOCABULARIES = {
    ("bookings", "source", "bookingsource"): (
        "direct", "round", "crisis", "replacement", "move", "repeat", "waiting",
    ),
    ("runs", "kind", "runkind"): ("round", "crisis", "waiting"),
}
ADDED = "waiting"

# Nothing is written while nobody waits: one look into a partial index.
NOTE_FREED = f"""
CREATE FUNCTION note_freed_period() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM requests WHERE {WAITS}) THEN
        INSERT INTO freed_periods (id, unit_id, slot_id, period, booking_id, reason_code, attempts)
        VALUES (gen_random_uuid(), OLD.unit_id, OLD.slot_id, OLD.period, OLD.id,
            CASE WHEN NEW.status IN {LIVE} THEN 'moved' ELSE coalesce(NEW.ended_reason_code, NEW.status) END, 0);
    END IF;
    RETURN NULL;
END $$
"""

NOTE_FREED_TRIGGER = f"""
CREATE TRIGGER tr_bookings_freed AFTER UPDATE ON bookings FOR EACH ROW
    WHEN (OLD.status IN {LIVE} AND (NEW.status IN {FREEING} OR (NEW.status IN {LIVE}
        AND (NEW.unit_id <> OLD.unit_id OR NOT NEW.period @> OLD.period))))
    EXECUTE FUNCTION note_freed_period()
"""

# What a round or a crisis holds still is not given to those who wait, either.
REFUSE_FROZEN = """
CREATE FUNCTION refuse_waiting_in_frozen_slot() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM slot_freezes f WHERE f.slot_id = NEW.slot_id) THEN
        RAISE EXCEPTION 'booking refused' USING ERRCODE = '23514', CONSTRAINT = 'ck_bookings_slot_not_frozen',
            TABLE = 'bookings';
    END IF;
    RETURN NEW;
END $$
"""

REFUSE_FROZEN_TRIGGER = """
CREATE TRIGGER tr_bookings_waiting_not_frozen BEFORE INSERT ON bookings FOR EACH ROW
    WHEN (NEW.source = 'waiting') EXECUTE FUNCTION refuse_waiting_in_frozen_slot()
"""


def upgrade() -> None:
    _change_requests()
    for (table, column, name), values in VOCABULARIES.items():
        _say(table, column, name, values)
    _change_offers()
    _create_decisions()
    _create_freed_periods()
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER tr_{table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for statement in (NOTE_FREED, NOTE_FREED_TRIGGER, REFUSE_FROZEN, REFUSE_FROZEN_TRIGGER):
        op.execute(statement)
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT SELECT, INSERT ON waiting_decisions, waiting_lines TO creneau_app;
                GRANT SELECT, UPDATE ON freed_periods TO creneau_app;
            END IF;
        END $$
        """
    )


def _say(table: str, column: str, name: str, values: tuple[str, ...]) -> None:
    """Let a column hold these words, and no others."""
    named = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, f"{column} IN ({named})")


def _change_requests() -> None:
    op.add_column("requests", sa.Column("waiting_since_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("requests", sa.Column("wants_earlier", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("requests", "wants_earlier", server_default=None)
    op.add_column("requests", sa.Column("earlier_until_on", sa.Date(), nullable=True))
    op.execute("UPDATE requests SET waiting_since_at = coalesce(submitted_at, created_at) WHERE status = 'waitlisted'")
    op.create_check_constraint(
        op.f("ck_requests_wants_earlier"), "requests", "NOT wants_earlier OR status = 'booked'"
    )
    op.create_check_constraint(
        op.f("ck_requests_earlier_until_on"), "requests", "earlier_until_on IS NULL OR wants_earlier"
    )
    op.create_index("ix_requests_waiting", "requests", ["product_id", "id"], postgresql_where=sa.text(WAITS))


def _change_offers() -> None:
    op.add_column("offers", sa.Column("source", sa.String(length=40), nullable=False, server_default="round"))
    op.alter_column("offers", "source", server_default=None)
    op.create_check_constraint(op.f("ck_offers_offersource"), "offers", "source IN ('round', 'waiting')")
    op.alter_column("offers", "round_id", nullable=True)
    op.create_check_constraint(op.f("ck_offers_round_id"), "offers", "(source = 'round') = (round_id IS NOT NULL)")
    op.create_index(
        "uq_offers_request_id_offered", "offers", ["request_id"], unique=True,
        postgresql_where=sa.text("status = 'offered'"),
    )


def _create_decisions() -> None:
    op.create_table(
        "waiting_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("as_of_on", sa.Date(), nullable=False),
        sa.Column("policy", postgresql.JSONB(), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("reason_code", sa.String(length=60), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('offered', 'nobody', 'taken', 'withheld', 'failed')",
            name=op.f("ck_waiting_decisions_waitingoutcome"),
        ),
        sa.CheckConstraint(
            "(outcome IN ('withheld', 'failed')) = (reason_code IS NOT NULL)",
            name=op.f("ck_waiting_decisions_reason_code"),
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_waiting_decisions_unit_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_waiting_decisions_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_decisions")),
    )
    op.create_index("ix_waiting_decisions_unit_id", "waiting_decisions", ["unit_id"])
    op.create_index("ix_waiting_decisions_run_id", "waiting_decisions", ["run_id"])
    op.create_table(
        "waiting_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("waiting_since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.String(length=40), nullable=False),
        sa.Column("reason_code", sa.String(length=60), nullable=True),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("result IN ('offered', 'skipped')", name=op.f("ck_waiting_lines_waitingresult")),
        sa.CheckConstraint("position > 0", name=op.f("ck_waiting_lines_position")),
        sa.CheckConstraint("(result = 'offered') = (offer_id IS NOT NULL)", name=op.f("ck_waiting_lines_offer_id")),
        sa.CheckConstraint(
            "(result = 'skipped') = (reason_code IS NOT NULL)", name=op.f("ck_waiting_lines_reason_code")
        ),
        sa.ForeignKeyConstraint(["decision_id"], ["waiting_decisions.id"], name=op.f("fk_waiting_lines_decision_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_waiting_lines_request_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_waiting_lines_organisation_id")
        ),
        sa.ForeignKeyConstraint(["offer_id"], ["offers.id"], name=op.f("fk_waiting_lines_offer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_lines")),
        sa.UniqueConstraint("decision_id", "request_id", name=op.f("uq_waiting_lines_decision_id_request_id")),
    )
    op.create_index("ix_waiting_lines_request_id", "waiting_lines", ["request_id", "id"])


def _create_freed_periods() -> None:
    op.create_table(
        "freed_periods",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("reason_code", sa.String(length=60), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(REAL_PERIOD, name=op.f("ck_freed_periods_period_real")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_freed_periods_attempts")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_freed_periods_unit_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slots.id"], name=op.f("fk_freed_periods_slot_id")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_freed_periods_booking_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_freed_periods_run_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["waiting_decisions.id"], name=op.f("fk_freed_periods_decision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_freed_periods")),
    )
    op.create_index(
        "ix_freed_periods_undecided", "freed_periods", ["unit_id"], postgresql_where=sa.text("decision_id IS NULL")
    )
    op.create_index("ix_freed_periods_run_id", "freed_periods", ["run_id"])
    op.create_index("ix_freed_periods_decision_id", "freed_periods", ["decision_id"])


def downgrade() -> None:
    for trigger, function in (
        ("tr_bookings_freed", "note_freed_period"),
        ("tr_bookings_waiting_not_frozen", "refuse_waiting_in_frozen_slot"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON bookings")
        op.execute(f"DROP FUNCTION {function}")
    for table in ("freed_periods", "waiting_lines", "waiting_decisions"):
        op.drop_table(table)
    # Whoever has such an offer waits again: its place stays held, and runs out like any hold.
    op.execute(
        "UPDATE requests SET status = 'waitlisted' WHERE status = 'offered' AND id IN"
        f" (SELECT request_id FROM offers WHERE source = '{ADDED}' AND status = 'offered')"
    )
    op.execute(f"DELETE FROM offers WHERE source = '{ADDED}'")
    op.drop_index("uq_offers_request_id_offered", table_name="offers")
    op.drop_constraint(op.f("ck_offers_round_id"), "offers")
    op.drop_constraint(op.f("ck_offers_offersource"), "offers")
    op.drop_column("offers", "source")
    op.alter_column("offers", "round_id", nullable=False)
    op.execute(f"UPDATE bookings SET source = 'direct' WHERE source = '{ADDED}'")
    for table in ("run_certificates", "run_explanations"):
        op.execute(f"DELETE FROM {table} WHERE run_id IN (SELECT id FROM runs WHERE kind = '{ADDED}')")
    op.execute(f"DELETE FROM runs WHERE kind = '{ADDED}'")
    for (table, column, name), values in VOCABULARIES.items():
        _say(table, column, name, tuple(value for value in values if value != ADDED))
    op.drop_index("ix_requests_waiting", table_name="requests")
    for constraint in ("earlier_until_on", "wants_earlier"):
        op.drop_constraint(op.f(f"ck_requests_{constraint}"), "requests")
    for column in ("earlier_until_on", "wants_earlier", "waiting_since_at"):
        op.drop_column("requests", column)
