"""Slots as CDMOs keep them: what a change of a slot may not contradict, lending, openings of slots, and alerts.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# One trigger refuses by the name of one rule, so each rule stands where the one before it passes. What stands is a live
# booking: one whose hold has run out binds nobody, swept or not. A frozen slot may be split: its days stay frozen.
SLOT_RULES = """
CREATE OR REPLACE FUNCTION check_slot_keeps_bookings() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    refused text;
    leaves boolean := OLD.status = 'published' AND NEW.status <> 'published';
    shrinks boolean := NOT NEW.period @> OLD.period;
    today date := (now() AT TIME ZONE 'Europe/Paris')::date;
BEGIN
    IF leaves AND EXISTS (SELECT FROM slot_claims(OLD.id) c WHERE c.kind = 'booking') THEN
        refused := 'ck_slots_keep_published';
    ELSIF shrinks AND EXISTS (
        SELECT FROM slot_claims(OLD.id) c WHERE c.kind = 'booking' AND NOT NEW.period @> c.period) THEN
        refused := 'ck_slots_keep_period';
    ELSIF OLD.reserve <> NEW.reserve AND EXISTS (SELECT FROM slot_claims(OLD.id) c WHERE c.kind = 'booking') THEN
        refused := 'ck_slots_keep_reserve';
    ELSIF OLD.divisible AND NOT NEW.divisible AND 1 < (
        SELECT count(*) FROM slot_claims(OLD.id) c WHERE c.kind = 'booking') THEN
        refused := 'ck_slots_keep_divisible';
    ELSIF NEW.reserve = 'startup' AND OLD.releases_on <= today AND coalesce(NEW.releases_on, 'infinity') > today
        AND EXISTS (SELECT FROM slot_claims(OLD.id) c WHERE c.reserve = 'open') THEN
        refused := 'ck_slots_keep_release';
    ELSIF coalesce(NEW.recall_notice_days < OLD.recall_notice_days,
            OLD.recall_notice_days IS NOT NULL AND NEW.recall_notice_days IS NULL)
        AND EXISTS (SELECT FROM slot_claims(OLD.id) c WHERE c.lent) THEN
        refused := 'ck_slots_keep_notice';
    ELSIF OLD.max_lent_days IS DISTINCT FROM NEW.max_lent_days AND EXISTS (
        SELECT FROM slot_claims(OLD.id) c WHERE c.lent AND upper(c.period) - lower(c.period) > NEW.max_lent_days) THEN
        refused := 'ck_slots_keep_lent';
    ELSIF (leaves OR OLD.reserve <> NEW.reserve) AND EXISTS (
        SELECT FROM slot_claims(OLD.id) c WHERE c.kind = 'order') THEN
        refused := 'ck_slots_keep_ordered';
    ELSIF shrinks AND EXISTS (
        SELECT FROM slot_claims(OLD.id) c WHERE c.kind = 'order' AND NOT NEW.period @> c.period) THEN
        refused := 'ck_slots_keep_ordered';
    ELSIF (leaves OR OLD.reserve <> NEW.reserve) AND EXISTS (
        SELECT FROM slot_freezes f WHERE f.slot_id = OLD.id) THEN
        refused := 'ck_slots_keep_frozen';
    ELSIF shrinks AND EXISTS (
        SELECT FROM slot_freezes f WHERE f.slot_id = OLD.id
            AND NOT datemultirange(OLD.period) - datemultirange(NEW.period) <@ coalesce((
                SELECT range_agg(part.period) FROM slots part JOIN slot_freezes same ON same.slot_id = part.id
                WHERE part.unit_id = OLD.unit_id AND part.id <> OLD.id AND part.status = 'published'
                    AND same.holder_id = f.holder_id), '{}'::datemultirange)) THEN
        refused := 'ck_slots_keep_frozen';
    END IF;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'slot change refused' USING ERRCODE = '23514', CONSTRAINT = refused, TABLE = 'slots';
    END IF;
    RETURN NEW;
