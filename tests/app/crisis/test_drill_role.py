"""The role that drills write under: what is a drill's own, row by row, and nothing else, whatever the code asks for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core.database import SessionFactory, make_engine, make_session_factory, transaction
from app.core.settings import OWNER_ROLE, Settings
from app.core.tenancy import (
    DRILL_ROLE,
    EVERYBODY,
    across_organisations,
    acting_for,
    go_across,
    is_kept_to_drills,
    keep_to_drills,
)
from app.crisis import effects, repository
from app.crisis.ending import expire_crises
from app.crisis.expiring import warn_of_expiry
from app.crisis.models import Crisis
from app.crisis.score_models import DrillScore
from app.crisis.taking_back import expire_restorations
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, power, scalar
from tests.support import server
from tests.support.world import World

pytestmark = pytest.mark.database

WRITES = {
    "public.crises": {"INSERT", "UPDATE"},
    "public.crisis_powers": {"INSERT", "UPDATE", "DELETE"},
    "public.crisis_plans": {"INSERT", "UPDATE"},
    "public.crisis_signatures": {"INSERT"},
    "public.crisis_orders": {"INSERT", "UPDATE"},
    "public.displacements": {"INSERT", "UPDATE"},
    "public.crisis_notices": {"INSERT"},
    "public.restorations": {"INSERT", "UPDATE"},
    "public.crisis_closings": {"INSERT"},
    "public.drill_scores": {"INSERT"},
    "public.runs": {"INSERT", "UPDATE"},
    "public.audit_records": {"INSERT"},
    "public.idempotency_keys": {"INSERT", "UPDATE"},
    "public.job_attempts": {"UPDATE"},
    "jobs.pgqueuer": {"INSERT", "DELETE"},
    "jobs.pgqueuer_log": {"INSERT"},
}
"""All that the role may write: the records of a drill, their trail, the answer to repeat, and the end of its job."""

RIGHTS = """
    SELECT nspname || '.' || relname AS name, verb
      FROM pg_class JOIN pg_namespace space ON space.oid = relnamespace,
           unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS verb
     WHERE nspname IN ('public', 'jobs') AND relkind IN ('r', 'p', 'v')
       AND (has_table_privilege($1, pg_class.oid, verb)
            OR (verb IN ('INSERT', 'UPDATE') AND has_any_column_privilege($1, pg_class.oid, verb)))
"""

OPEN_TO_ALL = """
    SELECT tablename || '.' || policyname FROM pg_policies
     WHERE schemaname = 'public' AND cmd <> 'SELECT' AND roles && ARRAY['public'::name]
       AND tablename = ANY ($1)
"""

WRITING_FUNCTIONS = """
    SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef AND provolatile = 'v'
       AND prorettype <> 'trigger'::regtype AND has_function_privilege($1, oid, 'EXECUTE')
"""

DRILL = {"mode": "drill", "powers": [power("exercise")], "targets": CONTESTED_TARGET}


@asynccontextmanager
async def asked(query: str, database: str, *values: object) -> AsyncIterator[list[asyncpg.Record]]:
    url = server.secret(server.address(database, OWNER_ROLE)).get_secret_value().replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        yield await connection.fetch(query, *values)
    finally:
        await connection.close()


async def test_the_role_may_write_what_is_listed_and_nothing_else(database: str) -> None:
    async with asked(RIGHTS, database, DRILL_ROLE) as rows:
        found: dict[str, set[str]] = {}
        for name, verb in rows:
            found.setdefault(name, set()).add(verb)
    assert found == WRITES


async def test_nobody_elses_policy_opens_a_drills_table_to_the_role(database: str) -> None:
    """Policies add up: one for everybody would let the role write rows that its own refuse."""
    tables = [name.removeprefix("public.") for name in WRITES]
    async with asked(OPEN_TO_ALL, database, tables) as rows:
        found = {row[0].split(".")[0] for row in rows}
    assert found <= {"audit_records", "idempotency_keys"}, "there, one writes for oneself"


async def test_the_role_may_call_no_function_that_writes_for_it(database: str) -> None:
    async with asked(WRITING_FUNCTIONS, database, DRILL_ROLE) as rows:
        assert [row[0] for row in rows] == []


async def test_the_role_owns_nothing_and_is_only_lent(database: str) -> None:
    query = """
        SELECT NOT (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication),
               NOT pg_has_role('creneau_app', oid, 'USAGE'), pg_has_role('creneau_app', oid, 'MEMBER'),
               (SELECT count(*) FROM pg_class WHERE relowner = pg_roles.oid)
          FROM pg_roles WHERE rolname = $1
    """
    async with asked(query, database, DRILL_ROLE) as rows:
        assert tuple(rows[0]) == (True, True, True, 0)


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[SessionFactory]:
    """Sessions of the application's role, as workers have them."""
    assert settings.database_url is not None
    engine = make_engine(settings.database_url, settings)
    yield make_session_factory(engine)
    await engine.dispose()


async def role(session: AsyncSession) -> str:
    return str(await session.scalar(text("SELECT current_user")))


async def test_whoever_locks_a_drill_keeps_the_role_until_the_end(crises: Crises, service: SessionFactory) -> None:
    drill, real = UUID(await crises.declared(**DRILL)), UUID(await crises.declared())
    with acting_for(EVERYBODY):
        async with transaction(service) as session:
            assert await repository.lock_crisis(session, drill)
            await go_across(session)
            async with across_organisations(session):
                assert await role(session) == DRILL_ROLE
            assert await role(session) == DRILL_ROLE
            assert is_kept_to_drills(session)
        async with transaction(service) as session:
            assert await repository.lock_crisis(session, real)
            assert await role(session) == "creneau_service"
            assert not is_kept_to_drills(session)


