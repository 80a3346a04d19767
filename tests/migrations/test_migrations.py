"""The migrations: up, in step with the models, down to nothing and up again; and what the application may do."""

import asyncio
import json
import os
from collections.abc import Iterator

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import URL

from app.bookings.fees import BookingTerms, cdmo_cancellation_cents, terms_of
from app.core.database import make_engine, make_session_factory, transaction
from app.core.health import REPOSITORY, expected_revision
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from app.matching.outcome import Price
from tests.migrations.specimens import specimens
from tests.support import server
from tests.support.world import World

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


@pytest.fixture
def scratch(database: str) -> Iterator[URL]:
    """The owner's address of an empty database."""
    name = f"creneau_migrations_{os.getpid()}"
    asyncio.run(
        server.run(
            server.address("postgres"),
            f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
            f"CREATE DATABASE {name} OWNER {OWNER_ROLE}",
        )
    )
    yield server.address(name, OWNER_ROLE)
    server.drop(name)


def answer(url: URL, query: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_up_in_step_down_to_nothing_and_up_again(scratch: URL) -> None:
    config = Config(REPOSITORY / "alembic.ini")
    config.attributes["url"] = server.secret(scratch)
    before = answer(scratch, OBJECTS)
    command.upgrade(config, "head")
    assert answer(scratch, "SELECT version_num FROM alembic_version") == expected_revision()
    command.check(config)
    first = answer(scratch, SCHEMA)
    command.downgrade(config, "base")
    assert answer(scratch, OBJECTS) == before == 0
    command.upgrade(config, "head")
    assert answer(scratch, SCHEMA) == first


async def store(url: URL, settings: Settings, *statements: str) -> None:
    """Store a row of each kind, and change them."""
    engine = make_engine(server.secret(url), settings, is_owner=True)
    sessions = make_session_factory(engine)
    for row in specimens():
        await World(sessions).add(row)
    async with transaction(sessions) as session:
        connection = await session.connection()
        for statement in statements:
            await connection.exec_driver_sql(statement)
    await engine.dispose()


@pytest.mark.parametrize(("source", "after"), [("waiting", "waitlisted"), ("round", "offered")])
def test_a_request_with_an_offer_of_the_list_waits_again(
    scratch: URL, settings: Settings, source: str, after: str
) -> None:
    config = Config(REPOSITORY / "alembic.ini")
    config.attributes["url"] = server.secret(scratch)
    command.upgrade(config, "head")
    statements = ["UPDATE requests SET status = 'offered', waiting_since_at = now()"]
    if source == "waiting":
        statements.append("UPDATE offers SET source = 'waiting', round_id = NULL, status = 'offered'")
    asyncio.run(store(scratch, settings, *statements))
    command.downgrade(config, "0011")
    assert answer(scratch, "SELECT status FROM requests") == after
    assert answer(scratch, "SELECT count(*) FROM offers") == (0 if source == "waiting" else 1)
    command.upgrade(config, "head")
    assert answer(scratch, "SELECT status FROM requests") == after


PUBLIC_BODIES = (
    "INSERT INTO organisations (id, kind, name, country, size_class, origin, version)"
    " SELECT gen_random_uuid(), kind, name, 'FR', 'unknown', 'real', 1"
    " FROM (VALUES ('coordinator', 'National'), ('authority', 'Ministry'), ('startup', 'Young')) made (kind, name)"
)
FUNDED = (
    "UPDATE agreements SET funder = '{}', readiness_fee_cents = 5,"
    " funder_id = (SELECT id FROM organisations WHERE name = 'National')"
)
WRITTEN_BY = (
    "INSERT INTO audit_records (actor, action, object_type, object_id, organisation_id)"
    " SELECT 'person', 'agreement.created', 'agreements', a.id, o.id FROM agreements a, organisations o"
    " WHERE o.name = '{}'"
)
NOTHING_EARNED = (
    "INSERT INTO charges (id, organisation_id, agreement_id, quarter_on, kind, amount_cents, detail)"
    " SELECT gen_random_uuid(), funder_id, id, '2030-04-01', 'readiness_fee', 0, '{\"quarter_days\": 91}'"
    " FROM agreements"
)


@pytest.mark.parametrize(
    ("funder", "writer", "owes"),
    [
        ("Ministry", "National", "Ministry"),
        ("State", "Ministry", "Ministry"),
        ("State", "nobody", "National"),
        ("Maker", "Maker", "National"),
        ("Young", "Young", "National"),
    ],
)
def test_a_readiness_fee_keeps_what_it_is_for_and_an_agreement_has_who_owes_it(
    scratch: URL, settings: Settings, funder: str, writer: str, owes: str
) -> None:
    config = Config(REPOSITORY / "alembic.ini")
    config.attributes["url"] = server.secret(scratch)
    command.upgrade(config, "head")
    statements = (PUBLIC_BODIES, FUNDED.format(funder), WRITTEN_BY.format(writer), NOTHING_EARNED)
    asyncio.run(store(scratch, settings, *statements))
    fee = "SELECT concat_ws(' ', a.id, quarter_on, detail) FROM charges c JOIN agreements a ON a.id = c.agreement_id"
    before = answer(scratch, fee)
    assert str(before).endswith(' 2030-04-01 {"quarter_days": 91}')
    command.downgrade(config, "0023")
    assert answer(scratch, "SELECT detail ->> 'quarter_on' FROM charges WHERE amount_cents = 0") == "2030-04-01"
    command.upgrade(config, "head")
    assert answer(scratch, fee) == before
    assert answer(scratch, "SELECT o.name FROM agreements JOIN organisations o ON o.id = funder_id") == owes
    with pytest.raises(asyncpg.CheckViolationError, match="only ever added"):
        answer(scratch, "UPDATE charges SET amount_cents = 2 RETURNING 1")


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


ENDED = """
INSERT INTO bookings SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'status', 'completed', 'period', '[2030-01-01,2030-02-13)',
    'hold_expires_at', NULL, 'actual_start_on', '2030-01-01', 'expected_end_on', {expected}, 'actual_end_on', '{ended}'
))).* FROM bookings one WHERE status = 'confirmed'
"""


@pytest.mark.parametrize(
    ("expected", "ended", "free"),
    [
        ("NULL", "2030-01-21", "2030-01-25"),  # early: changed over in the three days after it
        ("NULL", "2030-02-11", "2030-02-13"),  # as planned: the changeover ends with the period
        ("'2030-03-01'", "2030-02-27", "2030-03-01"),  # late, as was told
        ("'2030-02-20'", "2030-02-25", "2030-03-01"),  # later than was told: nothing told counts any more
        ("NULL", "2030-02-13", "2030-02-17"),  # late, and nothing was told
    ],
)
def test_campaigns_that_had_ended_keep_their_unit_through_the_changeover(
    scratch: URL, settings: Settings, expected: str, ended: str, free: str
) -> None:
    config = Config(REPOSITORY / "alembic.ini")
    config.attributes["url"] = server.secret(scratch)
    command.upgrade(config, "head")
    confirmed = "UPDATE bookings SET status = 'confirmed', hold_expires_at = NULL"
    asyncio.run(store(scratch, settings, confirmed, "UPDATE production_lines SET changeover_days = 3"))
    command.downgrade(config, "0019")
    asyncio.run(server.run(scratch, ENDED.format(expected=expected, ended=ended)))
    command.upgrade(config, "0020")
    assert answer(scratch, "SELECT free_from_on::text FROM bookings WHERE status = 'completed'") == free
    assert answer(scratch, "SELECT count(*) FROM bookings WHERE status = 'confirmed' AND free_from_on IS NULL") == 1


def test_records_stay_as_they_are_when_their_seals_come_and_go(scratch: URL, settings: Settings) -> None:
    config = Config(REPOSITORY / "alembic.ini")
    config.attributes["url"] = server.secret(scratch)
    command.upgrade(config, "head")
    asyncio.run(store(scratch, settings))
    records = "SELECT string_agg(one::text, ';' ORDER BY id) FROM audit_records one"
    before = answer(scratch, records)
    command.downgrade(config, "0027")
    command.upgrade(config, "head")
    assert answer(scratch, records) == before
    assert answer(scratch, "SELECT count(*) FROM audit_seals") == 0


AGREED = "UPDATE bookings SET terms = '{}'"


def test_the_terms_of_bookings_are_what_they_were_before_cdmos_accepted_to_owe_anything(
    scratch: URL, settings: Settings
) -> None:
    config = Config(REPOSITORY / "alembic.ini")
    config.attributes["url"] = server.secret(scratch)
    command.upgrade(config, "head")
    terms = terms_of(Price(batches_cents=100), "monoclonal_antibody", instant=True, cdmo_cancellation_percent=20)
    stored = json.dumps(terms.model_dump(mode="json"))
    asyncio.run(store(scratch, settings, AGREED.format(stored)))
    count = answer(scratch, "SELECT count(*) FROM bookings")
    command.downgrade(config, "0023")
    kept = "SELECT terms FROM bookings LIMIT 1"
    before = json.loads(str(answer(scratch, kept)))
    assert before == {key: value for key, value in json.loads(stored).items() if key != "cdmo_cancellation_percent"}
    command.upgrade(config, "head")
    assert answer(scratch, "SELECT count(*) FROM bookings WHERE NOT terms ? 'cdmo_cancellation_percent'") == count
    assert cdmo_cancellation_cents(BookingTerms.model_validate_json(str(answer(scratch, kept)))) == 0


LIMITED = (
    "INSERT INTO api_keys (id, organisation_id, role, name, prefix, secret_sha256, scopes)"
    " SELECT gen_random_uuid(), organisation_id, role, name, 'crn_read', '\\x01', '{read}' FROM api_keys"
)


def test_a_key_that_may_not_do_everything_ends_where_scopes_are_not_known(scratch: URL, settings: Settings) -> None:
    config = Config(REPOSITORY / "alembic.ini")
    config.attributes["url"] = server.secret(scratch)
    command.upgrade(config, "head")
    asyncio.run(store(scratch, settings, LIMITED))
    command.downgrade(config, "0027")
    ended = "SELECT string_agg(prefix, ' ') FROM api_keys WHERE revoked_at IS NOT NULL"
    assert answer(scratch, ended) == "crn_read"
    command.upgrade(config, "head")
    assert answer(scratch, "SELECT count(*) FROM api_keys WHERE scopes = '{read,write}'") == 2
    assert answer(scratch, ended) == "crn_read"
