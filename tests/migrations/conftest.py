"""A database of its own to bring up and down, and to ask."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import asyncpg
import pytest
from alembic.config import Config
from sqlalchemy.engine import URL

from app.core.database import make_engine, make_session_factory, transaction
from app.core.health import REPOSITORY
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


@contextmanager
def copied(url: URL | None = None) -> Iterator[URL]:
    """Give the owner's address of a copy of a database: by default of an empty one at the present schema."""
    name = f"creneau_copied_{uuid4().hex}"
    server.copy_template(name, str(url.database) if url else server.TEMPLATE)
    try:
        yield server.address(name, OWNER_ROLE)
    finally:
        server.drop(name)


@pytest.fixture
def migrated(database: str) -> Iterator[URL]:
    """The owner's address of a database at the present schema, without rows."""
    with copied() as url:
        yield url


def configured(url: URL) -> Config:
    """Return what alembic's commands need to know of a database."""
    config = Config(REPOSITORY / "alembic.ini")
    config.attributes["url"] = server.secret(url)
    return config


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
