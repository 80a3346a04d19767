"""Keys have scopes, may be rotated with an overlap, and tell when they were last used.

Keys from before the upgrade read and write, as they did. A downgrade knows no scopes: keys that may not do everything
are revoked by it, for they would do more; and secrets that a rotation has replaced end with it.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

CHECKS = {
    "scopes": "scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) BETWEEN 1 AND 2",
    "previous": "(previous_sha256 IS NULL) = (previous_ends_at IS NULL)",
}


def upgrade() -> None:
    every = sa.text("'{read,write}'")
    op.add_column("api_keys", sa.Column("scopes", postgresql.ARRAY(sa.Text()), server_default=every, nullable=False))
    op.add_column("api_keys", sa.Column("previous_sha256", sa.LargeBinary(), nullable=True))
    op.add_column("api_keys", sa.Column("previous_ends_at", sa.DateTime(timezone=True), nullable=True))
    for name, check in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_api_keys_{name}"), "api_keys", check)
    op.create_unique_constraint(op.f("uq_api_keys_previous_sha256"), "api_keys", ["previous_sha256"])
    op.create_table(
        "api_key_uses",
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("api_key_id", name=op.f("pk_api_key_uses")),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_api_key_uses_api_key_id")),
    )
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT SELECT, INSERT, UPDATE ON api_key_uses TO creneau_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    op.drop_table("api_key_uses")
    op.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE revoked_at IS NULL AND NOT scopes @> ARRAY['read', 'write']"
    )
    for column in ("previous_ends_at", "previous_sha256", "scopes"):
        op.drop_column("api_keys", column)
