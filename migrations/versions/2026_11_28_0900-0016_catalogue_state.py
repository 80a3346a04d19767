"""The state of the catalogue, by a name that changes with every write: who keeps a copy can tell that it still holds.

A random name and not a count: a database that is restored, or copied, never takes one that meant something else. The
row is locked from the first write of a transaction to its end, so that what is read under a name is all of it. Whoever
restores data alone into a migrated database leaves this table out: the triggers write it.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = ("sites", "production_lines", "line_modalities", "units")
NOTE_CATALOGUE_WRITE = """
CREATE FUNCTION note_catalogue_write() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO catalogue_state VALUES (true, gen_random_uuid())
        ON CONFLICT (one) DO UPDATE SET name = excluded.name;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "catalogue_state",
        sa.Column("one", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Uuid(), nullable=False),
        sa.CheckConstraint("one", name=op.f("ck_catalogue_state_one")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_catalogue_state")),
    )
    op.execute(NOTE_CATALOGUE_WRITE)
    op.execute("REVOKE EXECUTE ON FUNCTION note_catalogue_write() FROM PUBLIC")
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER tr_{table}_noted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION note_catalogue_write()"
        )
    op.execute(
        "CREATE TRIGGER tr_organisations_noted AFTER UPDATE OF name ON organisations"
        " FOR EACH STATEMENT EXECUTE FUNCTION note_catalogue_write()"
    )
    op.execute("INSERT INTO catalogue_state VALUES (true, gen_random_uuid())")
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
                GRANT SELECT ON catalogue_state TO creneau_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    for table in (*TABLES, "organisations"):
        op.execute(f"DROP TRIGGER tr_{table}_noted ON {table}")
    op.execute("DROP FUNCTION note_catalogue_write()")
    op.drop_table("catalogue_state")
