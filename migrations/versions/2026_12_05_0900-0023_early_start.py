"""A campaign that started before its planned period keeps its unit from that day on, and nobody books it there.

Such days and those after the period can be kept at once, so what is kept is told as several periods.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

LIVE = "('held', 'awaiting_cdmo', 'confirmed', 'in_production')"
TODAY = "(now() AT TIME ZONE 'Europe/Paris')::date"

# Days outside a live booking's own period for which a campaign keeps its unit; before the period, until the end that
# its last slip told, or as long as it was planned to take, and through today.
DAYS_KEPT = f"""
CREATE FUNCTION days_kept(booking bookings) RETURNS datemultirange LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN booking.free_from_on IS NOT NULL
            THEN datemultirange(daterange(booking.actual_end_on, booking.free_from_on))
        WHEN booking.status = 'in_production' THEN
            CASE WHEN booking.actual_start_on < lower(booking.period) THEN datemultirange(daterange(
                booking.actual_start_on, least(lower(booking.period), greatest(
                    booking.actual_start_on, {TODAY} + 1, coalesce(booking.expected_end_on,
                        booking.actual_start_on + (upper(booking.period) - lower(booking.period))))
                ))) ELSE '{{}}' END
            + datemultirange(daterange(upper(booking.period),
                greatest(upper(booking.period), booking.expected_end_on, {TODAY} + 1)))
        WHEN booking.status = 'confirmed' THEN datemultirange(daterange(upper(booking.period),
            greatest(upper(booking.period), booking.expected_end_on)))
        ELSE '{{}}' END
$$
"""
DAYS_KEPT_BEFORE = f"""
CREATE FUNCTION days_kept(booking bookings) RETURNS daterange LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN booking.free_from_on IS NOT NULL THEN daterange(booking.actual_end_on, booking.free_from_on)
        WHEN booking.status = 'in_production' THEN daterange(upper(booking.period),
            greatest(upper(booking.period), booking.expected_end_on, {TODAY} + 1))
        WHEN booking.status = 'confirmed' THEN daterange(upper(booking.period),
            greatest(upper(booking.period), booking.expected_end_on))
        ELSE 'empty' END
$$
"""
# Asked of one unit at a time, so that what the fleet keeps is never read for one slot.
DAYS_KEPT_ON = """
CREATE OR REPLACE FUNCTION days_kept_on(unit uuid) RETURNS TABLE (booking_id uuid, period daterange)
    LANGUAGE sql STABLE AS $$
    SELECT b.id, {kept} WHERE b.unit_id = unit
        AND (b.status = 'in_production' OR (b.status = 'confirmed' AND b.expected_end_on IS NOT NULL))
    UNION ALL
    SELECT b.id, {kept} WHERE b.unit_id = unit AND b.free_from_on > {today}
$$
"""
# By day, not by slot: a split leaves the days where they are. What is past serves nobody.
FREED_DAYS = """
CREATE OR REPLACE FUNCTION freed_days(before bookings, after bookings) RETURNS TABLE (slot_id uuid, period daterange)
    LANGUAGE sql STABLE AS $$
    SELECT had.slot_id, freed
    FROM (SELECT before.slot_id, before.period UNION ALL
        SELECT s.id, s.period * {kept_before} kept
        WHERE s.unit_id = before.unit_id AND s.status = 'published' AND s.period && kept) had,
        unnest(datemultirange(had.period) - datemultirange(daterange(NULL, {today}))
            - CASE WHEN after.unit_id = before.unit_id AND after.status IN {live}
                THEN datemultirange(after.period) ELSE '{{}}'::datemultirange END
            - CASE WHEN after.unit_id = before.unit_id
                THEN {kept_after} ELSE '{{}}'::datemultirange END
        ) AS freed
$$
"""
NAMES = {
    "live": LIVE, "today": TODAY,
    "kept": "kept FROM bookings b CROSS JOIN LATERAL unnest(days_kept(b)) kept",
    "kept_before": "kept FROM slots s CROSS JOIN LATERAL unnest(days_kept(before))",
    "kept_after": "days_kept(after)",
}
NAMES_BEFORE = NAMES | {
    "kept": "days_kept(b) FROM bookings b",
    "kept_before": "kept FROM slots s CROSS JOIN LATERAL days_kept(before)",
    "kept_after": "datemultirange(days_kept(after))",
}


def upgrade() -> None:
    _replace(DAYS_KEPT, NAMES)


def downgrade() -> None:
    _replace(DAYS_KEPT_BEFORE, NAMES_BEFORE)


def _replace(days_kept: str, names: dict[str, str]) -> None:
    """Let all that asks for the days that a campaign keeps take them as they are told from now on."""
    op.execute("DROP FUNCTION days_kept(bookings)")
    op.execute(days_kept)
    op.execute("REVOKE EXECUTE ON FUNCTION days_kept(bookings) FROM PUBLIC")
    for body in (DAYS_KEPT_ON, FREED_DAYS):
        op.execute(body.format(**names))
