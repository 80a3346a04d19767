"""What no constraint can say: bookings inside slots, freezes, shadows, versions, append-only tables, and grants.

Every function that reads across tenants is SECURITY DEFINER with a fixed search path, and tells only yes or no.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

VERSIONED = (
    "organisations", "people", "api_keys", "sites", "production_lines", "line_modalities", "agreements", "slots",
    "commitments", "products", "requests", "feasibilities", "bookings", "rounds", "runs", "offers", "crises",
    "crisis_plans", "crisis_orders", "displacements",
)
APPEND_ONLY = ("audit_records", "charges", "crisis_signatures")
KEPT_BY_TRIGGERS = ("calendar_entries", "calendar_versions")

BUMP_VERSION = """
CREATE FUNCTION bump_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$
"""

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME
        USING ERRCODE = '23514', CONSTRAINT = 'ck_' || TG_TABLE_NAME || '_append_only', TABLE = TG_TABLE_NAME;
END $$
"""

# A published slot or a commitment casts its shadow; anything else casts none.
SHADOW = """
CREATE FUNCTION shadow_calendar_entry() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM calendar_entries WHERE entry_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        IF TG_TABLE_NAME = 'commitments' THEN
            INSERT INTO calendar_entries VALUES (NEW.id, NEW.unit_id, NEW.period, int4range(1, 2));
        ELSIF NEW.status = 'published' THEN
            INSERT INTO calendar_entries VALUES (NEW.id, NEW.unit_id, NEW.period, int4range(0, 1));
        END IF;
    END IF;
    RETURN NULL;
END $$
"""

CALENDAR_VERSION = """
CREATE FUNCTION raise_calendar_version() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'units' THEN
        INSERT INTO calendar_versions (unit_id, version) VALUES (NEW.id, 0);
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE calendar_versions SET version = version + 1 WHERE unit_id = OLD.unit_id;
    ELSE
        UPDATE calendar_versions SET version = version + 1 WHERE unit_id = NEW.unit_id;
        IF TG_OP = 'UPDATE' AND OLD.unit_id <> NEW.unit_id THEN
            UPDATE calendar_versions SET version = version + 1 WHERE unit_id = OLD.unit_id;
        END IF;
    END IF;
    RETURN NULL;
END $$
"""

# The row lock on the slot makes a booking and a change of its slot wait for each other.
BOOKING_RULES = """
CREATE FUNCTION check_booking_in_slot() RETURNS trigger LANGUAGE plpgsql
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
        refused := 'ck_bookings_inside_slot';
    ELSIF NOT slot.divisible AND EXISTS (
        SELECT FROM bookings other WHERE other.slot_id = NEW.slot_id AND other.id <> NEW.id
            AND other.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')) THEN
        refused := 'ck_bookings_slot_whole';
    ELSIF EXISTS (
        SELECT FROM slot_freezes f WHERE f.slot_id = NEW.slot_id
            AND (NEW.source = 'direct' OR (NEW.source = 'round' AND f.holder = 'crisis'))) THEN
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

# A hold that has run out binds nobody, swept or not.
SLOT_RULES = """
CREATE FUNCTION check_slot_keeps_bookings() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    refused text;
BEGIN
    IF OLD.status = 'published' AND NEW.status <> 'published' AND EXISTS (
        SELECT FROM bookings b WHERE b.slot_id = OLD.id
            AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
            AND (b.status <> 'held' OR b.hold_expires_at > now())) THEN
        refused := 'ck_slots_keep_published';
    ELSIF NOT NEW.period @> OLD.period AND EXISTS (
        SELECT FROM bookings b WHERE b.slot_id = OLD.id AND NOT NEW.period @> b.period
            AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
            AND (b.status <> 'held' OR b.hold_expires_at > now())) THEN
        refused := 'ck_slots_keep_period';
    ELSIF OLD.reserve <> NEW.reserve AND EXISTS (
        SELECT FROM bookings b WHERE b.slot_id = OLD.id
            AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
            AND (b.status <> 'held' OR b.hold_expires_at > now())) THEN
        refused := 'ck_slots_keep_reserve';
    ELSIF OLD.divisible AND NOT NEW.divisible AND 1 < (
        SELECT count(*) FROM bookings b WHERE b.slot_id = OLD.id
            AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
            AND (b.status <> 'held' OR b.hold_expires_at > now())) THEN
        refused := 'ck_slots_keep_divisible';
    END IF;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'slot change refused' USING ERRCODE = '23514', CONSTRAINT = refused, TABLE = 'slots';
    END IF;
    RETURN NEW;
END $$
"""

FUNCTIONS = {
    "bump_version": BUMP_VERSION,
    "refuse_change": REFUSE_CHANGE,
    "shadow_calendar_entry": SHADOW,
    "raise_calendar_version": CALENDAR_VERSION,
    "check_booking_in_slot": BOOKING_RULES,
    "check_slot_keeps_bookings": SLOT_RULES,
}


def upgrade() -> None:
    for body in FUNCTIONS.values():
        op.execute(body)
    for table in VERSIONED:
        op.execute(
            f"CREATE TRIGGER tr_{table}_version BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION bump_version()"
        )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER tr_{table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER tr_slots_shadow_change AFTER UPDATE OF status, period, unit_id ON slots"
        " FOR EACH ROW EXECUTE FUNCTION shadow_calendar_entry()"
    )
    op.execute(
        "CREATE TRIGGER tr_slots_shadow AFTER INSERT OR DELETE ON slots"
        " FOR EACH ROW EXECUTE FUNCTION shadow_calendar_entry()"
    )
    op.execute(
        "CREATE TRIGGER tr_commitments_shadow AFTER INSERT OR UPDATE OR DELETE ON commitments"
        " FOR EACH ROW EXECUTE FUNCTION shadow_calendar_entry()"
    )
    op.execute(
        "CREATE TRIGGER tr_units_calendar AFTER INSERT ON units FOR EACH ROW EXECUTE FUNCTION raise_calendar_version()"
    )
    for table in ("slots", "commitments", "bookings"):
        op.execute(
            f"CREATE TRIGGER tr_{table}_calendar AFTER INSERT OR UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION raise_calendar_version()"
        )
    op.execute(
        "CREATE TRIGGER tr_bookings_in_slot BEFORE INSERT OR UPDATE ON bookings"
        " FOR EACH ROW EXECUTE FUNCTION check_booking_in_slot()"
    )
    op.execute(
        "CREATE TRIGGER tr_slots_keep_bookings BEFORE UPDATE ON slots"
        " FOR EACH ROW EXECUTE FUNCTION check_slot_keeps_bookings()"
    )
    _grant()


def _grant() -> None:
    """Give the application's role what it needs and no more, where that role exists."""
    append_only = ", ".join(APPEND_ONLY)
    kept = ", ".join(KEPT_BY_TRIGGERS)
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT USAGE ON SCHEMA public TO creneau_app;
                GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO creneau_app;
                REVOKE UPDATE, DELETE ON {append_only} FROM creneau_app;
                REVOKE INSERT, UPDATE, DELETE ON {kept} FROM creneau_app;
                REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM creneau_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name} CASCADE")
