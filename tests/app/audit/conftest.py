"""Sessions of the application's role."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from app.core.database import SessionFactory, make_engine, make_session_factory
from app.core.settings import Settings


@pytest.fixture
async def sessions(settings: Settings, owner: AsyncEngine) -> AsyncIterator[SessionFactory]:
    """Sessions of the application's role; every table is emptied after the test."""
    assert settings.database_url is not None
    engine = make_engine(settings.database_url, settings, poolclass=NullPool)
    yield make_session_factory(engine)
    await engine.dispose()
