"""Engines and sessions: one transaction a request, committed before the answer leaves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from asyncpg import Connection, InterfaceError, InternalClientError, PostgresError
from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from app.core.settings import Settings
from app.core.tenancy import TenantConnection

SessionFactory = async_sessionmaker[AsyncSession]

Opening = Callable[[], Awaitable[AsyncSession]]
"""Begins a transaction and gives its session; called once, and ended by whoever gave it."""

DATABASE_FAILURES = (DBAPIError, PostgresError, InterfaceError, InternalClientError, NoFreeConnection, OSError)
"""Whatever shows that the database is away, or does not answer; a timeout is an OSError. Some escape SQLAlchemy."""

_AFTER_STATEMENT_TIMEOUT_SECONDS = 5
"""How long the server may keep silent after it should have ended a statement, before the line counts as dead."""


def make_engine(
    url: SecretStr, settings: Settings, *, application_name: str = "creneau", is_owner: bool = False, **options: Any
) -> AsyncEngine:
    """Return an engine whose every connection waits neither for a lock nor for a statement beyond the settings.

    Its errors do not tell the values of statements, which may be confidential.

    Parameters
    ----------
    is_owner
        Whether it is the owner's, to whom policies show everything; any other says for whom it asks.
    options
        Passed to SQLAlchemy's `create_async_engine`, such as `poolclass`.
    """
    if "poolclass" not in options:
        options |= {
            "pool_size": settings.database_pool_size,
            "pool_timeout": settings.database_pool_timeout_s,
            "max_overflow": 0,
        }
    engine = create_async_engine(
        url.get_secret_value(),
        hide_parameters=True,
        connect_args={
            "connection_class": Connection if is_owner else TenantConnection,
            "timeout": 5,
            "command_timeout": settings.statement_timeout_ms / 1000 + _AFTER_STATEMENT_TIMEOUT_SECONDS,
            "server_settings": {
                "application_name": application_name,
                "lock_timeout": str(settings.lock_timeout_ms),
                "statement_timeout": str(settings.statement_timeout_ms),
                "idle_in_transaction_session_timeout": "60000",
                "timezone": "UTC",
                "datestyle": "ISO",
            },
        },
        **options,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_if_lost)
    return engine


def _refuse_if_lost(connection: Any, _record: Any, _proxy: Any) -> None:
    """Have the pool replace a connection that the server has closed, and all that are older than the new one.

    The driver has been told of it by the system, so this costs no round trip, as a ping at each use would.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def make_session_factory(engine: AsyncEngine) -> SessionFactory:
    """Return the factory of sessions; objects stay readable after the commit that ends a request."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=True)


@asynccontextmanager
async def transaction(sessions: SessionFactory) -> AsyncIterator[AsyncSession]:
    """Give a session in one transaction: committed at the end, rolled back on any error."""
    async with sessions() as session, session.begin():
        yield session


async def at_one_moment(session: AsyncSession) -> None:
    """Let a transaction that has not read anything yet see everything as of one moment.

    What it changes must not have been changed by others since: the statement fails then, with SQLSTATE 40001.
    """
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


@asynccontextmanager
async def snapshot_beside(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Give a second session for reading, in which everything is as of one moment, beside the caller's.

    It sees what others have committed, and nothing that the caller has written.
    """
    engine = session.bind
    if not isinstance(engine, AsyncEngine):
        raise TypeError("the session is not bound to an engine")
    async with AsyncSession(engine.execution_options(isolation_level="REPEATABLE READ")) as beside, beside.begin():
        yield beside
