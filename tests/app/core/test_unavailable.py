"""Whatever happens to the database, the answer is 503 with Retry-After, and the next request goes through."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import transaction
from app.core.http import _from_database
from app.core.settings import Settings
from app.main import create_app
from tests.support.world import World

BODY = {"kind": "startup", "name": "New"}
NAMED = "SELECT count(*) FROM organisations WHERE name = 'New'"
CONNECTED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'creneau-api'
"""
TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'creneau-api'
"""
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'creneau-api' AND wait_event_type = 'Lock'
"""
TRIGGER = """
    CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {}; RETURN NEW; END $$;
    CREATE CONSTRAINT TRIGGER tr_trip AFTER INSERT ON organisations {} FOR EACH ROW EXECUTE FUNCTION trip()
"""


def is_unavailable(answer: httpx.Response, kind: str = "unavailable") -> None:
    """Check that an answer is a refusal to be repeated after a while."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:creneau:problem:{kind}"
    assert int(answer.headers["retry-after"]) >= 1


@asynccontextmanager
async def tripping(owner: AsyncEngine, act: str, when: str = "") -> AsyncIterator[None]:
    """Let each new organisation trip over something, at once or at commit."""
    async with owner.begin() as connection:
        for statement in TRIGGER.format(act, when).split(";\n    "):
            await connection.execute(text(statement))
    try:
        yield
    finally:
        async with owner.begin() as connection:
            await connection.execute(text("DROP TRIGGER tr_trip ON organisations"))
            await connection.execute(text("DROP FUNCTION trip"))


@asynccontextmanager
async def served(settings: Settings, **changed: Any) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The application under other settings, and a client of it."""
    app = create_app(settings.model_copy(update=changed))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield app, made


@pytest.fixture
async def key(world: World) -> Mapping[str, str]:
    return await world.coordinator()


async def ask(engine: AsyncEngine, question: str) -> int:
    """Return the number that a statement finds, in a transaction of its own."""
    async with engine.begin() as connection:
        return int(await connection.scalar(text(question)) or 0)


async def test_connections_cut_while_idle_are_replaced_before_anybody_notices(
    client: httpx.AsyncClient, key: Mapping[str, str], superuser: AsyncEngine
) -> None:
    async def read() -> int:
        return (await client.get("/v1/bookings", headers=key)).status_code

    assert set(await asyncio.gather(*(read() for _ in range(8)))) == {200}
    assert await ask(superuser, TERMINATE) >= 2
    async with asyncio.timeout(10):
        while await ask(superuser, CONNECTED):  # noqa: ASYNC110 - nobody would tell
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)  # as long as the system takes to tell
    assert set(await asyncio.gather(*(read() for _ in range(8)))) == {200}


async def test_a_connection_cut_in_the_middle_is_503(
    client: httpx.AsyncClient, key: Mapping[str, str], superuser: AsyncEngine
) -> None:
    async with superuser.begin() as connection:
        await connection.execute(text("LOCK TABLE organisations IN ACCESS EXCLUSIVE MODE"))
        request = asyncio.create_task(client.post("/v1/organisations", json=BODY, headers=key))
        async with asyncio.timeout(10):
            # Asked from outside the transaction, in which the view would stand still.
            while not await ask(superuser, WAITING):  # noqa: ASYNC110 - nobody would tell
                await asyncio.sleep(0.02)
        await connection.execute(text(TERMINATE))
    is_unavailable(await request)
    assert (await client.post("/v1/organisations", json=BODY, headers=key)).status_code == 201


async def test_a_connection_cut_at_commit_is_503(
    client: httpx.AsyncClient, key: Mapping[str, str], owner: AsyncEngine
) -> None:
    cut = "SET LOCAL ROLE NONE; PERFORM pg_terminate_backend(pg_backend_pid())"
    async with tripping(owner, cut, "DEFERRABLE INITIALLY DEFERRED"):
        is_unavailable(await client.post("/v1/organisations", json=BODY, headers=key))
    assert (await client.post("/v1/organisations", json=BODY, headers=key)).status_code == 201


async def test_a_statement_that_takes_too_long_is_503(
    settings: Settings, key: Mapping[str, str], owner: AsyncEngine
) -> None:
    async with served(settings, statement_timeout_ms=1000) as (_, client):
        async with tripping(owner, "PERFORM pg_sleep(9)"):
            is_unavailable(await client.post("/v1/organisations", json=BODY, headers=key), "busy")
        assert await ask(owner, NAMED) == 0
        assert (await client.post("/v1/organisations", json=BODY, headers=key)).status_code == 201
    assert await ask(owner, NAMED) == 1


async def test_no_free_connection_in_time_is_503(settings: Settings, key: Mapping[str, str]) -> None:
    async with served(settings, database_pool_size=1, database_pool_timeout_s=0.5) as (app, client):
        async with transaction(app.state.sessions) as session:
            await session.execute(text("SELECT 1"))
            is_unavailable(await client.get("/v1/bookings", headers=key), "busy")
        assert (await client.get("/v1/bookings", headers=key)).status_code == 200


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (asyncpg.InterfaceError("cannot perform operation: connection is closed"), 503),
        (asyncpg.InternalClientError("unexpected"), 503),
        (asyncpg.CannotConnectNowError("the database system is starting up"), 503),
        (asyncpg.exceptions.DeadlockDetectedError("deadlock"), 503),
        (asyncpg.exceptions._base.DataError("invalid input for query argument $1"), None),
        (asyncpg.UndefinedTableError("no such table"), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_may_pass_is_to_be_sent_again(cause: Exception, status: int | None) -> None:
    wrapped = DBAPIError("SELECT", None, RuntimeError())
    assert wrapped.orig is not None
    wrapped.orig.__cause__ = cause
    refusal = _from_database(wrapped)
    assert (refusal.status if refusal else None) == status