END $$
"""

SLOT_CLAIMS = """
CREATE FUNCTION slot_claims(claimed uuid) RETURNS TABLE (kind text, period daterange, reserve text, lent boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'booking', b.period, b.reserve, b.recallable AND b.source <> 'crisis' FROM bookings b
    WHERE b.slot_id = claimed
        AND (b.status IN ('confirmed', 'in_production')
            OR (b.status = 'awaiting_cdmo' AND (b.approval_expires_at IS NULL OR b.approval_expires_at > now()))
            OR (b.status = 'held' AND b.hold_expires_at > now()))
    UNION ALL
    SELECT 'order', o.period, NULL, false FROM crisis_orders o JOIN crises c ON c.id = o.crisis_id
    WHERE o.slot_id = claimed AND o.status = 'issued' AND c.mode = 'real'
    ORDER BY 2
$$
"""

# What is lent is lent under terms: while the slot is lendable, no longer than it may be, and to be recalled.
LENT_RULES = """
CREATE FUNCTION check_booking_lent() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    slot slots%ROWTYPE;
BEGIN
    SELECT * INTO slot FROM slots WHERE id = NEW.slot_id;
    IF slot.reserve = 'crisis' AND NOT (slot.lendable AND NEW.recallable
        AND coalesce(upper(NEW.period) - lower(NEW.period) <= slot.max_lent_days, true)) THEN
        RAISE EXCEPTION 'booking refused' USING ERRCODE = '23514', CONSTRAINT = 'ck_bookings_lent', TABLE = 'bookings';
    END IF;
    RETURN NEW;
END $$
"""
# Fires after the trigger that locks the slot: triggers of one event fire in the order of their names.
LENT_TRIGGERS = (
    "CREATE TRIGGER tr_bookings_lent BEFORE INSERT ON bookings FOR EACH ROW"
    " WHEN (NEW.source IN ('direct', 'round', 'waiting', 'move', 'repeat') AND NEW.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production'))"
    " EXECUTE FUNCTION check_booking_lent()",
    "CREATE TRIGGER tr_bookings_lent_anew BEFORE UPDATE OF period, unit_id ON bookings FOR EACH ROW"
    " WHEN (NEW.source IN ('direct', 'round', 'waiting', 'move', 'repeat') AND NEW.status IN ('held', 'awaiting_cdmo', 'confirmed')"
    " AND (NEW.period <> OLD.period OR NEW.unit_id <> OLD.unit_id))"
    " EXECUTE FUNCTION check_booking_lent()",
)

# An opening without a period is of the whole slot.
SLOT_OPENED = """
CREATE FUNCTION note_slot_opening() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    cause text;
BEGIN
    IF TG_OP = 'INSERT' OR OLD.status <> 'published' THEN
        cause := 'published';
    ELSIF NEW.reserve <> OLD.reserve THEN
        cause := 'reclassified';
    ELSIF NEW.lendable AND NOT OLD.lendable THEN
        cause := 'lent';
    END IF;
    IF cause IS NOT NULL THEN
        INSERT INTO slot_openings (slot_id, cause) VALUES (NEW.id, cause);
    ELSE
        INSERT INTO slot_openings (slot_id, cause, period)
            SELECT NEW.id, 'extended', added
            FROM unnest(datemultirange(NEW.period) - datemultirange(OLD.period)) AS added;
    END IF;
    RETURN NULL;
END $$
"""
PERIOD_FREED = """
CREATE FUNCTION note_freed_opening() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO slot_openings (slot_id, cause, period)
        SELECT OLD.slot_id, 'freed', freed
        FROM unnest(datemultirange(OLD.period) - CASE
            WHEN NEW.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production') AND NEW.unit_id = OLD.unit_id
            THEN datemultirange(NEW.period) ELSE '{}'::datemultirange END) AS freed
        WHERE upper(freed) > (now() AT TIME ZONE 'Europe/Paris')::date;
    RETURN NULL;
END $$
"""
OPENING_TRIGGERS = (
    "CREATE TRIGGER tr_slots_opened AFTER INSERT ON slots FOR EACH ROW"
    " WHEN (NEW.status = 'published') EXECUTE FUNCTION note_slot_opening()",
    "CREATE TRIGGER tr_slots_opened_further AFTER UPDATE OF status, reserve, lendable, period ON slots FOR EACH ROW"
    " WHEN (NEW.status = 'published' AND (OLD.status, OLD.reserve, OLD.lendable, OLD.period)"
    " IS DISTINCT FROM (NEW.status, NEW.reserve, NEW.lendable, NEW.period)) EXECUTE FUNCTION note_slot_opening()",
    "CREATE TRIGGER tr_bookings_opening AFTER UPDATE OF status, period, unit_id ON bookings FOR EACH ROW"
    " WHEN (OLD.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production') AND (NEW.period <> OLD.period"
    " OR NEW.unit_id <> OLD.unit_id OR NEW.status NOT IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')))"
    " EXECUTE FUNCTION note_freed_opening()",
)

SLOT_RULES_BEFORE = """
CREATE OR REPLACE FUNCTION check_slot_keeps_bookings() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    refused text;
BEGIN
    IF OLD.status = 'published' AND NEW.status <> 'published' AND EXISTS (
        SELECT FROM bookings b WHERE b.slot_id = OLD.id
            AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
            AND (b.status <> 'held' OR b.hold_expires_at > now())) THEN
        refused := 'ck_slots_keep_published';
    ELSIF NOT NEW.period @> OLD.period AND EXISTS (
        SELECT FROM bookings b WHERE b.slot_id = OLD.id AND NOT NEW.period @> b.period
            AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
            AND (b.status <> 'held' OR b.hold_expires_at > now())) THEN
        refused := 'ck_slots_keep_period';
    ELSIF OLD.reserve <> NEW.reserve AND EXISTS (
        SELECT FROM bookings b WHERE b.slot_id = OLD.id
            AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
            AND (b.status <> 'held' OR b.hold_expires_at > now())) THEN
        refused := 'ck_slots_keep_reserve';
    ELSIF OLD.divisible AND NOT NEW.divisible AND 1 < (
        SELECT count(*) FROM bookings b WHERE b.slot_id = OLD.id
            AND b.status IN ('held', 'awaiting_cdmo', 'confirmed', 'in_production')
            AND (b.status <> 'held' OR b.hold_expires_at > now())) THEN
        refused := 'ck_slots_keep_divisible';
    END IF;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'slot change refused' USING ERRCODE = '23514', CONSTRAINT = refused, TABLE = 'slots';
    END IF;
    RETURN NEW;
END $$
"""

GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
        GRANT SELECT, INSERT, UPDATE ON slot_openings TO creneau_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON alerts TO creneau_app;
        GRANT SELECT, INSERT, DELETE ON alert_hits TO creneau_app;
        GRANT EXECUTE ON FUNCTION slot_claims(uuid) TO creneau_app;
    END IF;
END $$
"""


def upgrade() -> None:
    op.add_column("feasibilities", sa.Column("answer_by_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_slots_releases_on", "slots", ["releases_on"], unique=False,
        postgresql_where=sa.text("status = 'published' AND releases_on IS NOT NULL"),
    )
    _create_openings()
    _create_alerts()
    for body in (SLOT_CLAIMS, SLOT_RULES, LENT_RULES, SLOT_OPENED, PERIOD_FREED):
        op.execute(body)
    op.execute("REVOKE EXECUTE ON FUNCTION slot_claims(uuid) FROM PUBLIC")
    for trigger in (*LENT_TRIGGERS, *OPENING_TRIGGERS):
        op.execute(trigger)
    op.execute(GRANTS)


def _create_openings() -> None:
    causes = ("published", "extended", "reclassified", "lent", "released", "freed")
    op.create_table(
        "slot_openings",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column(
            "cause",
            sa.Enum(*causes, name="openingcause", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("period", postgresql.DATERANGE(), nullable=True),
        sa.Column("released_on", sa.Date(), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(cause = 'released') = (released_on IS NOT NULL)", name=op.f("ck_slot_openings_released_on")
        ),
        sa.CheckConstraint(
            "NOT isempty(period) AND NOT lower_inf(period) AND NOT upper_inf(period)"
            " AND lower(period) > '-infinity' AND upper(period) < 'infinity'",
            name=op.f("ck_slot_openings_period_real"),
        ),
        sa.ForeignKeyConstraint(["slot_id"], ["slots.id"], name=op.f("fk_slot_openings_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot_openings")),
        sa.UniqueConstraint("slot_id", "released_on", name=op.f("uq_slot_openings_slot_id_released_on")),
    )
    op.create_index(
        "ix_slot_openings_pending", "slot_openings", ["slot_id"], unique=False,
        postgresql_where=sa.text("evaluated_at IS NULL"),
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column("filters", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.CheckConstraint("(request_id IS NULL) <> (filters IS NULL)", name=op.f("ck_alerts_request_or_filters")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_alerts_organisation_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_alerts_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("request_id", name=op.f("uq_alerts_request_id")),
    )
    op.create_index("ix_alerts_organisation_id", "alerts", ["organisation_id", "id"], unique=False)
    op.create_table(
        "alert_hits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("opening_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_hits_alert_id")),
        sa.ForeignKeyConstraint(["opening_id"], ["slot_openings.id"], name=op.f("fk_alert_hits_opening_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slots.id"], name=op.f("fk_alert_hits_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_hits")),
        sa.UniqueConstraint("alert_id", "opening_id", name=op.f("uq_alert_hits_alert_id_opening_id")),
    )
    op.create_index("ix_alert_hits_opening_id", "alert_hits", ["opening_id"], unique=False)


def downgrade() -> None:
    for trigger, table in (
        ("tr_bookings_opening", "bookings"), ("tr_slots_opened_further", "slots"), ("tr_slots_opened", "slots"),
        ("tr_bookings_lent_anew", "bookings"), ("tr_bookings_lent", "bookings"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute(SLOT_RULES_BEFORE)
    for name in ("note_freed_opening()", "note_slot_opening()", "check_booking_lent()", "slot_claims(uuid)"):
        op.execute(f"DROP FUNCTION {name}")
    for table in ("alert_hits", "alerts", "slot_openings"):
        op.drop_table(table)
    op.drop_index("ix_slots_releases_on", table_name="slots")
    op.drop_column("feasibilities", "answer_by_on")
