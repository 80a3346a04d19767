"""Clients of an issuer of access tokens act for organisations, and the trail tells which one acted.

A downgrade forgets which: of what clients did, `creneau audit verify` then names the records.

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

ROLES = ("startup_member", "cdmo_planner", "coordinator", "authority", "observer", "admin")
BEFORE, AFTER = "person_id, api_key_id, job", "person_id, api_key_id, token_client_id, job"


def _write_booking(old: str, new: str) -> None:
    """Have the function that writes holds at once name other columns of the trail, and else leave it as it is."""
    op.execute(
        f"""
        DO $$ BEGIN
            EXECUTE replace(pg_get_functiondef('write_booking'::regproc), '{old}', '{new}');
        END $$
        """
    )


def upgrade() -> None:
    op.create_table(
        "token_clients",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(400), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("role", sa.Enum(*ROLES, name="role", native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) BETWEEN 1 AND 2",
            name=op.f("ck_token_clients_scopes"),
        ),
        sa.CheckConstraint("'' NOT IN (issuer, client_id, subject)", name=op.f("ck_token_clients_named")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_token_clients_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_clients")),
    )
    op.create_index("ix_token_clients_organisation_id", "token_clients", ["organisation_id", "id"])
    op.create_index(
        "uq_token_clients_live",
        "token_clients",
        ["issuer", "client_id", "subject"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.execute(
        "CREATE TRIGGER tr_token_clients_version BEFORE UPDATE ON token_clients"
        " FOR EACH ROW EXECUTE FUNCTION bump_version()"
    )
    op.add_column("audit_records", sa.Column("token_client_id", sa.Uuid(), nullable=True))
    _write_booking(BEFORE, AFTER)
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT SELECT, INSERT, UPDATE ON token_clients TO creneau_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    _write_booking(AFTER, BEFORE)
    op.drop_column("audit_records", "token_client_id")
    op.drop_table("token_clients")
