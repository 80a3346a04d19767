"""The life cycle of a booking: approval deadlines, moves, production, repeats, slips, and the credit of a resale.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SOURCES = ("direct", "round", "crisis", "replacement")
CHARGE_KINDS = (
    "reservation_fee", "price", "cancellation_fee", "resale_credit", "lending_discount", "readiness_fee",
    "crisis_order", "displacement_compensation",
)
CAUSES = ("cdmo", "product", "unknown")
SLIP_MOVE_STATUSES = ("proposed", "accepted", "declined", "withdrawn", "unplaced")

REFERENCES = ("moves_id", "repeats_id")
CHECKS = {
    "approval_expires_at": "approval_expires_at IS NULL OR status = 'awaiting_cdmo'",
    "move": "(source = 'move') = (moves_id IS NOT NULL) AND (moves_id IS NULL) = (move IS NULL)",
    "repeat": "(source = 'repeat') = (repeats_id IS NOT NULL)",
    "free_moves_used": "free_moves_used >= 0",
    "actual_days": "actual_end_on >= actual_start_on",
    "batches_released": "batches_released BETWEEN 0 AND batches",
    "failurecause": "failure_cause IN ({})".format(", ".join(f"'{cause}'" for cause in CAUSES)),
    "failure": "(status = 'failed') = (failure_cause IS NOT NULL)",
}
INDEXES = {
    "ix_bookings_approval_expires_at": (["approval_expires_at"], "status = 'awaiting_cdmo'", False),
    "ix_bookings_pending_move": (["moves_id"], "status = 'awaiting_cdmo'", True),
    "ix_bookings_replaced_by_id": (["replaced_by_id"], "replaced_by_id IS NOT NULL", False),
}

# An approval that is overdue occupies no more than a hold that has run out.
UNIT_OCCUPANCY = """
CREATE OR REPLACE FUNCTION unit_occupancy(unit_ids uuid[]) RETURNS TABLE (unit_id uuid, slot_id uuid, period daterange)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT b.unit_id, b.slot_id, b.period FROM bookings b
    WHERE b.unit_id = ANY (unit_ids)
        AND ({bound}
            OR (b.status = 'held' AND b.hold_expires_at > now()))
    ORDER BY b.unit_id, b.period
$$
"""
BOUND_BEFORE = "b.status IN ('awaiting_cdmo', 'confirmed', 'in_production')"
BOUND = """b.status IN ('confirmed', 'in_production')
            OR (b.status = 'awaiting_cdmo' AND (b.approval_expires_at IS NULL OR b.approval_expires_at > now()))"""

# A booking that takes over the place which its own move has held meets no other obstacle there than the slot's end.
BOOKING_RULES = """
CREATE OR REPLACE FUNCTION check_booking_in_slot() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    slot slots%ROWTYPE;
    refused text;
BEGIN
    IF NEW.status NOT IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production') THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
        AND OLD.slot_id = NEW.slot_id AND OLD.period = NEW.period THEN
        RETURN NEW;
    END IF;
    SELECT * INTO slot FROM slots WHERE id = NEW.slot_id FOR NO KEY UPDATE;
    IF slot.status <> 'published' THEN
        refused := 'ck_bookings_slot_published';
    ELSIF NOT slot.period @> NEW.period THEN
        refused := 'ck_bookings_inside_slot';{taken_over}
    ELSIF NOT slot.divisible AND EXISTS (
        SELECT FROM bookings other WHERE other.slot_id = NEW.slot_id AND other.id <> NEW.id
            AND other.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')) THEN
        refused := 'ck_bookings_slot_whole';
    ELSIF EXISTS (
        SELECT FROM slot_freezes f WHERE f.slot_id = NEW.slot_id
            AND ({direct} OR (NEW.source = 'round' AND f.holder = 'crisis'))) THEN
        refused := 'ck_bookings_slot_not_frozen';
    ELSIF EXISTS (
        SELECT FROM crisis_orders o JOIN crises c ON c.id = o.crisis_id
        WHERE o.unit_id = NEW.unit_id AND o.status = 'issued' AND o.period && NEW.period
            AND c.mode = 'real' AND NEW.crisis_id IS DISTINCT FROM o.crisis_id) THEN
        refused := 'ck_bookings_not_ordered';
    END IF;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'booking refused' USING ERRCODE = '23514', CONSTRAINT = refused, TABLE = 'bookings';
    END IF;
    RETURN NEW;
END $$
"""
DIRECT_BEFORE = "NEW.source = 'direct'"
DIRECT = "TG_OP = 'UPDATE' OR NEW.source IN ('direct', 'move', 'repeat')"
TAKEN_OVER = """
    ELSIF TG_OP = 'UPDATE' AND EXISTS (
        SELECT FROM bookings asked WHERE asked.moves_id = NEW.id AND asked.status = 'awaiting_cdmo'
            AND asked.slot_id = NEW.slot_id) THEN
        RETURN NEW;"""


def _columns() -> tuple[sa.Column, ...]:
    """Return the new columns of bookings, made afresh: a column belongs to one statement."""
    return (
        sa.Column("approval_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moves_id", sa.Uuid(), nullable=True),
        sa.Column("move", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("free_moves_used", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("repeats_id", sa.Uuid(), nullable=True),
        sa.Column("expected_end_on", sa.Date(), nullable=True),
        sa.Column("actual_start_on", sa.Date(), nullable=True),
        sa.Column("actual_end_on", sa.Date(), nullable=True),
        sa.Column("batches_released", sa.Integer(), nullable=True),
        sa.Column("failure_cause", sa.String(length=40), nullable=True),
    )


def upgrade() -> None:
    _change_bookings()
    _change_charges()
    _create_slips()
    _create_slip_moves()
    op.execute(UNIT_OCCUPANCY.format(bound=BOUND))
    op.execute(BOOKING_RULES.format(taken_over=TAKEN_OVER, direct=DIRECT))
    op.execute(
        "CREATE TRIGGER tr_slip_moves_version BEFORE UPDATE ON slip_moves FOR EACH ROW EXECUTE FUNCTION bump_version()"
    )
    op.execute(
        "CREATE TRIGGER tr_slips_append_only BEFORE UPDATE OR DELETE ON slips"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT SELECT, INSERT ON slips TO creneau_app;
                GRANT SELECT, INSERT, UPDATE ON slip_moves TO creneau_app;
            END IF;
        END $$
        """
    )


