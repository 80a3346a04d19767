"""Row-level security: every table is under it, nobody sees what is another's, and no connection remembers for whom."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core.database import make_engine, make_session_factory, transaction
from app.core.driver import driver_of
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from app.core.tenancy import (
    EVERYBODY,
    NOBODY,
    SERVICE_ROLE,
    Tenancy,
    across_organisations,
    acting_for,
    current,
    go_across,
)
from app.identity.models import Role
from app.tables import metadata
from tests.migrations.specimens import specimens
from tests.support import server
from tests.support.world import World

pytestmark = [pytest.mark.database]

PUBLIC = {
    "calendar_versions",
    "catalogue_state",
    "indicator_editions",
    "line_modalities",
    "modalities",
    "organisation_labels",
    "organisations",
    "production_lines",
    "sites",
    "units",
    "worker_heartbeats",
}
"""Tables whose rows everybody may read, by the service or not."""

WITHOUT_SPECIMEN = {"sweep_turns", "worker_heartbeats"}
OF_BUYERS = {"slot_freezes", "slot_openings", "slots"}
OF_THE_SIGNED_IN = {"round_requests", "rounds"}
OF_THE_AUTHORITY = {
    "crises",
    "crisis_closings",
    "crisis_notices",
    "crisis_orders",
    "crisis_plans",
    "crisis_powers",
    "crisis_signatures",
    "displacements",
    "restorations",
    "drill_scores",
}

UNCOVERED = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
       AND NOT (relrowsecurity AND relforcerowsecurity AND EXISTS (
            SELECT FROM pg_policies WHERE schemaname = 'public' AND tablename = relname AND policyname = 'seen'))
"""

RIGHTS = """
    SELECT table_schema, table_name, privilege_type, column_name FROM information_schema.role_column_grants
     WHERE grantee = $1
    UNION SELECT table_schema, table_name, privilege_type, '' FROM information_schema.role_table_grants
     WHERE grantee = $1
    UNION SELECT routine_schema, specific_name, privilege_type, '' FROM information_schema.role_routine_grants
     WHERE grantee = $1
"""


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An engine of the application's role with one connection, which all that a test does shares."""
    assert settings.database_url is not None
    made = make_engine(settings.database_url, settings.model_copy(update={"database_pool_size": 1}))
    yield made
    await made.dispose()


async def seen(engine: AsyncEngine, tenancy: Tenancy) -> set[str]:
    """Return the tables of which an organisation sees any row."""
    found = set()
    with acting_for(tenancy):
        async with transaction(make_session_factory(engine)) as session:
            for table in metadata.sorted_tables:
                if await session.scalar(text(f"SELECT EXISTS (SELECT FROM {table.name})")):  # noqa: S608
                    found.add(table.name)
    return found


async def test_every_table_is_under_a_forced_policy_and_one_that_is_not_is_found(owner: AsyncEngine) -> None:
    async with owner.connect() as connection:
        assert set(await connection.scalars(text(UNCOVERED))) == set()
        await connection.execute(text("CREATE TABLE forgotten (id int)"))
        await connection.execute(text("ALTER TABLE slots NO FORCE ROW LEVEL SECURITY"))
        assert set(await connection.scalars(text(UNCOVERED))) == {"forgotten", "slots"}


async def connected(database: str, role: str) -> asyncpg.Connection:
    """Return a connection that says nothing of for whom it is."""
    return await asyncpg.connect(
        server.secret(server.address(database, role)).get_secret_value().replace("+asyncpg", "")
    )


async def test_the_services_role_is_lent_for_a_while_and_can_do_nothing_more(database: str) -> None:
    connection = await connected(database, APPLICATION_ROLE)
    try:
        assert not await connection.fetchval("SELECT pg_has_role($1, 'USAGE')", SERVICE_ROLE)
        assert await connection.fetchval(
            "SELECT NOT (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication)"
            " FROM pg_roles WHERE rolname = $1",
            SERVICE_ROLE,
        )
        assert not await connection.fetchval(
            "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = $1)", SERVICE_ROLE
        )
    finally:
        await connection.close()
    connection = await connected(database, OWNER_ROLE)
    try:
        own, lent = [set(await connection.fetch(RIGHTS, role)) for role in (APPLICATION_ROLE, SERVICE_ROLE)]
        assert own == lent
        assert own
    finally:
        await connection.close()


async def test_a_stranger_sees_what_is_public_and_no_other_row(owner: AsyncEngine, engine: AsyncEngine) -> None:
    world = World(make_session_factory(owner))
    for row in specimens():
        await world.add(row)
    everything = await seen(engine, EVERYBODY)
    assert everything >= {table.name for table in metadata.sorted_tables} - WITHOUT_SPECIMEN
    assert await seen(engine, NOBODY) == PUBLIC - WITHOUT_SPECIMEN
    strangers: Mapping[Role, set[str]] = {
        Role.STARTUP_MEMBER: OF_BUYERS,
        Role.CDMO_PLANNER: set(),
        Role.OBSERVER: set(),
        Role.AUTHORITY: OF_BUYERS | OF_THE_AUTHORITY,
    }
    for role, also in strangers.items():
        assert (
            await seen(engine, Tenancy(uuid4(), role, uuid4())) - OF_THE_SIGNED_IN == PUBLIC - WITHOUT_SPECIMEN | also
        ), role


