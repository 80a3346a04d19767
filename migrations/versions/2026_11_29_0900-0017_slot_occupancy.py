"""What is busy in single slots, by their bookings alone: a unit may have had hundreds elsewhere.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SLOT_OCCUPANCY = """
CREATE FUNCTION slot_occupancy(slot_ids uuid[]) RETURNS TABLE (slot_id uuid, days datemultirange)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT busy.slot_id, range_agg(busy.period) FROM (
        SELECT b.slot_id, b.period FROM bookings b
        WHERE b.slot_id = ANY (slot_ids)
            AND (b.status IN ('confirmed', 'in_production')
                OR (b.status = 'awaiting_cdmo' AND (b.approval_expires_at IS NULL OR b.approval_expires_at > now()))
                OR (b.status = 'held' AND b.hold_expires_at > now()))
        UNION ALL
        SELECT s.id, late.period
        FROM slots s JOIN bookings b ON b.unit_id = s.unit_id CROSS JOIN LATERAL days_run_over(b) late
        WHERE s.id = ANY (slot_ids) AND late.slot_id = s.id
            AND b.expected_end_on IS NOT NULL AND b.status IN ('confirmed', 'in_production')
    ) busy GROUP BY busy.slot_id
$$
"""


def upgrade() -> None:
    op.execute(SLOT_OCCUPANCY)
    op.execute("REVOKE EXECUTE ON FUNCTION slot_occupancy(uuid[]) FROM PUBLIC")
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT EXECUTE ON FUNCTION slot_occupancy(uuid[]) TO creneau_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION slot_occupancy(uuid[])")
