"""A campaign keeps its unit through the changeover after it, and through today while it is made, past its plan too.

What a slip runs over was the one case of days that a campaign keeps outside its period; these are two more. The day
from which the unit is free is stored when production ends, as the line changes over then.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

LIVE = "('held', 'awaiting_cdmo', 'confirmed', 'in_production')"
TODAY = "(now() AT TIME ZONE 'Europe/Paris')::date"

# Once a campaign has run past all that was told of its end, nothing told is to be believed of its changeover either.
FREE_FROM_ON = """
UPDATE bookings SET free_from_on = CASE
    WHEN bookings.actual_end_on >= told.end_on THEN told.clean_on ELSE least(told.end_on, told.clean_on) END
FROM (
    SELECT b.id, greatest(upper(b.period), b.expected_end_on) AS end_on,
        b.actual_end_on + 1 + line.changeover_days AS clean_on
    FROM bookings b JOIN units ON units.id = b.unit_id JOIN production_lines line ON line.id = units.line_id
    WHERE b.actual_end_on IS NOT NULL
) told WHERE told.id = bookings.id
"""

# Days outside a live booking's own period for which a campaign keeps its unit; empty if there are none.
DAYS_KEPT = f"""
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
DAYS_KEPT_ON = f"""
CREATE FUNCTION days_kept_on(unit uuid) RETURNS TABLE (booking_id uuid, period daterange)
    LANGUAGE sql STABLE AS $$
    SELECT b.id, days_kept(b) FROM bookings b WHERE b.unit_id = unit
        AND (b.status = 'in_production' OR (b.status = 'confirmed' AND b.expected_end_on IS NOT NULL))
    UNION ALL
    SELECT b.id, days_kept(b) FROM bookings b WHERE b.unit_id = unit AND b.free_from_on > {TODAY}
$$
"""
KEEPING = "status = 'in_production' OR (status = 'confirmed' AND expected_end_on IS NOT NULL)"
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
RUNNING_OVER = "expected_end_on IS NOT NULL AND status IN ('confirmed', 'in_production')"

BOUND = """(b.status IN ('confirmed', 'in_production')
            OR (b.status = 'awaiting_cdmo' AND (b.approval_expires_at IS NULL OR b.approval_expires_at > now()))
            OR (b.status = 'held' AND b.hold_expires_at > now()))"""
UNIT_OCCUPANCY = """
CREATE OR REPLACE FUNCTION unit_occupancy(unit_ids uuid[], leaving uuid DEFAULT NULL)
    RETURNS TABLE (unit_id uuid, slot_id uuid, period daterange)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
    SELECT b.unit_id, b.slot_id, b.period FROM bookings b
    WHERE b.unit_id = ANY (unit_ids) AND b.id IS DISTINCT FROM leaving AND {bound}
    UNION ALL
    {kept_of_units}
    ORDER BY 1, 3
$$
"""
SLOT_OCCUPANCY = """
CREATE OR REPLACE FUNCTION slot_occupancy(slot_ids uuid[]) RETURNS TABLE (slot_id uuid, days datemultirange)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
    SELECT busy.slot_id, range_agg(busy.period) FROM (
        SELECT b.slot_id, b.period FROM bookings b WHERE b.slot_id = ANY (slot_ids) AND {bound}
        UNION ALL
        {kept_in_slots}
    ) busy GROUP BY busy.slot_id
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
        refused := 'ck_bookings_slot_whole';
    ELSIF (TG_OP = 'INSERT' OR OLD.unit_id <> NEW.unit_id OR OLD.period <> NEW.period) AND EXISTS (
        {kept_from_new}) THEN
        refused := '{rule}';
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
# By day, not by slot: a split leaves the days where they are. What is past serves nobody.
FREED_DAYS = """
CREATE OR REPLACE FUNCTION freed_days(before bookings, after bookings) RETURNS TABLE (slot_id uuid, period daterange)
    LANGUAGE sql STABLE AS $$
    SELECT had.slot_id, freed
    FROM (SELECT before.slot_id, before.period UNION ALL {kept_before}) had,
        unnest(datemultirange(had.period) - datemultirange(daterange(NULL, {today}))
            - CASE WHEN after.unit_id = before.unit_id AND after.status IN {live}
                THEN datemultirange(after.period) ELSE '{{}}'::datemultirange END
            - CASE WHEN after.unit_id = before.unit_id
                THEN datemultirange({kept}(after)) ELSE '{{}}'::datemultirange END
        ) AS freed
