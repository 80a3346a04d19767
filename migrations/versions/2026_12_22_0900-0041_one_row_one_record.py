"""A booking is written out of its audit record, by a function that looks itself for whom it writes.

What a record says of a row that is added is all of that row: sent once, it is both. The answer to the request of a
client goes as it is, and not as JSON. The function has the rights of its owner, whose policies are a plain yes: it
refuses by itself what is not the acting organisation's, once for all rows, where policies did so for each statement.

The rules between a booking and its slot are one query, which also looks at whether the slot is lent, and a unit is not
looked for again that the slot has already.

Revision ID: 0041
Revises: 0040
"""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

SIGNATURE = "write_booking(integer, timestamptz, jsonb, uuid, uuid, text, bytea, integer, jsonb, bytea)"
SIGNATURE_BEFORE = "write_booking(uuid, uuid, integer, timestamptz, jsonb, jsonb, jsonb, jsonb)"

WRITE_BOOKING = """
CREATE FUNCTION write_booking(version_seen integer, as_of timestamptz, new_records jsonb,
    kept_id uuid, kept_holder uuid, kept_key text, kept_sha256 bytea, kept_status integer, kept_headers jsonb,
    kept_body bytea)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    last jsonb := new_records -> -1;
    request requests := jsonb_populate_record(NULL::requests, CASE WHEN jsonb_array_length(new_records) > 1
        THEN new_records -> 0 -> 'after' END);
    booking bookings := jsonb_populate_record(NULL::bookings, (last -> 'after') - 'period');
    unit uuid := booking.unit_id;
    refused text;
BEGIN
    booking.period := daterange((last #>> '{after,period,start}')::date, (last #>> '{after,period,end}')::date);
    IF current_setting('role') <> 'creneau_service' AND session_user <> current_user AND (
        booking.organisation_id = acting_organisation()
        AND coalesce(request.organisation_id, booking.organisation_id) = booking.organisation_id
        AND (booking.request_id IS NULL OR booking.request_id = request.id OR is_own_request(booking.request_id))
        AND jsonb_array_length(new_records) <= 2
        AND (new_records #>> '{0,organisation_id}')::uuid = booking.organisation_id
        AND (last ->> 'organisation_id')::uuid = booking.organisation_id
        AND coalesce(kept_holder, acting_holder()) = acting_holder()
    ) IS NOT TRUE THEN
        RAISE EXCEPTION 'a booking is written for another organisation than the acting one, against row-level security'
            USING ERRCODE = '42501';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended(unit::text, 0)) THEN
        IF kept_key IS NOT NULL AND EXISTS (
            SELECT FROM bookings b WHERE uuidrange(b.unit_id, b.unit_id, '[]') && uuidrange(unit, unit, '[]')
                AND b.period && booking.period
                AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
                AND coalesce(b.hold_expires_at, b.approval_expires_at, 'infinity') > as_of) THEN
            RETURN 'ex_bookings_live_overlap';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended(unit::text, 0));
    END IF;
    IF NOT EXISTS (SELECT FROM slots s WHERE s.id = booking.slot_id AND s.version = version_seen) THEN
        RETURN 'slot_changed';
    END IF;
    as_of := as_of + (clock_timestamp() - statement_timestamp());
    IF EXISTS (
        SELECT FROM bookings b WHERE b.unit_id = unit AND b.status = 'held' AND b.hold_expires_at <= as_of)
        OR EXISTS (
            SELECT FROM bookings b
            WHERE b.unit_id = unit AND b.status = 'awaiting_cdmo' AND b.approval_expires_at <= as_of) THEN
        RETURN 'run_out';
    END IF;
    BEGIN
        IF kept_key IS NOT NULL THEN
            INSERT INTO idempotency_keys (id, holder_id, key, request_sha256, status, headers, body)
                VALUES (kept_id, kept_holder, kept_key, kept_sha256, kept_status, kept_headers, kept_body)
                ON CONFLICT (holder_id, key) DO NOTHING;
            IF NOT FOUND THEN
                RETURN 'key_kept';
            END IF;
        END IF;
        IF request.id IS NOT NULL THEN
            INSERT INTO requests VALUES (request.*);
        END IF;
        INSERT INTO bookings VALUES (booking.*);
        INSERT INTO audit_records (at, actor, person_id, api_key_id, token_client_id, job, organisation_id, action,
            object_type, object_id, before, after, reason_code, reason_text, request_id)
        SELECT at, actor, person_id, api_key_id, token_client_id, job, organisation_id, action,
            object_type, object_id, before, after, reason_code, reason_text, request_id
        FROM jsonb_populate_recordset(NULL::audit_records, new_records);
    EXCEPTION WHEN exclusion_violation OR check_violation THEN
        GET STACKED DIAGNOSTICS refused = CONSTRAINT_NAME;
        RETURN refused;
    END;
    RETURN NULL;
END $$
"""
WRITE_BOOKING_BEFORE = """
CREATE FUNCTION write_booking(unit uuid, slot_seen uuid, version_seen integer, as_of timestamptz,
    new_requests jsonb, new_bookings jsonb, new_records jsonb, new_keys jsonb)
RETURNS text LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    refused text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(unit::text, 0)) THEN
        IF jsonb_array_length(new_keys) > 0 AND EXISTS (
            SELECT FROM bookings b WHERE uuidrange(b.unit_id, b.unit_id, '[]') && uuidrange(unit, unit, '[]')
                AND b.period && (new_bookings -> 0 ->> 'period')::daterange
                AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
                AND coalesce(b.hold_expires_at, b.approval_expires_at, 'infinity') > as_of) THEN
            RETURN 'ex_bookings_live_overlap';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended(unit::text, 0));
    END IF;
    IF NOT EXISTS (SELECT FROM slots s WHERE s.id = slot_seen AND s.version = version_seen) THEN
        RETURN 'slot_changed';
    END IF;
    as_of := as_of + (clock_timestamp() - statement_timestamp());
    IF EXISTS (
        SELECT FROM bookings b WHERE b.unit_id = unit AND b.status = 'held' AND b.hold_expires_at <= as_of)
        OR EXISTS (
            SELECT FROM bookings b
            WHERE b.unit_id = unit AND b.status = 'awaiting_cdmo' AND b.approval_expires_at <= as_of) THEN
        RETURN 'run_out';
    END IF;
    BEGIN
        INSERT INTO idempotency_keys SELECT * FROM jsonb_populate_recordset(NULL::idempotency_keys, new_keys)
            ON CONFLICT (holder_id, key) DO NOTHING;
        IF NOT FOUND AND jsonb_array_length(new_keys) > 0 THEN
            RETURN 'key_kept';
        END IF;
        INSERT INTO requests SELECT * FROM jsonb_populate_recordset(NULL::requests, new_requests);
        INSERT INTO bookings SELECT * FROM jsonb_populate_recordset(NULL::bookings, new_bookings);
        INSERT INTO audit_records (at, actor, person_id, api_key_id, token_client_id, job, organisation_id, action, object_type,
            object_id, before, after, reason_code, reason_text, request_id)
        SELECT at, actor, person_id, api_key_id, token_client_id, job, organisation_id, action, object_type,
            object_id, before, after, reason_code, reason_text, request_id
        FROM jsonb_populate_recordset(NULL::audit_records, new_records);
    EXCEPTION WHEN exclusion_violation OR check_violation THEN
        GET STACKED DIAGNOSTICS refused = CONSTRAINT_NAME;
        RETURN refused;
    END;
    RETURN NULL;
END $$
"""

