"""The one transaction, or the few, of a command that reads or writes the database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from app.commands.checks import ensure_reachable
from app.commands.failure import CommandFailed, database_of, owned_database_of, read_settings
from app.core.constraints import UNDEFINED_TABLE, sqlstate_of
from app.core.database import SessionFactory, make_engine, make_session_factory, transaction
from app.core.errors import DomainError
from app.core.health import schema_fault
from app.core.settings import Settings
from app.core.tenancy import NOBODY, acting_for, go_across

Done = TypeVar("Done")
OWNER_VARIABLE = "DATABASE_OWNER_URL"


def in_transaction(
    settings: Settings, variable: str, url: SecretStr, act: Callable[[AsyncSession], Awaitable[Done]]
) -> Done:
    """Do something in a transaction of its own, and return what it returns.

    Parameters
    ----------
    variable
        Name of the environment variable that names the database.
    url
        Its value.

    Raises
    ------
    CommandFailed
        The database cannot be reached or is not migrated, or the service refuses.
    """

    async def transact(sessions: SessionFactory) -> Done:
        async with transaction(sessions) as session:
            return await act(session)

    return _with_sessions(settings, variable, url, transact)


def _with_sessions(
    settings: Settings, variable: str, url: SecretStr, act: Callable[[SessionFactory], Awaitable[Done]]
) -> Done:
    ensure_reachable(variable, url.get_secret_value())
    try:
        return asyncio.run(_connected(settings, url, act, is_owner=variable == OWNER_VARIABLE))
    except DomainError as refusal:
        raise CommandFailed(refusal.detail) from refusal
    except DBAPIError as error:
        if sqlstate_of(error) != UNDEFINED_TABLE:
            raise
        raise CommandFailed("the database is not at the present schema: run `creneau migrate`") from error


def reading_application(settings: Settings, act: Callable[[SessionFactory], Awaitable[Done]]) -> Done:
    """Do something in as many transactions as it takes under DATABASE_URL, for all organisations; return the same.

    Raises
    ------
    CommandFailed
        If no such database is named, or it is not migrated; and as for `in_transaction`.
    """

    async def act_across(sessions: SessionFactory) -> Done:
        async with transaction(sessions) as session:
            await _go_across(session)
        return await act(sessions)

    return _with_sessions(settings, "DATABASE_URL", database_of(settings), act_across)


def as_owner(act: Callable[[AsyncSession], Awaitable[Done]]) -> Done:
    """Do something in a transaction of its own under DATABASE_OWNER_URL, and return what it returns.

    Raises
    ------
    CommandFailed
        If no such database is named; and as for `in_transaction`.
    """
    settings = read_settings()
    return in_transaction(settings, OWNER_VARIABLE, owned_database_of(settings), act)


def as_application(settings: Settings, act: Callable[[AsyncSession], Awaitable[Done]]) -> Done:
    """Do something in a transaction of its own under DATABASE_URL, and return what it returns.

    It sees what everybody may see.

    Raises
    ------
    CommandFailed
        If no such database is named; and as for `in_transaction`.
    """
    with acting_for(NOBODY):
        return in_transaction(settings, "DATABASE_URL", database_of(settings), act)


def as_service(settings: Settings, act: Callable[[AsyncSession], Awaitable[Done]]) -> Done:
    """Do something in a transaction of its own under DATABASE_URL, for all organisations; return what it returns.

    Raises
    ------
    CommandFailed
        If no such database is named, or it is not migrated; and as for `in_transaction`.
    """

    async def act_across(session: AsyncSession) -> Done:
        await _go_across(session)
        return await act(session)

    return as_application(settings, act_across)


async def _go_across(session: AsyncSession) -> None:
    if fault := await schema_fault(session):
        raise CommandFailed(fault)
    await go_across(session)


async def _connected(
    settings: Settings, url: SecretStr, act: Callable[[SessionFactory], Awaitable[Done]], *, is_owner: bool
) -> Done:
    engine = make_engine(url, settings, application_name="creneau-command", is_owner=is_owner, poolclass=NullPool)
    try:
        return await act(make_session_factory(engine))
    finally:
        await engine.dispose()
