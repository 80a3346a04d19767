"""Sessions of the application's role, and an engine that no trigger stops."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.core.database import SessionFactory, make_engine, make_session_factory
from app.core.settings import Settings
from tests.support import server


@pytest.fixture
async def sessions(settings: Settings, owner: AsyncEngine) -> AsyncIterator[SessionFactory]:
    """Sessions of the application's role; every table is emptied after the test."""
    assert settings.database_url is not None
    engine = make_engine(settings.database_url, settings, poolclass=NullPool)
    yield make_session_factory(engine)
    await engine.dispose()


@pytest.fixture
async def superuser(database: str) -> AsyncIterator[AsyncEngine]:
    """An engine of the server's superuser on the worker's database."""
    engine = create_async_engine(server.secret(server.address(database)).get_secret_value(), poolclass=NullPool)
    yield engine
    await engine.dispose()