# One look at all that may stand against it, and at whether the slot is lent, which a second trigger read again.
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
    ELSE
        refused := CASE
            WHEN NOT slot.divisible AND EXISTS (
                SELECT FROM bookings other WHERE other.slot_id = NEW.slot_id AND other.id <> NEW.id
                    AND other.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production'))
                THEN 'ck_bookings_slot_whole'
            WHEN (TG_OP = 'INSERT' OR OLD.unit_id <> NEW.unit_id OR OLD.period <> NEW.period) AND EXISTS (
                SELECT FROM days_kept_on(NEW.unit_id) kept WHERE kept.booking_id <> NEW.id
                    AND kept.booking_id IS DISTINCT FROM NEW.moves_id AND NEW.period && kept.period)
                THEN 'ck_bookings_not_kept'
            WHEN EXISTS (
                SELECT FROM slot_freezes f WHERE f.slot_id = NEW.slot_id
                    AND (TG_OP = 'UPDATE' OR NEW.source IN ('direct', 'move', 'repeat')
                        OR (NEW.source = 'round' AND f.holder = 'crisis')))
                THEN 'ck_bookings_slot_not_frozen'
            WHEN EXISTS (
                SELECT FROM crisis_orders o JOIN crises c ON c.id = o.crisis_id
                WHERE o.unit_id = NEW.unit_id AND o.status = 'issued' AND o.period && NEW.period
                    AND c.mode = 'real' AND NEW.crisis_id IS DISTINCT FROM o.crisis_id)
                THEN 'ck_bookings_not_ordered'
            WHEN TG_OP = 'INSERT' AND slot.reserve = 'crisis'
                AND NEW.source IN ('direct', 'round', 'waiting', 'move', 'repeat')
                AND NOT (slot.lendable AND NEW.recallable
                    AND coalesce(upper(NEW.period) - lower(NEW.period) <= slot.max_lent_days, true))
                THEN 'ck_bookings_lent'
        END;
    END IF;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'booking refused' USING ERRCODE = '23514', CONSTRAINT = refused, TABLE = 'bookings';
    END IF;
    RETURN NEW;
END $$
"""
BOOKING_RULES_BEFORE = """
CREATE OR REPLACE FUNCTION check_booking_in_slot()
 RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
        refused := 'ck_bookings_slot_whole';
    ELSIF (TG_OP = 'INSERT' OR OLD.unit_id <> NEW.unit_id OR OLD.period <> NEW.period) AND EXISTS (
        SELECT FROM days_kept_on(NEW.unit_id) kept WHERE kept.booking_id <> NEW.id
            AND kept.booking_id IS DISTINCT FROM NEW.moves_id AND NEW.period && kept.period) THEN
        refused := 'ck_bookings_not_kept';
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
LENT_TRIGGER = """
CREATE TRIGGER tr_bookings_lent BEFORE INSERT ON bookings FOR EACH ROW
    WHEN (NEW.source IN ('direct', 'round', 'waiting', 'move', 'repeat')
        AND NEW.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production'))
    EXECUTE FUNCTION check_booking_lent()
"""


def upgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE_BEFORE}")
    op.execute(WRITE_BOOKING)
    _for_the_service_alone(SIGNATURE)
    op.execute(BOOKING_RULES)
    op.execute("DROP TRIGGER tr_bookings_lent ON bookings")
    # Of a slot that there is, the unit is there too.
    op.drop_constraint("fk_bookings_unit_id", "bookings")


def downgrade() -> None:
    op.create_foreign_key("fk_bookings_unit_id", "bookings", "units", ["unit_id"], ["id"])
    op.execute(LENT_TRIGGER)
    op.execute(BOOKING_RULES_BEFORE)
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    op.execute(WRITE_BOOKING_BEFORE)
    _for_the_service_alone(SIGNATURE_BEFORE)


def _for_the_service_alone(signature: str) -> None:
    op.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO creneau_service")
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT EXECUTE ON FUNCTION {signature} TO creneau_app;
            END IF;
        END $$
        """
    )
