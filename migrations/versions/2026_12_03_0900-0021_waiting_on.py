"""A request waits as long as it has an instant since when, an open offer included.

What was freed while something kept it from any offer is noted again when that has ended.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

WAITS_BEFORE = "status = 'waitlisted' OR wants_earlier"
WAITS = "waiting_since_at IS NOT NULL"
ON_THE_LIST = (
    "(waiting_since_at IS NULL OR status IN ('waitlisted', 'offered', 'booked'))"
    " AND (waiting_since_at IS NOT NULL OR status <> 'waitlisted' AND NOT wants_earlier)"
)
LIVE = "('held', 'awaiting_cdmo', 'confirmed', 'in_production')"
BARS = "('offer_pending', 'approval_pending', 'holds_a_place', 'in_round')"

NOTE_FREED = """
CREATE OR REPLACE FUNCTION note_freed_period() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM requests WHERE {waits}) THEN
        INSERT INTO freed_periods (id, unit_id, slot_id, period, booking_id, reason_code, attempts)
        SELECT gen_random_uuid(), OLD.unit_id, freed.slot_id,
            freed.period, OLD.id, CASE WHEN NEW.status NOT IN {live} THEN coalesce(NEW.ended_reason_code, NEW.status)
                WHEN NEW.period = OLD.period AND NEW.unit_id = OLD.unit_id THEN 'slipped_less' ELSE 'moved' END, 0
        FROM freed_days(OLD, NEW) freed;
    END IF;
    RETURN NULL;
END $$
"""

# Of what it was asked about in vain, the last word on days that are not booked, as slots lie today.
FREE_AGAIN = f"""
CREATE FUNCTION free_again(barred uuid[]) RETURNS SETOF uuid LANGUAGE sql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH missed AS (
        SELECT DISTINCT ON (f.unit_id, s.id, left_over.days)
            f.unit_id, s.id AS slot_id, left_over.days, f.booking_id, f.reason_code, line.request_id, line.id AS line_id
        FROM waiting_lines line
        JOIN requests r ON r.id = line.request_id AND r.waiting_since_at <= line.created_at
        JOIN freed_periods f ON f.decision_id = line.decision_id
        JOIN slots s ON s.unit_id = f.unit_id AND s.status = 'published' AND s.period && f.period
        CROSS JOIN LATERAL (SELECT f.period * s.period
            * daterange((now() AT TIME ZONE 'Europe/Paris')::date, NULL) AS days) left_over
        WHERE line.request_id = ANY (barred) AND line.reason_code IN {BARS} AND NOT isempty(left_over.days)
        ORDER BY f.unit_id, s.id, left_over.days, line.id DESC
    ), noted AS (
        INSERT INTO freed_periods (id, unit_id, slot_id, period, booking_id, reason_code, attempts)
        SELECT gen_random_uuid(), m.unit_id, m.slot_id, m.days, m.booking_id, m.reason_code, 0 FROM missed m
        WHERE NOT EXISTS (SELECT FROM bookings b
                WHERE b.unit_id = m.unit_id AND b.status IN {LIVE} AND b.period @> m.days)
            AND NOT EXISTS (SELECT FROM freed_periods f
                WHERE f.unit_id = m.unit_id AND f.decision_id IS NULL AND f.period @> m.days)
            AND NOT EXISTS (SELECT FROM waiting_lines since JOIN freed_periods f ON f.decision_id = since.decision_id
                WHERE since.request_id = m.request_id AND since.id > m.line_id
                    AND f.unit_id = m.unit_id AND f.period @> m.days)
        RETURNING unit_id
    )
    SELECT DISTINCT unit_id FROM noted
$$
"""


def upgrade() -> None:
    op.execute(
        "UPDATE requests SET waiting_since_at = coalesce(submitted_at, created_at)"
        f" WHERE waiting_since_at IS NULL AND ({WAITS_BEFORE})"
    )
    op.execute(
        "UPDATE requests SET waiting_since_at = NULL"
        f" WHERE waiting_since_at IS NOT NULL AND status <> 'offered' AND NOT ({WAITS_BEFORE})"
    )
    op.create_check_constraint(op.f("ck_requests_waiting_since_at"), "requests", ON_THE_LIST)
    _look_at(WAITS)
    op.execute(FREE_AGAIN)
    op.execute("REVOKE EXECUTE ON FUNCTION free_again(uuid[]) FROM PUBLIC")
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT EXECUTE ON FUNCTION free_again(uuid[]) TO creneau_app;
            END IF;
        END $$
        """
    )


def _look_at(waits: str) -> None:
    """Let this be the condition of being on the waiting list."""
    op.drop_index("ix_requests_waiting", table_name="requests")
    op.create_index("ix_requests_waiting", "requests", ["product_id", "id"], postgresql_where=sa.text(waits))
    op.execute(NOTE_FREED.format(waits=waits, live=LIVE))


def downgrade() -> None:
    op.execute("DROP FUNCTION free_again(uuid[])")
    op.drop_constraint(op.f("ck_requests_waiting_since_at"), "requests")
    _look_at(WAITS_BEFORE)
