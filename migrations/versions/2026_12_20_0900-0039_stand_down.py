"""Powers with a scope, places offered back, and a ledger that is closed with its crisis.

A crisis is valid for no longer than the last of its acts, and once it has ended nothing more is charged for it but
corrections that say what they correct. A downgrade forgets what was offered back, how ledgers were closed, and warnings
of an end.

Revision ID: 0039
Revises: 0038
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

STATUSES = ("waiting", "offered", "accepted", "declined", "expired", "unavailable")
REAL = (
    "NOT isempty(period) AND NOT lower_inf(period) AND NOT upper_inf(period)"
    " AND lower(period) > '-infinity' AND upper(period) < 'infinity'"
)
CHECKS = {
    "period_real": REAL,
    "position": "position > 0",
    "drill": "NOT is_drill OR booking_id IS NULL",
    "respond_by_at": "(status IN ('waiting', 'unavailable')) = (respond_by_at IS NULL)",
    "ended_at": "(status IN ('waiting', 'offered')) = (ended_at IS NULL)",
    "reason_code": "(status = 'unavailable') = (reason_code IS NOT NULL)",
}
REFERENCES = {
    "crisis_id": "crises", "displacement_id": "displacements", "organisation_id": "organisations",
    "booking_id": "bookings",
}

WITHIN_ACTS = """
CREATE FUNCTION check_crisis_within_acts() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed uuid;
BEGIN
    IF TG_TABLE_NAME = 'crises' THEN
        changed := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        changed := OLD.crisis_id;
    ELSE
        changed := NEW.crisis_id;
    END IF;
    IF EXISTS (
        SELECT FROM crises c WHERE c.id = changed AND upper(c.validity) >
            (SELECT max(upper(p.validity)) FROM crisis_powers p WHERE p.crisis_id = c.id)) THEN
        RAISE EXCEPTION 'a crisis is valid for no longer than its acts'
            USING ERRCODE = '23514', CONSTRAINT = 'ck_crises_within_acts', TABLE = 'crises';
    END IF;
    RETURN NULL;
END $$
"""
# Deferred: a declaration and its powers are written one after the other.
WITHIN_ACTS_TRIGGERS = (
    "CREATE CONSTRAINT TRIGGER tr_crises_within_acts AFTER INSERT OR UPDATE OF validity ON crises"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_crisis_within_acts()",
    "CREATE CONSTRAINT TRIGGER tr_crisis_powers_within_acts AFTER INSERT OR UPDATE OR DELETE ON crisis_powers"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_crisis_within_acts()",
)
LEDGER_CLOSED = """
CREATE FUNCTION check_crisis_ledger_open() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT (NEW.detail ?& ARRAY['code', 'corrects']) AND EXISTS (
        SELECT FROM crises WHERE id = NEW.crisis_id AND status IN ('stood_down', 'expired')) THEN
        RAISE EXCEPTION 'the ledger of a crisis that has ended takes corrections alone'
            USING ERRCODE = '23514', CONSTRAINT = 'ck_charges_crisis_over', TABLE = 'charges';
    END IF;
    RETURN NEW;
