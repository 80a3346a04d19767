"""A contest on a database of its own, whole or with its guards taken out."""

import os
from collections.abc import AsyncIterator, Collection, Iterator
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.pool import NullPool

from app.capacity import repository
from app.core.database import make_engine, make_session_factory
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from app.main import create_app
from tests.races.contest import CLIENTS, Contest
from tests.support import server
from tests.support.world import World


@pytest.fixture
def scratch(database: str, worker_id: str) -> Iterator[Settings]:
    """Settings of a service with a connection for each client, on a fresh copy of the migrated database."""
    name = f"creneau_race_{worker_id}_{os.getpid()}"
    server.copy_template(name)
    yield Settings(
        database_url=server.secret(server.address(name, APPLICATION_ROLE)),
        database_owner_url=server.secret(server.address(name, OWNER_ROLE)),
        database_pool_size=CLIENTS,
        lock_timeout_ms=20_000,  # forty clients in one process of a busy machine may queue for long
        statement_timeout_ms=60_000,
        log_level="CRITICAL",
        **server.UNLIMITED,
    )
    server.drop(name)


@pytest.fixture
async def scratch_owner(scratch: Settings) -> AsyncIterator[AsyncEngine]:
    """An engine of the owner of the scratch database."""
    assert scratch.database_owner_url is not None
    engine = make_engine(scratch.database_owner_url, scratch, poolclass=NullPool, is_owner=True)
    yield engine
    await engine.dispose()


@pytest.fixture
async def contest(scratch: Settings, scratch_owner: AsyncEngine) -> AsyncIterator[Contest]:
    """A contest on the scratch database."""
    world = World(make_session_factory(scratch_owner))
    await world.add_modalities()
    app = create_app(scratch)
    async with app.router.lifespan_context(app):
        yield await Contest.on(app, scratch_owner, world)


async def without_lock(owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the lock of the units out of the service, and out of the function that writes bookings."""

    async def no_lock(session: AsyncSession, unit_ids: Collection[UUID]) -> None:
        """Let everybody pass."""

    monkeypatch.setattr(repository, "lock_units", no_lock)
    async with owner.begin() as connection:
        body = str(await connection.scalar(text("SELECT pg_get_functiondef('write_booking'::regproc)")))
        lock = "PERFORM pg_advisory_xact_lock(hashtextextended(unit::text, 0));"
        assert lock in body
        await connection.exec_driver_sql(body.replace(lock, ""))


async def without_guards(owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out the lock, and the constraint that no two live bookings of a unit overlap."""
    await without_lock(owner, monkeypatch)
    async with owner.begin() as connection:
        await connection.execute(text("ALTER TABLE bookings DROP CONSTRAINT ex_bookings_live_overlap"))
