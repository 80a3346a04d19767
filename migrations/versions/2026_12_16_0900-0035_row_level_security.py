"""Row-level security on every table: the application's role sees what is the acting organisation's, or everybody's.

For whom the database is asked stands in `app.organisation`, `app.role` and `app.holder`, for the length of a
transaction. What the service must look at across organisations it does as `creneau_service`, whose policies are a
plain yes: a condition would keep indexes on periods from being used, whose operators PostgreSQL does not trust to keep
what they compare to themselves. The owner's are too: without it seeds would fail, and backfills touch nothing.

Revision ID: 0035
Revises: 0034
"""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

SERVICE = "creneau_service"

FUNCTIONS = """
CREATE FUNCTION acting_organisation() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.organisation', true), '')::uuid
$$;
CREATE FUNCTION acting_holder() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.holder', true), '')::uuid
$$;
CREATE FUNCTION acting_as(VARIADIC roles text[]) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('app.role', true) = ANY (roles), false)
$$;
CREATE FUNCTION acting_across() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_has_role('creneau_service', 'USAGE')
$$;
CREATE FUNCTION own_units() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(unit.id), '{}')
      FROM sites AS site
      JOIN production_lines AS line ON line.site_id = site.id
      JOIN units AS unit ON unit.line_id = line.id
     WHERE site.organisation_id = acting_organisation()
$$;
CREATE FUNCTION own_lines() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(line.id), '{}')
      FROM sites AS site
      JOIN production_lines AS line ON line.site_id = site.id
     WHERE site.organisation_id = acting_organisation()
$$;
CREATE FUNCTION is_own_request(request uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM requests WHERE id = request AND organisation_id = acting_organisation())
$$;
CREATE FUNCTION own_requests() RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id FROM requests WHERE organisation_id = acting_organisation()
$$;
CREATE FUNCTION told_requests() RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT request_id FROM feasibilities WHERE line_id = ANY ((SELECT own_lines())::uuid[])
    UNION SELECT request_id FROM bookings WHERE unit_id = ANY ((SELECT own_units())::uuid[]) AND request_id IS NOT NULL
$$;
CREATE FUNCTION told_products() RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT product_id FROM requests WHERE id IN (SELECT told_requests())
$$;
CREATE FUNCTION is_real_crisis(crisis uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM crises WHERE id = crisis AND mode = 'real')
$$;
"""
SIGNATURES = (
    "told_products()",
    "told_requests()",
    "own_requests()",
    "is_real_crisis(uuid)",
    "is_own_request(uuid)",
    "own_lines()",
    "own_units()",
    "acting_across()",
    "acting_as(text[])",
    "acting_holder()",
    "acting_organisation()",
)
"""In the order in which they can be dropped."""

OWN = "organisation_id = (SELECT acting_organisation())"
OWN_UNIT = "unit_id = ANY ((SELECT own_units())::uuid[])"
OWN_LINE = "line_id = ANY ((SELECT own_lines())::uuid[])"
AUTHORITY = "(SELECT acting_as('authority'))"
BUYER = "(SELECT acting_as('startup_member', 'authority'))"
FUNDER = "funder_id = (SELECT acting_organisation())"
OF_PERSON = "EXISTS (SELECT FROM people AS one WHERE one.id = person_id)"
OWN_FEASIBILITY = f"{OWN_LINE} OR request_id IN (SELECT own_requests())"
OWN_KIND = "(kind NOT IN ('coordinator', 'authority') OR acting_as(kind))"
OWN_ROLE = "(role NOT IN ('coordinator', 'authority', 'admin') OR acting_as(role))"
"""Nobody makes of themselves what sees everything."""
ALL, NONE = "true", "false"

PRODUCT_TOLD = f"(SELECT acting_across()) OR {OWN} OR id IN (SELECT told_products())"
CAP_TOLD = f"(SELECT acting_across()) OR {BUYER} OR {OWN} OR {FUNDER}"
SLOTS_SEEN = f"{OWN_UNIT} OR (status <> 'draft' AND {BUYER})"

