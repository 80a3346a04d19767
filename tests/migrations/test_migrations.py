"""The migrations: up, in step with the models, down to nothing and up again; and what the application may do."""

import asyncio

import asyncpg
import pytest
from alembic import command
from sqlalchemy.engine import URL

from app.core.health import expected_revision
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE
from tests.migrations.conftest import answer, configured
from tests.support import server

pytestmark = pytest.mark.database


OBJECTS = """
SELECT count(*) FROM (
    SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic_version%'
    UNION ALL SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT oid FROM pg_type WHERE typnamespace = 'public'::regnamespace
        AND typname NOT LIKE '%alembic_version'
    UNION ALL SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
        AND nspname NOT IN ('public', 'information_schema')
) AS found
"""
SCHEMA = """
SELECT string_agg(line, chr(10) ORDER BY line) FROM (
    SELECT format('%s.%s %s %s', table_name, column_name, data_type, column_default) AS line
        FROM information_schema.columns WHERE table_schema IN ('public', 'jobs')
    UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid::regclass::text NOT LIKE 'pg\\_%'
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
    UNION ALL SELECT format('%s %s', table_name, privilege_type) FROM information_schema.role_table_grants
        WHERE grantee = 'creneau_app' AND table_schema IN ('public', 'jobs')
) AS lines
"""


def test_up_in_step_down_to_nothing_and_up_again(scratch: URL) -> None:
    config = configured(scratch)
    before = answer(scratch, OBJECTS)
    command.upgrade(config, "head")
    assert answer(scratch, "SELECT version_num FROM alembic_version") == expected_revision()
    command.check(config)
    first = answer(scratch, SCHEMA)
    command.downgrade(config, "base")
    assert answer(scratch, OBJECTS) == before == 0
    command.upgrade(config, "head")
    assert answer(scratch, SCHEMA) == first


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_records SET action = 'none'",
        "DELETE FROM audit_records",
        "TRUNCATE audit_records",
        "UPDATE audit_seals SET total_records = 9",
        "DELETE FROM audit_seals",
        "DELETE FROM audit_checkpoints",
        "SELECT setval('audit_records_id_seq', 1)",
        "UPDATE charges SET amount_cents = 1",
        "DELETE FROM charges",
        "DELETE FROM crisis_signatures",
        "UPDATE slips SET reason_code = 'other'",
        "DELETE FROM slip_moves",
        "UPDATE readiness_days SET published_batch_days = 90",
        "DELETE FROM readiness_days",
        "UPDATE calendar_versions SET version = 0",
        "DELETE FROM calendar_entries",
        "UPDATE alembic_version SET version_num = '0000'",
        "ALTER TABLE bookings DROP CONSTRAINT ex_bookings_live_overlap",
        "DROP TRIGGER tr_charges_append_only ON charges",
        "CREATE TABLE mine (id int)",
    ],
)
def test_the_application_may_not(settings: object, database: str, statement: str) -> None:
    async def attempt() -> None:
        await server.run(server.address(database, APPLICATION_ROLE), statement)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(attempt())


def test_the_applications_role_owns_nothing_and_passes_no_rule(database: str) -> None:
    url = server.address(database, OWNER_ROLE)
    assert answer(url, "SELECT count(*) FROM pg_class WHERE relowner = 'creneau_app'::regrole") == 0
    assert answer(
        url,
        "SELECT rolcanlogin AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication)"
        " FROM pg_roles WHERE rolname = 'creneau_app'",
    )
    assert answer(
        url,
        "SELECT array_agg(roleid::regrole::text ORDER BY roleid::regrole::text)"
        " = ARRAY['creneau_drill', 'creneau_service'] AND NOT bool_or(pg_has_role('creneau_app', roleid, 'USAGE'))"
        " FROM pg_auth_members WHERE member = 'creneau_app'::regrole",
    )
