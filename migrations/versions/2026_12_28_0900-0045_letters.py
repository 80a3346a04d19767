"""Letters: who is to be told by mail of what, and when they were; and in which language people are written to.

The service alone reads and writes them: it notes what became of one, and removes none about a crisis. `creneau_drill`
may do neither: a drill is told to nobody outside.

Revision ID: 0045
Revises: 0044
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ROLES = ("creneau_app", "creneau_service")
LANGUAGES = ("en", "fr")
CHECKS = {
    "letterkind": "kind IN ('notice', 'offer', 'approval')",
    "dropped": "dropped_as IN ('moot', 'left', 'refused')",
    "ended_once": "sent_at IS NULL OR dropped_as IS NULL",
}


def upgrade() -> None:
    op.add_column("people", sa.Column("language", sa.String(40), nullable=True))
    op.create_check_constraint(op.f("ck_people_language"), "people", f"language IN {LANGUAGES}")
    op.create_table(
        "letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("dropped_as", sa.String(40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
        sa.UniqueConstraint("subject_id", "person_id", "kind", name=op.f("uq_letters_subject_id_person_id_kind")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_letters_person_id")),
        *(sa.CheckConstraint(check, name=op.f(f"ck_letters_{name}")) for name, check in CHECKS.items()),
    )
    op.create_index("ix_letters_person_id", "letters", ["person_id"])
    op.create_index(
        "ix_letters_passing", "letters", ["created_at"], postgresql_where=sa.text("kind IN ('offer', 'approval')")
    )
    op.execute("ALTER TABLE letters ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY trusted ON letters TO CURRENT_USER, creneau_service USING (true) WITH CHECK (true)")
    op.execute("CREATE POLICY seen ON letters FOR SELECT USING (false)")
    op.execute(
        "CREATE POLICY kept ON letters AS RESTRICTIVE FOR DELETE TO creneau_service"
        " USING (kind IN ('offer', 'approval'))"
    )
    for role in ROLES:
        right = f"GRANT SELECT, INSERT, UPDATE (sent_at, dropped_as), DELETE ON letters TO {role}"
        op.execute(f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN {right}; END IF; END $$")


def downgrade() -> None:
    op.drop_table("letters")
    op.drop_constraint(op.f("ck_people_language"), "people")
    op.drop_column("people", "language")