POLICIES: dict[str, tuple[str, str] | tuple[str, str, str]] = {
    # table: (which rows are seen, which may be written), or (seen, added, changed): what is changed across
    # organisations, as most of what follows from a booking is, needs no word here.
    "organisations": (ALL, NONE, f"id = (SELECT acting_organisation()) AND {OWN_KIND}"),
    "organisation_labels": (ALL, NONE),
    "modalities": (ALL, NONE),
    "sites": (ALL, OWN),
    "production_lines": (ALL, "EXISTS (SELECT FROM sites AS one WHERE one.id = site_id AND one.organisation_id = (SELECT acting_organisation()))"),
    "line_modalities": (ALL, OWN_LINE),
    "units": (ALL, OWN_LINE),
    "catalogue_state": (ALL, NONE),
    "alembic_version": (ALL, NONE),
    "worker_heartbeats": (ALL, NONE),
    "people": (OWN, f"{OWN} AND {OWN_ROLE}"),
    "api_keys": (OWN, f"{OWN} AND {OWN_ROLE}"),
    "api_key_uses": ("EXISTS (SELECT FROM api_keys AS one WHERE one.id = api_key_id)", NONE),
    "idempotency_keys": ("holder_id = (SELECT acting_holder())", "holder_id = (SELECT acting_holder())"),
    "audit_records": (OWN, OWN),
    "audit_seals": (NONE, NONE),
    "audit_checkpoints": (NONE, NONE),
    "agreements": (f"{OWN} OR {FUNDER}", NONE),
    "readiness_days": ("EXISTS (SELECT FROM agreements AS one WHERE one.id = agreement_id)", NONE),
    "slots": (SLOTS_SEEN, OWN_UNIT),
    "commitments": (OWN_UNIT, OWN_UNIT),
    "calendar_entries": (OWN_UNIT, NONE),
    "calendar_versions": (ALL, NONE),
    "slot_freezes": ("EXISTS (SELECT FROM slots AS one WHERE one.id = slot_id)", NONE),
    "slot_openings": ("EXISTS (SELECT FROM slots AS one WHERE one.id = slot_id)", NONE),
    "products": (OWN, OWN),
    "qualifications": ("EXISTS (SELECT FROM products AS one WHERE one.id = product_id)", "EXISTS (SELECT FROM products AS one WHERE one.id = product_id AND one.organisation_id = (SELECT acting_organisation()))"),
    "requests": (f"{OWN} OR id IN (SELECT told_requests())", OWN),
    "feasibilities": (OWN_FEASIBILITY, "is_own_request(request_id)", OWN_FEASIBILITY),
    "alerts": (OWN, OWN),
    "alert_hits": ("EXISTS (SELECT FROM alerts AS one WHERE one.id = alert_id)", "EXISTS (SELECT FROM alerts AS one WHERE one.id = alert_id)"),
    "bookings": (f"{OWN} OR {OWN_UNIT}", f"{OWN} AND (request_id IS NULL OR is_own_request(request_id))", NONE),
    "charges": (f"{OWN} OR counterparty_id = (SELECT acting_organisation())", NONE),
    "freed_periods": (NONE, NONE),
    "slips": (
        "EXISTS (SELECT FROM bookings AS one WHERE one.id = booking_id)"
        " OR EXISTS (SELECT FROM slip_moves AS one WHERE one.slip_id = slips.id)",
        NONE,
    ),
    "slip_moves": ("EXISTS (SELECT FROM bookings AS one WHERE one.id = booking_id)", NONE),
    "rounds": ("status NOT IN ('draft', 'cancelled') AND (SELECT acting_organisation()) IS NOT NULL", NONE),
    "round_requests": ("is_own_request(request_id)", NONE),
    "runs": (f"kind = 'crisis' AND {AUTHORITY}", NONE),
    "run_explanations": ("is_own_request(request_id)", NONE),
    "run_certificates": (NONE, NONE),
    "offers": (OWN, NONE, OWN),
    "waiting_decisions": (NONE, NONE),
    "waiting_lines": (OWN, NONE),
    "crises": (f"{AUTHORITY} OR EXISTS (SELECT FROM crisis_orders AS one WHERE one.crisis_id = crises.id)", NONE),
    "crisis_powers": (AUTHORITY, NONE),
    "crisis_plans": (AUTHORITY, NONE),
    "crisis_signatures": (AUTHORITY, NONE),
    "crisis_orders": (f"{OWN} OR {AUTHORITY}", NONE),
    "displacements": (
        f"{AUTHORITY} OR (is_real_crisis(crisis_id) AND EXISTS (SELECT FROM bookings AS one WHERE one.id = booking_id))"
        " OR EXISTS (SELECT FROM crisis_orders AS one WHERE one.id = order_id)",
        NONE,
    ),
    "sessions": (OF_PERSON, OF_PERSON),
    "invitations": (OWN, OWN),
    "person_identities": (NONE, NONE),
    "sign_in_links": (NONE, NONE),
    "sign_in_attempts": (NONE, NONE),
    "token_clients": (OWN, OWN),
    "audit_personal_values": (OWN, f"{OWN} OR organisation_id IS NULL"),
    "erasures": (OWN, NONE),
    "indicator_editions": (ALL, NONE),
    "job_attempts": (NONE, NONE),
    "sweep_turns": (NONE, NONE),
}