$$
"""
USERS = (UNIT_OCCUPANCY, SLOT_OCCUPANCY, BOOKING_RULES, FREED_DAYS)
# OFFSET 0 keeps a plan made without the units from reading all slots there are.
NAMES = {
    "bound": BOUND, "live": LIVE, "today": TODAY, "kept": "days_kept", "rule": "ck_bookings_not_kept",
    "kept_of_units": """SELECT unit.id, s.id, s.period * kept.period
    FROM unnest(unit_ids) unit (id) CROSS JOIN LATERAL days_kept_on(unit.id) kept CROSS JOIN LATERAL (
        SELECT slots.id, slots.period FROM slots
        WHERE slots.unit_id = unit.id AND slots.status = 'published' AND slots.period && kept.period OFFSET 0) s
    WHERE kept.booking_id IS DISTINCT FROM leaving""",
    "kept_in_slots": """SELECT s.id, s.period * kept.period
        FROM slots s CROSS JOIN LATERAL days_kept_on(s.unit_id) kept
        WHERE s.id = ANY (slot_ids) AND s.status = 'published' AND s.period && kept.period""",
    "kept_from_new": """SELECT FROM days_kept_on(NEW.unit_id) kept WHERE kept.booking_id <> NEW.id
            AND kept.booking_id IS DISTINCT FROM NEW.moves_id AND NEW.period && kept.period""",
    "kept_before": """
        SELECT s.id, s.period * days_kept(before) FROM slots s
        WHERE s.unit_id = before.unit_id AND s.status = 'published' AND s.period && days_kept(before)""",
}
NAMES_BEFORE = NAMES | {
    "kept": "overrun", "rule": "ck_bookings_not_run_over",
    "kept_of_units": """SELECT b.unit_id, late.slot_id, late.period
    FROM bookings b CROSS JOIN LATERAL days_run_over(b) late
    WHERE b.unit_id = ANY (unit_ids) AND b.id IS DISTINCT FROM leaving
        AND b.expected_end_on IS NOT NULL AND b.status IN ('confirmed', 'in_production')""",
    "kept_in_slots": """SELECT s.id, late.period
        FROM slots s JOIN bookings b ON b.unit_id = s.unit_id CROSS JOIN LATERAL days_run_over(b) late
        WHERE s.id = ANY (slot_ids) AND late.slot_id = s.id
            AND b.expected_end_on IS NOT NULL AND b.status IN ('confirmed', 'in_production')""",
    "kept_from_new": """SELECT FROM bookings late WHERE late.unit_id = NEW.unit_id AND late.expected_end_on IS NOT NULL
            AND late.status IN ('confirmed', 'in_production') AND late.id <> NEW.id
            AND late.id IS DISTINCT FROM NEW.moves_id AND NEW.period && overrun(late)""",
    "kept_before": "SELECT * FROM days_run_over(before)",
}
INNER = {"days_kept(bookings)": DAYS_KEPT, "days_kept_on(uuid)": DAYS_KEPT_ON}
INNER_BEFORE = {"overrun(bookings)": OVERRUN, "days_run_over(bookings)": DAYS_RUN_OVER}
"""Functions that others call with the rights of the owner, and nobody by himself."""


def upgrade() -> None:
    op.add_column("bookings", sa.Column("free_from_on", sa.Date(), nullable=True))
    op.execute(FREE_FROM_ON)
    op.create_check_constraint(
        op.f("ck_bookings_free_from_on"),
        "bookings",
        "(actual_end_on IS NULL) = (free_from_on IS NULL) AND free_from_on > actual_end_on",
    )
    op.create_index(
        "ix_bookings_free_from_on", "bookings", ["unit_id", "free_from_on"],
        postgresql_where=sa.text("free_from_on IS NOT NULL"),
    )
    op.create_index("ix_bookings_keeping", "bookings", ["unit_id"], postgresql_where=sa.text(KEEPING))
    _replace(INNER_BEFORE, INNER, NAMES)
    op.drop_index("ix_bookings_running_over", "bookings")


def _replace(old: dict[str, str], new: dict[str, str], names: dict[str, str]) -> None:
    """Let all that tells what is busy go by other days kept outside a period."""
    for signature, body in new.items():
        op.execute(body)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC")
    for body in USERS:
        op.execute(body.format(**names))
    for signature in reversed(old):
        op.execute(f"DROP FUNCTION {signature}")


def downgrade() -> None:
    op.create_index("ix_bookings_running_over", "bookings", ["unit_id"], postgresql_where=sa.text(RUNNING_OVER))
    _replace(INNER, INNER_BEFORE, NAMES_BEFORE)
    op.drop_index("ix_bookings_keeping", "bookings")
    op.drop_index("ix_bookings_free_from_on", "bookings")
    op.drop_constraint(op.f("ck_bookings_free_from_on"), "bookings")
    op.drop_column("bookings", "free_from_on")
