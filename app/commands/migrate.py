"""`creneau migrate`: the schema and the application's role."""

import asyncio

import asyncpg
import typer
from alembic import command
from alembic.config import Config
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app.commands.failure import CommandFailed, owned_database_of, read_settings
from app.core.health import REPOSITORY
from app.core.settings import APPLICATION_ROLE

EXAMPLE = "DATABASE_OWNER_URL=postgresql://creneau_owner@/creneau creneau migrate"


def migrate() -> None:
    """Bring the database to the present schema, and make the application's role if it is missing.

    Runs under DATABASE_OWNER_URL, or DATABASE_URL where one role serves for both.

    Safe to run again, and from several places at once.
    """
    settings = read_settings()
    owner = owned_database_of(settings)
    migrate_database(owner, settings.database_url or owner)
    typer.echo("The database is at the present schema.")


def migrate_database(owner: SecretStr, application: SecretStr) -> None:
    """Make the application's role, then run all migrations that are missing.

    Migrations of one database run one at a time, and wait a limited time for tables in use: the environment
    of the migrations sees to both.

    Parameters
    ----------
    owner
        Address of the database, under the role that owns its schema.
    application
        Its address as the application will use it; a password in it is given to a new role.

    Raises
    ------
    CommandFailed
        The database cannot be reached, a lock cannot be had, or the role cannot be made.
    """
    config = Config(REPOSITORY / "alembic.ini")
    config.attributes["url"] = owner
    try:
        asyncio.run(
            ensure_application_role(make_url(owner.get_secret_value()), make_url(application.get_secret_value()))
        )
        command.upgrade(config, "head")
    except (OSError, asyncpg.PostgresConnectionError) as error:
        raise CommandFailed(f"the database cannot be reached: {error}") from error
    except DBAPIError as error:
        if isinstance(error.orig and error.orig.__cause__, asyncpg.LockNotAvailableError):
            raise CommandFailed(
                "another migration or a long transaction is in the way: try again when it has ended"
            ) from error
        raise


async def ensure_application_role(owner: URL, application: URL) -> None:
    """Make the role that owns nothing, unless it is there; roles belong to the whole server.

    Raises
    ------
    CommandFailed
        It is missing, and the owner's role may not make it.
    """
    password = application.password if application.username == APPLICATION_ROLE else None
    engine = create_async_engine(owner, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            if not await _application_role_exists(connection):
                await _make_application_role(connection, password)
    finally:
        await engine.dispose()


async def _make_application_role(connection: AsyncConnection, password: str | None) -> None:
    words = "CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
    statement = await connection.scalar(
        text("SELECT format(CAST(:words AS text), CAST(:role AS text), CAST(:password AS text))"),
        {
            "words": words + (" PASSWORD %L" if password else ""),
            "role": APPLICATION_ROLE,
            "password": password or "",
        },
    )
    try:
        await connection.exec_driver_sql(str(statement))
    except DBAPIError as error:
        if await _application_role_exists(connection):
            return  # made meanwhile, by a migration of another database of this server
        raise CommandFailed(
            f"the role {APPLICATION_ROLE} is missing, and {connection.engine.url.username} may not make it: "
            f"have an administrator run  CREATE ROLE {APPLICATION_ROLE} LOGIN  and migrate again"
        ) from error


async def _application_role_exists(connection: AsyncConnection) -> bool:
    query = text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
    return bool(await connection.scalar(query, {"role": APPLICATION_ROLE}))
