"""A database of its own to bring up and down, and to ask."""

import asyncio
import os
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy.engine import URL

from app.core.database import make_engine, make_session_factory, transaction
from app.core.settings import OWNER_ROLE, Settings
from tests.migrations.specimens import specimens
from tests.support import server
from tests.support.world import World


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
