"""What is busy, told once: days that a slip runs over are, and an approval that is overdue is not.

Days freed by a campaign that ends go to those who wait as well, and so do days that a slip lets go of. A booking is
written only in a slot as it was read, as of the instant at which its unit was free to be locked.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LIVE = "('held', 'awaiting_cdmo', 'confirmed', 'in_production')"
WAITS = "status = 'waitlisted' OR wants_earlier"
RUNNING_OVER = "expected_end_on IS NOT NULL AND status IN ('confirmed', 'in_production')"

# Days after the planned period that a campaign will hold its unit for; empty if it is not known to.
OVERRUN = """
CREATE FUNCTION overrun(booking bookings) RETURNS daterange LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN booking.status IN ('confirmed', 'in_production')
            AND booking.expected_end_on > upper(booking.period)
        THEN daterange(upper(booking.period), booking.expected_end_on) ELSE 'empty' END
$$
"""
DAYS_RUN_OVER = """
CREATE FUNCTION days_run_over(booking bookings) RETURNS TABLE (slot_id uuid, period daterange)
    LANGUAGE sql STABLE AS $$
    SELECT s.id, s.period * overrun(booking) FROM slots s
    WHERE s.unit_id = booking.unit_id AND s.status = 'published' AND s.period && overrun(booking)
$$
"""
BOUND_BEFORE = "b.status IN ('awaiting_cdmo', 'confirmed', 'in_production')"
BOUND = """b.status IN ('confirmed', 'in_production')
            OR (b.status = 'awaiting_cdmo' AND (b.approval_expires_at IS NULL OR b.approval_expires_at > now()))"""
UNIT_OCCUPANCY = """
CREATE FUNCTION unit_occupancy({arguments}) RETURNS TABLE (unit_id uuid, slot_id uuid, period daterange)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT b.unit_id, b.slot_id, b.period FROM bookings b
    WHERE b.unit_id = ANY (unit_ids)
        AND ({bound}
            OR (b.status = 'held' AND b.hold_expires_at > now())){running_over}
$$
"""
UNIT_OCCUPANCY_BEFORE = {
    "arguments": "unit_ids uuid[]", "bound": BOUND, "running_over": "\n    ORDER BY b.unit_id, b.period",
}
UNIT_OCCUPANCY_AFTER = {
    "arguments": "unit_ids uuid[], leaving uuid DEFAULT NULL", "bound": BOUND, "running_over": f"""
        AND b.id IS DISTINCT FROM leaving
    UNION ALL
    SELECT b.unit_id, late.slot_id, late.period FROM bookings b CROSS JOIN LATERAL days_run_over(b) late
    WHERE b.unit_id = ANY (unit_ids) AND b.id IS DISTINCT FROM leaving AND {RUNNING_OVER}
    ORDER BY 1, 3""",
}
REQUEST_HAS_PERIOD = """
CREATE OR REPLACE FUNCTION request_has_period(request uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM bookings b WHERE b.request_id = request
        AND ({bound}
            OR (b.status = 'held' AND b.hold_expires_at > now())))
$$
"""

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
        refused := 'ck_bookings_inside_slot';
    ELSIF TG_OP = 'UPDATE' AND EXISTS (
        SELECT FROM bookings asked WHERE asked.moves_id = NEW.id AND asked.status = 'awaiting_cdmo'
            AND asked.slot_id = NEW.slot_id) THEN
        RETURN NEW;
    ELSIF NOT slot.divisible AND EXISTS (
        SELECT FROM bookings other WHERE other.slot_id = NEW.slot_id AND other.id <> NEW.id
            AND other.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')) THEN
        refused := 'ck_bookings_slot_whole';{not_run_over}
    ELSIF EXISTS (
        SELECT FROM slot_freezes f WHERE f.slot_id = NEW.slot_id
            AND (TG_OP = 'UPDATE' OR NEW.source IN ('direct', 'move', 'repeat')
                OR (NEW.source = 'round' AND f.holder = 'crisis'))) THEN
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
# Who stands there already stays, and is asked to make way; a split moves nobody: the days count that are taken anew.
NOT_RUN_OVER = """
    ELSIF (TG_OP = 'INSERT' OR OLD.unit_id <> NEW.unit_id OR OLD.period <> NEW.period) AND EXISTS (
        SELECT FROM bookings late WHERE late.unit_id = NEW.unit_id AND late.expected_end_on IS NOT NULL
            AND late.status IN ('confirmed', 'in_production') AND late.id <> NEW.id
            AND late.id IS DISTINCT FROM NEW.moves_id AND NEW.period && overrun(late)) THEN
        refused := 'ck_bookings_not_run_over';"""

# By day, not by slot: a split leaves the days where they are. What is past serves nobody.
FREED_DAYS = f"""
CREATE FUNCTION freed_days(before bookings, after bookings) RETURNS TABLE (slot_id uuid, period daterange)
    LANGUAGE sql STABLE AS $$
    SELECT had.slot_id, freed
    FROM (SELECT before.slot_id, before.period UNION ALL SELECT * FROM days_run_over(before)) had,
        unnest(datemultirange(had.period)
            - datemultirange(daterange(NULL, (now() AT TIME ZONE 'Europe/Paris')::date))
            - CASE WHEN after.status IN {LIVE} AND after.unit_id = before.unit_id
                THEN datemultirange(after.period) + datemultirange(overrun(after)) ELSE '{{}}'::datemultirange END
        ) AS freed