async def refused(service: SessionFactory, attempt: str) -> str:
    """Return how the database refuses a statement in a transaction that is kept to drills."""

    async def attempted() -> None:
        async with kept(service) as session:
            await session.execute(text(attempt))

    with pytest.raises(DBAPIError) as refusal:
        await attempted()
    return str(refusal.value.orig and refusal.value.orig.__cause__)


@asynccontextmanager
async def kept(service: SessionFactory) -> AsyncIterator[AsyncSession]:
    """Give a transaction that is kept to drills."""
    with acting_for(EVERYBODY):
        async with transaction(service) as session:
            await session.execute(text("SELECT 1"))
            await keep_to_drills(session)
            yield session


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE bookings SET version = 9",
        "DELETE FROM bookings",
        "UPDATE slots SET version = 9",
        "DELETE FROM slot_freezes",
        "INSERT INTO calendar_versions (unit_id, version) SELECT id, 1 FROM units",
        "UPDATE requests SET version = 9",
        "DELETE FROM crises",
        "INSERT INTO charges (id) VALUES (gen_random_uuid())",
        "INSERT INTO letters (id) VALUES (gen_random_uuid())",
        "SELECT FROM bookings FOR UPDATE",
        "SELECT * FROM api_keys",
    ],
)
async def test_the_database_refuses_what_is_no_drills(
    crises: Crises, service: SessionFactory, world: World, attempt: str
) -> None:
    await contested(world)
    assert await refused(service, attempt) == f"permission denied for table {_table(attempt)}"


def _table(attempt: str) -> str:
    return next(after for word, after in pairwise(attempt.split()) if word in {"FROM", "INTO", "UPDATE"})


async def test_the_rows_of_a_real_crisis_are_out_of_reach(
    crises: Crises, service: SessionFactory, owner: AsyncEngine
) -> None:
    real = await crises.declared()
    assert "row-level security" in await refused(
        service,
        "INSERT INTO crisis_powers (id, crisis_id, kind, act_reference, signatory, validity)"
        " SELECT gen_random_uuid(), crisis_id, kind, 'Another', signatory, validity FROM crisis_powers",
    )
    async with kept(service) as session:
        assert await session.scalar(text("SELECT count(*) FROM crises")) == 1
        await session.execute(update(Crisis).values(title="Played with"))
    assert (await crises.get(f"/{real}"))["title"] == "Outbreak"


async def test_a_drill_cannot_become_real_nor_a_record_be_left_of_anything_else(
    crises: Crises, service: SessionFactory
) -> None:
    await crises.declared(**DRILL)
    assert "row-level security" in await refused(service, "UPDATE crises SET mode = 'real'")
    assert "row-level security" in await refused(
        service,
        "INSERT INTO audit_records (at, actor, job, action, object_type, object_id)"
        " VALUES (now(), 'job', 'test', 'slot.unmade', 'slots', gen_random_uuid())",
    )


async def test_only_a_drill_adds_a_score(crises: Crises, service: SessionFactory) -> None:
    drill = UUID(await crises.declared(**DRILL))

    async def added() -> None:
        with acting_for(EVERYBODY):
            async with transaction(service) as session:
                session.add(DrillScore(crisis_id=drill))

    with pytest.raises(DBAPIError, match="permission denied for table drill_scores"):
        await added()


async def test_a_drill_that_would_book_is_stopped_by_the_database(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one place that keeps a drill from booking is taken out: the database still does."""
    await contested(world)
    crisis_id, _ = await crises.signed(**DRILL)
    monkeypatch.setattr(effects.Outside, "is_real", property(lambda _: True))
    await crises.post(f"/{crisis_id}/activate", expect=500)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "signed"
    assert await scalar(owner, "SELECT count(*) FROM bookings WHERE source <> 'direct'") == 0


async def test_a_drill_expires_under_the_role_and_a_real_crisis_without(
    crises: Crises, service: SessionFactory, world: World, owner: AsyncEngine
) -> None:
    await contested(world)
    await crises.activated(**DRILL)
    await crises.declared()
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crises SET validity = '[2025-01-01,2025-06-01)'")
    ended = []
    with acting_for(EVERYBODY):
        for _ in range(3):
            async with transaction(service) as session:
                ended.append((await expire_crises(session), is_kept_to_drills(session)))
    assert sorted(ended) == [(0, False), (1, False), (1, True)]


async def test_the_warning_of_a_drills_end_is_written_under_the_role(
    crises: Crises, service: SessionFactory, owner: AsyncEngine
) -> None:
    await crises.declared(**DRILL)
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crises SET validity = daterange('2025-01-01', CURRENT_DATE + 10)")
    with acting_for(EVERYBODY):
        async with transaction(service) as session:
            assert (await warn_of_expiry(session), is_kept_to_drills(session)) == (1, True)


async def test_a_drills_offers_end_under_the_role(
    crises: Crises, service: SessionFactory, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(**DRILL)
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    await crises.post(f"/{crisis_id}/stand-down")
    async with owner.begin() as connection:
        overdue = "UPDATE restorations SET status = 'offered', respond_by_at = now() - interval '1 minute'"
        await connection.exec_driver_sql(overdue)
    with acting_for(EVERYBODY):
        async with transaction(service) as session:
            assert (await expire_restorations(session), is_kept_to_drills(session)) == (1, True)