def _vocabulary(table: str, name: str, column: str, values: tuple[str, ...], *, keep_others: bool = False) -> None:
    """Replace the CHECK of a closed vocabulary; `keep_others` leaves rows alone that the new one does not know."""
    listed = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(
        op.f(f"ck_{table}_{name}"), table, f"{column} IN ({listed})", postgresql_not_valid=keep_others
    )


def _change_bookings() -> None:
    for column in _columns():
        op.add_column("bookings", column)
    op.execute("UPDATE bookings SET failure_cause = 'unknown' WHERE status = 'failed'")
    _vocabulary("bookings", "bookingsource", "source", (*SOURCES, "move", "repeat"))
    for name in REFERENCES:
        op.create_foreign_key(op.f(f"fk_bookings_{name}"), "bookings", "bookings", [name], ["id"])
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_bookings_{name}"), "bookings", condition)
    for name, (columns, condition, unique) in INDEXES.items():
        op.create_index(name, "bookings", columns, unique=unique, postgresql_where=sa.text(condition))


def _change_charges() -> None:
    op.add_column("charges", sa.Column("resale_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_charges_resale_id"), "charges", "bookings", ["resale_id"], ["id"])
    _vocabulary("charges", "chargekind", "kind", (*CHARGE_KINDS, "move_fee"))
    op.create_check_constraint(
        op.f("ck_charges_resale"), "charges", "(kind = 'resale_credit') = (resale_id IS NOT NULL)"
    )
    op.create_index(
        "ix_charges_resale_id", "charges", ["resale_id"], postgresql_where=sa.text("resale_id IS NOT NULL")
    )


def _create_slips() -> None:
    op.create_table(
        "slips",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("expected_end_on", sa.Date(), nullable=False),
        sa.Column("reason_code", sa.String(length=60), nullable=False),
        sa.Column("reason_text", sa.String(length=2000), nullable=True),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_slips_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slips")),
    )
    op.create_index("ix_slips_booking_id", "slips", ["booking_id", "id"])


def _create_slip_moves() -> None:
    op.create_table(
        "slip_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("slip_id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                *SLIP_MOVE_STATUSES, name="slipmovestatus", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("slot_id", sa.Uuid(), nullable=True),
        sa.Column("period", postgresql.DATERANGE(), nullable=True),
        sa.Column("delivery_on", sa.Date(), nullable=True),
        sa.Column("unplaced_code", sa.String(length=60), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "NOT isempty(period) AND NOT lower_inf(period) AND NOT upper_inf(period)"
            " AND lower(period) > '-infinity' AND upper(period) < 'infinity'",
            name=op.f("ck_slip_moves_period_real"),
        ),
        sa.CheckConstraint(
            "(slot_id IS NULL) = (period IS NULL) AND (delivery_on IS NULL) = (period IS NULL)"
            " AND (unplaced_code IS NOT NULL) = (period IS NULL)"
            " AND (period IS NOT NULL OR status IN ('unplaced', 'withdrawn'))",
            name=op.f("ck_slip_moves_place"),
        ),
        sa.ForeignKeyConstraint(["slip_id"], ["slips.id"], name=op.f("fk_slip_moves_slip_id")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_slip_moves_booking_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slots.id"], name=op.f("fk_slip_moves_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slip_moves")),
        sa.UniqueConstraint("slip_id", "booking_id", name=op.f("uq_slip_moves_slip_id_booking_id")),
    )
    op.create_index("ix_slip_moves_booking_id", "slip_moves", ["booking_id", "id"])


def downgrade() -> None:
    op.execute(BOOKING_RULES.format(taken_over="", direct=DIRECT_BEFORE))
    op.execute(UNIT_OCCUPANCY.format(bound=BOUND_BEFORE))
    op.drop_table("slip_moves")
    op.drop_table("slips")
    op.drop_index("ix_charges_resale_id", table_name="charges")
    op.drop_constraint(op.f("ck_charges_resale"), "charges")
    _vocabulary("charges", "chargekind", "kind", CHARGE_KINDS, keep_others=True)
    op.drop_column("charges", "resale_id")
    for name in INDEXES:
        op.drop_index(name, table_name="bookings")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_bookings_{name}"), "bookings")
    op.execute(
        "UPDATE bookings SET status = 'released', ended_reason_code = 'moved'"
        " WHERE source = 'move' AND status = 'awaiting_cdmo'"
    )
    op.execute("UPDATE bookings SET source = 'direct' WHERE source IN ('move', 'repeat')")
    _vocabulary("bookings", "bookingsource", "source", SOURCES)
    for column in reversed(_columns()):
        op.drop_column("bookings", column.name)