$$
"""
NOTING = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    {note}
    RETURN NULL;
END $$
"""
NOTE_IF_ANY_WAITS = f"""IF EXISTS (SELECT FROM requests WHERE {WAITS}) THEN
        INSERT INTO freed_periods (id, unit_id, slot_id, period, booking_id, reason_code, attempts)
        {{rows}}
    END IF;"""
NOTES = {
    "note_freed_period": NOTE_IF_ANY_WAITS.format(rows=f"""SELECT gen_random_uuid(), OLD.unit_id, freed.slot_id,
            freed.period, OLD.id, CASE WHEN NEW.status NOT IN {LIVE} THEN coalesce(NEW.ended_reason_code, NEW.status)
                WHEN NEW.period = OLD.period AND NEW.unit_id = OLD.unit_id THEN 'slipped_less' ELSE 'moved' END, 0
        FROM freed_days(OLD, NEW) freed;"""),
    "note_freed_opening": """INSERT INTO slot_openings (slot_id, cause, period)
        SELECT freed.slot_id, 'freed', freed.period FROM freed_days(OLD, NEW) freed;""",
}
NOTES_BEFORE = {
    "note_freed_period": NOTE_IF_ANY_WAITS.format(rows=f"""VALUES (gen_random_uuid(), OLD.unit_id, OLD.slot_id,
            OLD.period, OLD.id,
            CASE WHEN NEW.status IN {LIVE} THEN 'moved' ELSE coalesce(NEW.ended_reason_code, NEW.status) END, 0);"""),
    "note_freed_opening": f"""INSERT INTO slot_openings (slot_id, cause, period)
        SELECT OLD.slot_id, 'freed', freed
        FROM unnest(datemultirange(OLD.period) - CASE
            WHEN NEW.status IN {LIVE} AND NEW.unit_id = OLD.unit_id
            THEN datemultirange(NEW.period) ELSE '{{}}'::datemultirange END) AS freed
        WHERE upper(freed) > (now() AT TIME ZONE 'Europe/Paris')::date;""",
}
FREED_TRIGGER = f"""
CREATE TRIGGER {{name}} AFTER UPDATE OF status, period, unit_id, expected_end_on ON bookings FOR EACH ROW
    WHEN (OLD.status IN {LIVE} AND (NEW.status NOT IN {LIVE} OR (OLD.unit_id, OLD.period, OLD.expected_end_on)
        IS DISTINCT FROM (NEW.unit_id, NEW.period, NEW.expected_end_on)))
    EXECUTE FUNCTION {{function}}()
"""
FREEING_BEFORE = "('released', 'expired', 'declined', 'cancelled', 'displaced')"
FREED_PERIOD_TRIGGER_BEFORE = f"""
CREATE TRIGGER tr_bookings_freed AFTER UPDATE ON bookings FOR EACH ROW
    WHEN (OLD.status IN {LIVE} AND (NEW.status IN {FREEING_BEFORE} OR (NEW.status IN {LIVE}
        AND (NEW.unit_id <> OLD.unit_id OR NOT NEW.period @> OLD.period))))
    EXECUTE FUNCTION note_freed_period()
"""
FREED_OPENING_TRIGGER_BEFORE = f"""
CREATE TRIGGER tr_bookings_opening AFTER UPDATE OF status, period, unit_id ON bookings FOR EACH ROW
    WHEN (OLD.status IN {LIVE} AND (NEW.period <> OLD.period OR NEW.unit_id <> OLD.unit_id
        OR NEW.status NOT IN {LIVE}))
    EXECUTE FUNCTION note_freed_opening()
"""
FREED_TRIGGERS = {"tr_bookings_freed": "note_freed_period", "tr_bookings_opening": "note_freed_opening"}

