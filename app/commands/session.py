"""The one transaction of a command that reads or writes the database."""

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
from app.core.database import make_engine, make_session_factory, transaction
from app.core.errors import DomainError
from app.core.settings import Settings

Done = TypeVar("Done")


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
    ensure_reachable(variable, url.get_secret_value())
    try:
        return asyncio.run(_transact(settings, url, act))
    except DomainError as refusal:
        raise CommandFailed(refusal.detail) from refusal
    except DBAPIError as error:
        if sqlstate_of(error) != UNDEFINED_TABLE:
            raise
        raise CommandFailed("the database is not at the present schema: run `creneau migrate`") from error


def as_owner(act: Callable[[AsyncSession], Awaitable[Done]]) -> Done:
    """Do something in a transaction of its own under DATABASE_OWNER_URL, and return what it returns.

    Raises
    ------
    CommandFailed
        If no such database is named; and as for `in_transaction`.
    """
    settings = read_settings()
    return in_transaction(settings, "DATABASE_OWNER_URL", owned_database_of(settings), act)


def as_application(settings: Settings, act: Callable[[AsyncSession], Awaitable[Done]]) -> Done:
    """Do something in a transaction of its own under DATABASE_URL, and return what it returns.

    Raises
    ------
    CommandFailed
        If no such database is named; and as for `in_transaction`.
    """
    return in_transaction(settings, "DATABASE_URL", database_of(settings), act)


async def _transact(settings: Settings, url: SecretStr, act: Callable[[AsyncSession], Awaitable[Done]]) -> Done:
    engine = make_engine(url, settings, application_name="creneau-command", poolclass=NullPool)
    try:
        async with transaction(make_session_factory(engine)) as session:
            return await act(session)
    finally:
        await engine.dispose()
