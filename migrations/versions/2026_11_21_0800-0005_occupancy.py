"""Which periods of some units are occupied, and nothing else: neither whose they are, nor at what price.

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


def upgrade() -> None:
    op.execute(UNIT_OCCUPANCY)
    op.execute("REVOKE EXECUTE ON FUNCTION unit_occupancy(uuid[]) FROM PUBLIC")
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT EXECUTE ON FUNCTION unit_occupancy(uuid[]) TO creneau_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION unit_occupancy(uuid[])")