WRITE_BOOKING = """
CREATE FUNCTION write_booking({arguments}) RETURNS text LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    refused text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(unit::text, 0));{seen}
    IF EXISTS (
        SELECT FROM bookings b WHERE b.unit_id = unit
            AND ((b.status = 'held' AND b.hold_expires_at <= as_of)
                OR (b.status = 'awaiting_cdmo' AND b.approval_expires_at <= as_of))) THEN
        RETURN 'run_out';
    END IF;
    BEGIN
        INSERT INTO requests SELECT * FROM jsonb_populate_recordset(NULL::requests, new_requests);
        INSERT INTO bookings SELECT * FROM jsonb_populate_recordset(NULL::bookings, new_bookings);
        INSERT INTO audit_records (at, actor, person_id, api_key_id, job, organisation_id, action, object_type,
            object_id, before, after, reason_code, reason_text, request_id)
        SELECT at, actor, person_id, api_key_id, job, organisation_id, action, object_type,
            object_id, before, after, reason_code, reason_text, request_id
        FROM jsonb_populate_recordset(NULL::audit_records, new_records);
    EXCEPTION WHEN exclusion_violation OR check_violation THEN
        GET STACKED DIAGNOSTICS refused = CONSTRAINT_NAME;
        RETURN refused;
    END;
    RETURN NULL;
END $$
"""
ARGUMENTS_BEFORE = "unit uuid, as_of timestamptz, new_requests jsonb, new_bookings jsonb, new_records jsonb"
ARGUMENTS = (
    "unit uuid, slot_seen uuid, version_seen integer, as_of timestamptz,"
    " new_requests jsonb, new_bookings jsonb, new_records jsonb"
)
# The caller's clock goes on while the lock is waited for: what runs out meanwhile is in nobody's way either.
SEEN = """
    IF NOT EXISTS (SELECT FROM slots s WHERE s.id = slot_seen AND s.version = version_seen) THEN
        RETURN 'slot_changed';
    END IF;
    as_of := as_of + (clock_timestamp() - statement_timestamp());"""
WRITE_BOOKING_SIGNATURE_BEFORE = "write_booking(uuid, timestamptz, jsonb, jsonb, jsonb)"
WRITE_BOOKING_SIGNATURE = "write_booking(uuid, uuid, integer, timestamptz, jsonb, jsonb, jsonb)"

INNER = ("overrun(bookings)", "days_run_over(bookings)", "freed_days(bookings, bookings)")
"""Functions that others call with the rights of the owner, and nobody by himself."""


def upgrade() -> None:
    op.create_index("ix_bookings_running_over", "bookings", ["unit_id"], postgresql_where=sa.text(RUNNING_OVER))
    op.execute("DROP FUNCTION unit_occupancy(uuid[])")
    op.execute(f"DROP FUNCTION {WRITE_BOOKING_SIGNATURE_BEFORE}")
    for body in (OVERRUN, DAYS_RUN_OVER, FREED_DAYS, UNIT_OCCUPANCY.format(**UNIT_OCCUPANCY_AFTER)):
        op.execute(body)
    op.execute(WRITE_BOOKING.format(arguments=ARGUMENTS, seen=SEEN))
    op.execute(REQUEST_HAS_PERIOD.format(bound=BOUND))
    op.execute(BOOKING_RULES.format(not_run_over=NOT_RUN_OVER))
    for name, function in FREED_TRIGGERS.items():
        op.execute(NOTING.format(name=function, note=NOTES[function]))
        op.execute(f"DROP TRIGGER {name} ON bookings")
        op.execute(FREED_TRIGGER.format(name=name, function=function))
    for signature in INNER:
        op.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC")
    _for_the_service_alone("unit_occupancy(uuid[], uuid)")
    _for_the_service_alone(WRITE_BOOKING_SIGNATURE)
    _let_the_service("GRANT", "DELETE ON slot_openings TO")


def _let_the_service(do: str, words: str) -> None:
    """Grant the service's role a right, or revoke it, where that role exists."""
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                {do} {words} creneau_app;
            END IF;
        END $$
        """
    )


def _for_the_service_alone(signature: str) -> None:
    op.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC")
    _let_the_service("GRANT", f"EXECUTE ON FUNCTION {signature} TO")


def downgrade() -> None:
    _let_the_service("REVOKE", "DELETE ON slot_openings FROM")
    for name, function in FREED_TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON bookings")
        op.execute(NOTING.format(name=function, note=NOTES_BEFORE[function]))
    for body in (
        FREED_PERIOD_TRIGGER_BEFORE,
        FREED_OPENING_TRIGGER_BEFORE,
        BOOKING_RULES.format(not_run_over=""),
        REQUEST_HAS_PERIOD.format(bound=BOUND_BEFORE),
    ):
        op.execute(body)
    for signature in (WRITE_BOOKING_SIGNATURE, "unit_occupancy(uuid[], uuid)", *reversed(INNER)):
        op.execute(f"DROP FUNCTION {signature}")
    op.execute(WRITE_BOOKING.format(arguments=ARGUMENTS_BEFORE, seen=""))
    op.execute(UNIT_OCCUPANCY.format(**UNIT_OCCUPANCY_BEFORE))
    for signature in (WRITE_BOOKING_SIGNATURE_BEFORE, "unit_occupancy(uuid[])"):
        _for_the_service_alone(signature)
    op.drop_index("ix_bookings_running_over", table_name="bookings")
