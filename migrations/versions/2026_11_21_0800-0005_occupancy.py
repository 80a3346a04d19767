"""Which periods of some units are occupied, or whether one is for a request, and nothing else: not whose, nor the price.

A hold that has run out occupies nothing, even before anybody has swept it.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UNIT_OCCUPANCY = """
CREATE FUNCTION unit_occupancy(unit_ids uuid[]) RETURNS TABLE (unit_id uuid, slot_id uuid, period daterange)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT b.unit_id, b.slot_id, b.period FROM bookings b
    WHERE b.unit_id = ANY (unit_ids)
        AND (b.status IN ('awaiting_cdmo', 'confirmed', 'in_production')
            OR (b.status = 'held' AND b.hold_expires_at > now()))
    ORDER BY b.unit_id, b.period
$$
"""

REQUEST_HAS_PERIOD = """
CREATE FUNCTION request_has_period(request uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM bookings b WHERE b.request_id = request
            AND (b.status IN ('awaiting_cdmo', 'confirmed', 'in_production')
                OR (b.status = 'held' AND b.hold_expires_at > now())))
$$
"""

FUNCTIONS = {"unit_occupancy(uuid[])": UNIT_OCCUPANCY, "request_has_period(uuid)": REQUEST_HAS_PERIOD}


def upgrade() -> None:
    for signature, body in FUNCTIONS.items():
        op.execute(body)
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


def downgrade() -> None:
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