SAME_RIGHTS = f"""
DO $$ DECLARE one record; BEGIN
    GRANT USAGE ON SCHEMA public, jobs TO {SERVICE};
    FOR one IN
        SELECT DISTINCT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
               oid::regclass::text AS object, acl.privilege_type AS privilege
          FROM pg_class, aclexplode(relacl) AS acl
         WHERE relnamespace IN ('public'::regnamespace, 'jobs'::regnamespace) AND relkind IN ('r', 'S', 'v', 'p')
           AND acl.grantee = (SELECT oid FROM pg_roles WHERE rolname = 'creneau_app')
        UNION ALL
        SELECT DISTINCT 'TABLE', attrelid::regclass::text, format('%s (%I)', acl.privilege_type, attname)
          FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl) AS acl
         WHERE relnamespace IN ('public'::regnamespace, 'jobs'::regnamespace)
           AND acl.grantee = (SELECT oid FROM pg_roles WHERE rolname = 'creneau_app')
        UNION ALL
        SELECT 'FUNCTION', oid::regprocedure::text, 'EXECUTE'
          FROM pg_proc, aclexplode(proacl) AS acl
         WHERE pronamespace IN ('public'::regnamespace, 'jobs'::regnamespace)
           AND acl.grantee = (SELECT oid FROM pg_roles WHERE rolname = 'creneau_app')
    LOOP
        EXECUTE format('GRANT %s ON %s %s TO {SERVICE}', one.privilege, one.kind, one.object);
    END LOOP;
END $$
"""


def upgrade() -> None:
    for function in FUNCTIONS.split(";\nCREATE"):
        op.execute(function if function.lstrip().startswith("CREATE") else f"CREATE{function}")
    op.execute(
        f"CREATE VIEW agreement_caps AS SELECT id, capped_price_cents, origin FROM agreements WHERE {CAP_TOLD}"
    )
    op.execute(f"CREATE VIEW seen_slots AS SELECT * FROM slots WHERE (SELECT acting_across()) OR {SLOTS_SEEN}")
    op.execute(f"CREATE VIEW product_modalities AS SELECT id, modality FROM products WHERE {PRODUCT_TOLD}")
    _let_the_service("GRANT SELECT ON agreement_caps, product_modalities, seen_slots TO")
    for signature in SIGNATURES:
        op.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC")
        _let_the_service(f"GRANT EXECUTE ON FUNCTION {signature} TO")
    op.execute(SAME_RIGHTS)
    for table, (seen, added, *changed) in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY trusted ON {table} TO CURRENT_USER, {SERVICE} USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({seen})")
        [change] = changed or [added]
        if added != NONE:
            op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({added})")
        if change != NONE:
            op.execute(f"CREATE POLICY changed ON {table} FOR UPDATE USING ({change}) WITH CHECK ({change})")
            op.execute(f"CREATE POLICY removed ON {table} FOR DELETE USING ({change})")


def downgrade() -> None:
    for table in reversed(POLICIES):
        for policy in ("removed", "changed", "added", "seen", "trusted"):
            op.execute(f"DROP POLICY IF EXISTS {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")
    op.execute("DROP VIEW agreement_caps, product_modalities, seen_slots")
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        op.execute(f"REVOKE ALL ON ALL {kind} IN SCHEMA public, jobs FROM {SERVICE}")
    op.execute(f"REVOKE USAGE ON SCHEMA public, jobs FROM {SERVICE}")
    for signature in SIGNATURES:
        op.execute(f"DROP FUNCTION {signature}")


def _let_the_service(right: str) -> None:
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                {right} creneau_app;
            END IF;
        END $$
        """
    )
