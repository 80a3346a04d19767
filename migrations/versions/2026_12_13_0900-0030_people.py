"""People sign in: identities at issuers, invitations, links by mail, attempts, and sessions.

An address belongs to one person however it is written. Whoever is deactivated holds no key that opens anything and has
no session that goes on: a trigger refuses both, also where they are made at the same moment.

Revision ID: 0030
Revises: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

ROLES = ("startup_member", "cdmo_planner", "coordinator", "authority", "observer", "admin")

ONE_ADDRESS = """
DO $$ DECLARE twice text; BEGIN
    SELECT lower(email) INTO twice FROM people GROUP BY lower(email) HAVING count(*) > 1 LIMIT 1;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'two people have the address %, written differently: change one of them first', twice;
    END IF;
END $$
"""

ACTIVE = """
CREATE FUNCTION require_active_person() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    left_at timestamptz;
BEGIN
    SELECT deactivated_at INTO left_at FROM people WHERE id = NEW.person_id FOR SHARE;
    IF left_at IS NOT NULL THEN
        RAISE EXCEPTION 'the person is deactivated' USING ERRCODE = '23514',
            CONSTRAINT = format('ck_%s_person_active', TG_TABLE_NAME), TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
"""

TRIGGERS = {
    "api_keys": "BEFORE INSERT OR UPDATE OF person_id, revoked_at ON api_keys FOR EACH ROW"
    " WHEN (NEW.person_id IS NOT NULL AND NEW.revoked_at IS NULL)",
    "sessions": "BEFORE INSERT OR UPDATE OF person_id, ended_at ON sessions FOR EACH ROW WHEN (NEW.ended_at IS NULL)",
}

GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'creneau_app') THEN
        GRANT SELECT, INSERT ON person_identities TO creneau_app;
        GRANT SELECT, INSERT, UPDATE ON invitations TO creneau_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_links, sign_in_attempts, sessions TO creneau_app;
    END IF;
END $$
"""


def _word(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def _created() -> list[sa.Column]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    ]


def _instant(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def upgrade() -> None:
    op.execute(ONE_ADDRESS)
    op.create_index("uq_people_email_folded", "people", [sa.text("lower(email)")], unique=True)
    _create_people_tables()
    _create_sign_in_tables()
    op.execute(
        "CREATE TRIGGER tr_invitations_version BEFORE UPDATE ON invitations"
        " FOR EACH ROW EXECUTE FUNCTION bump_version()"
    )
    op.execute(ACTIVE)
    op.execute("REVOKE EXECUTE ON FUNCTION require_active_person() FROM PUBLIC")
    for table, when in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER tr_{table}_person_active {when} EXECUTE FUNCTION require_active_person()")
    op.execute(GRANTS)


def _create_people_tables() -> None:
    table = "person_identities"
    op.create_table(
        table,
        *_created(),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _refers(table, "person_id", "people"),
        _unique(table, "issuer", "subject"),
        _unique(table, "person_id", "issuer"),
    )
    table = "invitations"
    op.create_table(
        table,
        *_created(),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("invited_by_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", _word("role", *ROLES), nullable=False),
        _instant("expires_at", nullable=False),
        _instant("mailed_at"),
        _instant("accepted_at"),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        _instant("withdrawn_at"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _refers(table, "organisation_id", "organisations"),
        _refers(table, "invited_by_id", "people"),
        _refers(table, "person_id", "people"),
        _check(table, "email_folded", "email = lower(email)"),
        _check(table, "accepted", "(accepted_at IS NULL) = (person_id IS NULL)"),
        _check(table, "ended_once", "accepted_at IS NULL OR withdrawn_at IS NULL"),
    )
    op.create_index("ix_invitations_organisation_id", table, ["organisation_id", "id"])
    op.create_index("ix_invitations_email", table, ["email"])
    is_open = sa.text("accepted_at IS NULL AND withdrawn_at IS NULL")
    op.create_index("uq_invitations_open", table, ["organisation_id", "email"], unique=True, postgresql_where=is_open)


def _create_sign_in_tables() -> None:
    table = "sign_in_links"
    op.create_table(
        table,
        *_created(),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("invitation_id", sa.Uuid(), nullable=True),
        sa.Column("language", _word("language", "en", "fr"), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=True),
        _instant("expires_at", nullable=False),
        _instant("mailed_at"),
        _instant("used_at"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _refers(table, "invitation_id", "invitations"),
        _unique(table, "secret_sha256"),
        _check(table, "email_folded", "email = lower(email)"),
        _check(table, "secret_sha256", "octet_length(secret_sha256) = 32"),
        _check(table, "used_at", "used_at IS NULL OR secret_sha256 IS NOT NULL"),
    )
    op.create_index("ix_sign_in_links_email", table, ["email", "created_at"])
    op.create_index("ix_sign_in_links_expires_at", table, ["expires_at"])
    table = "sign_in_attempts"
    op.create_table(
        table,
        *_created(),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        _instant("expires_at", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _unique(table, "secret_sha256"),
        _check(table, "secret_sha256", "octet_length(secret_sha256) = 32"),
    )
    op.create_index("ix_sign_in_attempts_expires_at", table, ["expires_at"])
    table = "sessions"
    op.create_table(
        table,
        *_created(),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("method", _word("signinmethod", "link", "oidc"), nullable=False),
        sa.Column("device", sa.String(length=80), nullable=False),
        _instant("last_seen_at", nullable=False),
        _instant("expires_at", nullable=False),
        _instant("ended_at"),
        sa.Column(
            "end_reason", _word("sessionend", "signed_out", "revoked", "replaced", "deactivated"), nullable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _refers(table, "person_id", "people"),
        _unique(table, "secret_sha256"),
        _check(table, "secret_sha256", "octet_length(secret_sha256) = 32"),
        _check(table, "expires_at", "expires_at > created_at"),
        _check(table, "ended_at", "(ended_at IS NULL) = (end_reason IS NULL)"),
    )
    op.create_index("ix_sessions_person_id", table, ["person_id", "id"])
    op.create_index("ix_sessions_expires_at", table, ["expires_at"])


def downgrade() -> None:
    op.execute("DROP TRIGGER tr_api_keys_person_active ON api_keys")
    for table in ("sessions", "sign_in_attempts", "sign_in_links", "invitations", "person_identities"):
        op.drop_table(table)
    op.execute("DROP FUNCTION require_active_person()")
    op.drop_index("uq_people_email_folded", "people")