END $$
"""
LEDGER_CLOSED_TRIGGER = (
    "CREATE TRIGGER tr_charges_crisis_over BEFORE INSERT ON charges FOR EACH ROW"
    " WHEN (NEW.crisis_id IS NOT NULL) EXECUTE FUNCTION check_crisis_ledger_open()"
)

NOTICES_BEFORE = (
    "order_issued", "order_reminder", "order_escalated", "order_answered", "order_withdrawn", "order_released",
    "will_give_way", "gave_way", "keeps_place", "answer_reminder", "replacement_taken", "replacement_declined",
    "replacement_lapsed", "place_offered_back",
)
EXPIRES_SOON = "expires_soon"
ABOUT = "order_id IS NOT NULL OR displacement_id IS NOT NULL"

AUTHORITY = "(SELECT acting_as('authority'))"
POLICIES = {
    "restorations": f"{AUTHORITY} OR (NOT is_drill AND organisation_id = (SELECT acting_organisation()))",
    "crisis_closings": AUTHORITY,
}
RIGHTS = {"restorations": "SELECT, INSERT, UPDATE", "crisis_closings": "SELECT, INSERT"}


def upgrade() -> None:
    op.add_column(
        "crisis_powers",
        sa.Column("scope", postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'")),
    )
    op.alter_column("crisis_powers", "scope", server_default=None)
    op.add_column("crises", sa.Column("warned_end_on", sa.Date(), nullable=True))
    _create_restorations()
    _create_closings()
    _let_notices_be((*NOTICES_BEFORE, EXPIRES_SOON), f"{ABOUT} OR kind = '{EXPIRES_SOON}'")
    for statement in (WITHIN_ACTS, *WITHIN_ACTS_TRIGGERS, LEDGER_CLOSED, LEDGER_CLOSED_TRIGGER):
        op.execute(statement)
    for table, seen in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY trusted ON {table} TO CURRENT_USER, creneau_service USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({seen})")
        op.execute(f"GRANT {RIGHTS[table]} ON {table} TO creneau_service")
        op.execute(
            f"""
            DO $$ BEGIN
                IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                    GRANT {RIGHTS[table]} ON {table} TO creneau_app;
                END IF;
            END $$
            """
        )


def _let_notices_be(kinds: tuple[str, ...], about: str) -> None:
    for name, check in {"noticekind": f"kind IN {kinds}", "subject": about}.items():
        op.drop_constraint(op.f(f"ck_crisis_notices_{name}"), "crisis_notices")
        op.create_check_constraint(op.f(f"ck_crisis_notices_{name}"), "crisis_notices", check)


def _create_restorations() -> None:
    op.create_table(
        "restorations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("crisis_id", sa.Uuid(), nullable=False),
        sa.Column("displacement_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("is_drill", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("delivery_on", sa.Date(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(*STATUSES, name="restorationstatus", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("respond_by_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_code", sa.String(60), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_restorations_{name}")) for name, rule in CHECKS.items()),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_restorations_{column}"))
            for column, table in REFERENCES.items()
        ),
        sa.ForeignKeyConstraint(
            ["slot_id", "unit_id"], ["slots.id", "slots.unit_id"], name=op.f("fk_restorations_slot_id_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restorations")),
        sa.UniqueConstraint("displacement_id", name=op.f("uq_restorations_displacement_id")),
    )
    op.create_index("uq_restorations_position", "restorations", ["crisis_id", "position"], unique=True)
    op.create_index("ix_restorations_organisation_id", "restorations", ["organisation_id", "id"])
    op.create_index(
        "ix_restorations_respond_by_at", "restorations", ["respond_by_at"],
        postgresql_where=sa.text("status = 'offered'"),
    )
    op.execute(
        "CREATE TRIGGER tr_restorations_version BEFORE UPDATE ON restorations"
        " FOR EACH ROW EXECUTE FUNCTION bump_version()"
    )


def _create_closings() -> None:
    op.create_table(
        "crisis_closings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("crisis_id", sa.Uuid(), nullable=False),
        sa.Column("is_balanced", sa.Boolean(), nullable=False),
        sa.Column("statement", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["crisis_id"], ["crises.id"], name=op.f("fk_crisis_closings_crisis_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crisis_closings")),
        sa.UniqueConstraint("crisis_id", name=op.f("uq_crisis_closings_crisis_id")),
    )
    op.execute(
        "CREATE TRIGGER tr_crisis_closings_append_only BEFORE UPDATE OR DELETE ON crisis_closings"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE crisis_notices DISABLE TRIGGER tr_crisis_notices_append_only")
    op.execute(f"DELETE FROM crisis_notices WHERE kind = '{EXPIRES_SOON}'")
    op.execute("ALTER TABLE crisis_notices ENABLE TRIGGER tr_crisis_notices_append_only")
    _let_notices_be(NOTICES_BEFORE, ABOUT)
    op.execute("DROP TRIGGER tr_charges_crisis_over ON charges")
    op.execute("DROP FUNCTION check_crisis_ledger_open()")
    op.execute("DROP TRIGGER tr_crisis_powers_within_acts ON crisis_powers")
    op.execute("DROP TRIGGER tr_crises_within_acts ON crises")
    op.execute("DROP FUNCTION check_crisis_within_acts()")
    op.drop_table("crisis_closings")
    op.drop_table("restorations")
    op.drop_column("crises", "warned_end_on")
    op.drop_column("crisis_powers", "scope")
