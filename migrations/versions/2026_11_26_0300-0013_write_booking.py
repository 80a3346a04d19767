"""A booking written with what stands or falls with it, in one journey to the server.

The unit is locked, and what has run out in its way is told of, before the rows are inserted; a refusal of the calendar
is returned by the name of its rule, and leaves nothing behind.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SIGNATURE = "write_booking(uuid, timestamptz, jsonb, jsonb, jsonb)"
WRITE_BOOKING = """
CREATE FUNCTION write_booking(
    unit uuid, as_of timestamptz, new_requests jsonb, new_bookings jsonb, new_records jsonb
) RETURNS text LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    refused text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(unit::text, 0));
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


def upgrade() -> None:
    op.execute(WRITE_BOOKING)
    op.execute(f"REVOKE EXECUTE ON FUNCTION {SIGNATURE} FROM PUBLIC")
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT EXECUTE ON FUNCTION {SIGNATURE} TO creneau_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE}")
