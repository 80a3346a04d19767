"""A booking written with the answer to the request that it is the effect of, so that one journey makes both facts.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SIGNATURE_BEFORE = "write_booking(uuid, uuid, integer, timestamptz, jsonb, jsonb, jsonb)"
SIGNATURE = "write_booking(uuid, uuid, integer, timestamptz, jsonb, jsonb, jsonb, jsonb)"
ARGUMENTS_BEFORE = (
    "unit uuid, slot_seen uuid, version_seen integer, as_of timestamptz,"
    " new_requests jsonb, new_bookings jsonb, new_records jsonb"
)

# The caller's clock goes on while the lock is waited for: what runs out meanwhile is in nobody's way either.
WRITE_BOOKING = """
CREATE FUNCTION write_booking({arguments}) RETURNS text LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    refused text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(unit::text, 0));
    IF NOT EXISTS (SELECT FROM slots s WHERE s.id = slot_seen AND s.version = version_seen) THEN
        RETURN 'slot_changed';
    END IF;
    as_of := as_of + (clock_timestamp() - statement_timestamp());
    IF EXISTS (
        SELECT FROM bookings b WHERE b.unit_id = unit
            AND ((b.status = 'held' AND b.hold_expires_at <= as_of)
                OR (b.status = 'awaiting_cdmo' AND b.approval_expires_at <= as_of))) THEN
        RETURN 'run_out';
    END IF;
    BEGIN{keep}
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
KEEP = """
        INSERT INTO idempotency_keys SELECT * FROM jsonb_populate_recordset(NULL::idempotency_keys, new_keys)
            ON CONFLICT (holder_id, key) DO NOTHING;
        IF NOT FOUND AND jsonb_array_length(new_keys) > 0 THEN
            RETURN 'key_kept';
        END IF;"""


def upgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE_BEFORE}")
    op.execute(WRITE_BOOKING.format(arguments=f"{ARGUMENTS_BEFORE}, new_keys jsonb", keep=KEEP))
    _for_the_service_alone(SIGNATURE)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    op.execute(WRITE_BOOKING.format(arguments=ARGUMENTS_BEFORE, keep=""))
    _for_the_service_alone(SIGNATURE_BEFORE)


def _for_the_service_alone(signature: str) -> None:
    op.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC")
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT EXECUTE ON FUNCTION {signature} TO creneau_app;
            END IF;
        END $$
        """
    )
