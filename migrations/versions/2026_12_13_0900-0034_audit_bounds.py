"""Audit records within bounds: identifiers that the database alone gives, instants that can be sealed, and indexes.

The service has written none that these refuse. Where the upgrade is refused for one, look who has put it there; its row
may go only by hand. Records are read in the order of their instants, each filter through an index.

Revision ID: 0034
Revises: 0032
"""

from alembic import op

revision = "0034"
down_revision = "0032"
branch_labels = None
depends_on = None

COLUMNS = (
    "at, actor, person_id, api_key_id, token_client_id, job, organisation_id, action, object_type, object_id,"
    " before, after, reason_code, reason_text, request_id"
)
"""What the service writes of a record: all but its identifier."""

BETWEEN = "{0} >= '2000-01-01 00:00:00+00' AND {0} < '3000-01-01 00:00:00+00'"
CHECKS = (
    ("audit_records", "id", "id > 0"),
    ("audit_records", "at", BETWEEN.format("at")),
    ("audit_seals", "instants", " AND ".join(map(BETWEEN.format, ("first_at", "last_at", "sealed_at")))),
    ("audit_checkpoints", "made_at", BETWEEN.format("made_at")),
)
INDEXES_BEFORE = {
    "ix_audit_records_object": ["object_type", "object_id"],
    "ix_audit_records_organisation_id": ["organisation_id", "id"],
}
INDEXES = {
    "ix_audit_records_at": ["at", "id"],
    "ix_audit_records_organisation_id": ["organisation_id", "at", "id"],
    "ix_audit_records_object_id": ["object_id"],
    "ix_audit_records_kind": ["action", "object_type", "actor"],
}


def upgrade() -> None:
    for table, name, check in CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({check})")
    _reindex(INDEXES_BEFORE, INDEXES)
    _let_the_service("REVOKE INSERT ON audit_records FROM")
    _let_the_service(f"GRANT INSERT ({COLUMNS}) ON audit_records TO")


def downgrade() -> None:
    _let_the_service(f"REVOKE INSERT ({COLUMNS}) ON audit_records FROM")
    _let_the_service("GRANT INSERT ON audit_records TO")
    _reindex(INDEXES, INDEXES_BEFORE)
    for table, name, _ in reversed(CHECKS):
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)


def _reindex(before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    for name in before:
        op.drop_index(name, "audit_records")
    for name, columns in after.items():
        op.create_index(name, "audit_records", columns)


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
