"""A role for drills, which writes what is a drill's own and nothing else; scenarios, and scores that only grow.

The service takes `creneau_drill` for the rest of a transaction as soon as it has locked a drill to act on it. What the
role may write stands in WRITES, row by row: rows of drills, and what every change leaves (its record, the answer to
repeat, the end of its job). Everything else it reads at most.

Revision ID: 0040
Revises: 0039
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

DRILL = "creneau_drill"
ROLES = ("creneau_app", "creneau_service")

FUNCTIONS = {
    "drills": "SELECT id FROM crises WHERE mode = 'drill'",
    "drill_plans": "SELECT id FROM crisis_plans WHERE crisis_id IN (SELECT drills())",
    "drill_runs": "SELECT id FROM runs WHERE crisis_id IN (SELECT drills())",
}
"""Sets of identifiers, which a policy asks once for a statement."""

OF_DRILL = "crisis_id IN (SELECT drills())"
RECORDED = (
    "crises", "crisis_powers", "crisis_plans", "crisis_signatures", "crisis_orders", "displacements", "crisis_notices",
    "restorations", "crisis_closings", "drill_scores", "runs",
)
AUDIT_COLUMNS = (
    "at, actor, person_id, api_key_id, token_client_id, job, organisation_id, action, object_type, object_id,"
    " before, after, reason_code, reason_text, request_id"
)

WRITES = {
    # table: (what of its rows, the condition on them)
    "crises": ("INSERT, UPDATE", "mode = 'drill'"),
    "crisis_powers": ("INSERT, UPDATE, DELETE", OF_DRILL),  # renewed; withdrawn when a declaration is changed
    "crisis_plans": ("INSERT, UPDATE", OF_DRILL),
    "crisis_signatures": ("INSERT", "plan_id IN (SELECT drill_plans())"),
    "crisis_orders": ("INSERT, UPDATE", OF_DRILL),
    "displacements": ("INSERT, UPDATE", OF_DRILL),
    "crisis_notices": ("INSERT", OF_DRILL),
    "restorations": ("INSERT, UPDATE", OF_DRILL),
    "crisis_closings": ("INSERT", OF_DRILL),
    "drill_scores": ("INSERT", OF_DRILL),
    "runs": ("INSERT, UPDATE", OF_DRILL),  # asked for, and ended in the transaction that takes the plan up
    "audit_records": (f"INSERT ({AUDIT_COLUMNS})", f"object_type IN {RECORDED}"),  # every write leaves one
    "idempotency_keys": ("INSERT, UPDATE", "holder_id = (SELECT acting_holder())"),  # the answer to repeat
    "job_attempts": ("UPDATE", "subject_id IN (SELECT drill_runs())"),  # the job ends with what it did
    "jobs.pgqueuer": ("INSERT, DELETE", "entrypoint = 'solve'"),  # the run is queued, and taken off
}
"""What the role writes: the one list. A new table of drills is a line here, in RECORDED if it is audited."""

READS = (
    "organisations", "people", "modalities", "sites", "production_lines", "line_modalities", "units", "agreements",
    "slots", "commitments", "calendar_entries", "calendar_versions", "slot_freezes", "bookings", "charges", "products",
    "qualifications", "requests", "feasibilities",
)
"""What a plan is made and told from; people, for who signed for whom."""

VIEWS = ("agreement_caps",)
"""Read likewise; they keep to what the policies of everybody let be seen."""

ACTING = ("acting_organisation()", "acting_holder()", "acting_as(text[])", "acting_across()", "own_units()",
          "own_lines()", "is_own_request(uuid)", "own_requests()", "told_requests()", "told_products()",
          "is_real_crisis(uuid)", "real_crises()", "unit_occupancy(uuid[], uuid)", "slot_occupancy(uuid[])")
"""What the policies of everybody ask; they change nothing."""


def upgrade() -> None:
    op.add_column("crises", sa.Column("scenario", sa.String(40), nullable=True))
    op.create_check_constraint(op.f("ck_crises_scenario"), "crises", "scenario IS NULL OR mode = 'drill'")
    op.create_index("ix_crises_scenario", "crises", ["scenario"], postgresql_where=sa.text("scenario IS NOT NULL"))
    _scores()
    for name, query in FUNCTIONS.items():
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE"
            f" SECURITY DEFINER SET search_path = public, pg_temp AS $$ {query} $$"
        )
        op.execute(f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC")
    op.execute("ALTER TABLE jobs.pgqueuer ENABLE ROW LEVEL SECURITY")
    for role in ROLES:
        _if_there(role, f"CREATE POLICY of_{role} ON jobs.pgqueuer TO {role} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT USAGE ON SCHEMA public, jobs TO {DRILL}")
    for table, (verbs, condition) in WRITES.items():
        op.execute(f"GRANT SELECT, {verbs} ON {table} TO {DRILL}")
        op.execute(f"CREATE POLICY of_drills ON {table} TO {DRILL} USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"GRANT INSERT, SELECT ON jobs.pgqueuer_log TO {DRILL}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA jobs TO {DRILL}")
    for name in (*READS, *VIEWS):
        op.execute(f"GRANT SELECT ON {name} TO {DRILL}")
    for table in (*READS, *(name for name in RECORDED)):
        op.execute(f"CREATE POLICY read_in_drills ON {table} FOR SELECT TO {DRILL} USING (true)")
    for signature in (*ACTING, *(f"{name}()" for name in FUNCTIONS)):
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {DRILL}")


def _scores() -> None:
    op.create_table(
        "drill_scores",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("crisis_id", sa.Uuid(), nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drill_scores")),
        sa.ForeignKeyConstraint(["crisis_id"], ["crises.id"], name=op.f("fk_drill_scores_crisis_id")),
        sa.UniqueConstraint("crisis_id", name=op.f("uq_drill_scores_crisis_id")),
    )
    op.execute(
        "CREATE TRIGGER tr_drill_scores_append_only BEFORE UPDATE OR DELETE ON drill_scores"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute("ALTER TABLE drill_scores ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY trusted ON drill_scores TO CURRENT_USER, creneau_service USING (true) WITH CHECK (true)"
    )
    op.execute("CREATE POLICY seen ON drill_scores FOR SELECT USING ((SELECT acting_as('authority')))")
    for role in ROLES:  # they read: only a drill adds one
        _if_there(role, f"GRANT SELECT ON drill_scores TO {role}")


def downgrade() -> None:
    for table in WRITES:
        op.execute(f"DROP POLICY of_drills ON {table}")
    for table in (*READS, *RECORDED):
        op.execute(f"DROP POLICY read_in_drills ON {table}")
    for role in ROLES:
        op.execute(f"DROP POLICY IF EXISTS of_{role} ON jobs.pgqueuer")
    op.execute("ALTER TABLE jobs.pgqueuer DISABLE ROW LEVEL SECURITY")
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        op.execute(f"REVOKE ALL ON ALL {kind} IN SCHEMA public, jobs FROM {DRILL}")
    op.execute(f"REVOKE INSERT ({AUDIT_COLUMNS}) ON audit_records FROM {DRILL}")
    op.execute(f"REVOKE USAGE ON SCHEMA public, jobs FROM {DRILL}")
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("drill_scores")
    op.drop_index("ix_crises_scenario", "crises")
    op.drop_constraint(op.f("ck_crises_scenario"), "crises")
    op.drop_column("crises", "scenario")


def _if_there(role: str, statement: str) -> None:
    op.execute(f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN {statement}; END IF; END $$")