async def test_nothing_is_written_for_another(owner: AsyncEngine, engine: AsyncEngine, world: World) -> None:
    startup, _ = await world.startup()
    product = await world.product(startup)
    stranger = Tenancy(uuid4(), Role.STARTUP_MEMBER, uuid4())
    sessions = make_session_factory(engine)
    with acting_for(stranger):
        async with transaction(sessions) as session:
            changed = await session.execute(text("UPDATE products SET code_name = 'taken' RETURNING id"))
            assert changed.all() == []
            assert (await session.execute(text("DELETE FROM products RETURNING id"))).all() == []
        with pytest.raises(DBAPIError, match="row-level security"):
            async with transaction(sessions) as session:
                await session.execute(
                    text(
                        "INSERT INTO products (id, organisation_id, code_name, modality, platform, origin)"
                        " SELECT gen_random_uuid(), :org, 'n', 'monoclonal_antibody', 'CHO', 'real'"
                    ),
                    {"org": startup.id},
                )
    async with owner.connect() as connection:
        assert await connection.scalar(text("SELECT code_name FROM products")) == product.code_name


async def role_of(session: AsyncSession) -> str:
    return str(await session.scalar(text("SELECT current_user")))


async def test_a_session_goes_across_for_a_stretch_and_comes_back(engine: AsyncEngine, owner: AsyncEngine) -> None:
    sessions = make_session_factory(engine)
    own = Tenancy(uuid4(), Role.STARTUP_MEMBER, uuid4())
    with acting_for(own):
        async with transaction(sessions) as session:
            async with across_organisations(session):  # before the transaction has begun
                assert await role_of(session) == SERVICE_ROLE
            assert await role_of(session) == APPLICATION_ROLE
            with suppress(ZeroDivisionError):
                async with across_organisations(session):
                    raise ZeroDivisionError
            assert await role_of(session) == APPLICATION_ROLE
            async with session.begin_nested():
                with suppress(DBAPIError):
                    async with session.begin_nested(), across_organisations(session):
                        await session.execute(text("SELECT 1 / 0"))
            assert await role_of(session) == APPLICATION_ROLE
            assert current() == own
            organisation = await session.scalar(text("SELECT acting_organisation()"))
            assert organisation == own.organisation_id
        async with transaction(sessions) as session:
            await go_across(session)
            assert await role_of(session) == SERVICE_ROLE
    with acting_for(NOBODY):
        async with transaction(sessions) as session:
            assert await role_of(session) == APPLICATION_ROLE
            assert await session.scalar(text("SELECT acting_organisation()")) is None


async def test_a_statement_by_itself_is_told_for_whom_it_is(engine: AsyncEngine) -> None:
    """On one connection, without a transaction: each is for whom it is asked, whatever the one before was."""
    async with make_session_factory(engine)() as session:
        driver = await driver_of(session)

        async def told() -> tuple[UUID | None, str]:
            return tuple(await driver.fetchrow("SELECT acting_organisation(), current_user"))

        first, second = (Tenancy(uuid4(), Role.STARTUP_MEMBER, uuid4()) for _ in range(2))
        for tenancy in (first, second, NOBODY, first, EVERYBODY, first, NOBODY):
            with acting_for(tenancy):
                role = SERVICE_ROLE if tenancy.across else APPLICATION_ROLE
                assert await told() == (tenancy.organisation_id, role)
        with acting_for(first):
            assert (await told())[0] == first.organisation_id
        with acting_for(second):
            work = asyncio.create_task(driver.fetch("SELECT pg_sleep(1)"))
            await asyncio.sleep(0.001)
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            assert (await told())[0] == second.organisation_id
        assert not driver.is_in_transaction()


async def test_whose_requests_are_told_is_asked_once_a_statement(engine: AsyncEngine) -> None:
    """Not for each row: of 100,000 requests, a list of feasibilities took seconds."""
    asked = (
        "SELECT f.id FROM feasibilities f JOIN requests r ON r.id = f.request_id"
        " JOIN product_modalities p ON p.id = r.product_id"
    )
    with acting_for(Tenancy(uuid4(), Role.CDMO_PLANNER, uuid4())):
        async with transaction(make_session_factory(engine)) as session:
            plan = "\n".join(await session.scalars(text(f"EXPLAIN {asked}")))
    assert plan.count("hashed SubPlan") == 3, plan
    assert not re.search(r"Filter: .*\w+\(", plan), plan
