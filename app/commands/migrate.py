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
from app.core.tenancy import SERVICE_ROLE

EXAMPLE = "DATABASE_OWNER_URL=postgresql://creneau_owner@/creneau creneau migrate"

PER_GRANT = 160000
"""Since when it is said with each grant whether rights are inherited; before, with the role that is granted to."""
_LET = """
    SELECT rolsuper OR pg_has_role(rolname, :service, '{}')
           AND NOT (rolname = :application AND pg_has_role(rolname, :service, 'USAGE'))
      FROM pg_roles WHERE rolname = :member
"""


def migrate() -> None:
    """Bring the database to the present schema, and make the roles of the service if they are missing.

    Runs under DATABASE_OWNER_URL, or DATABASE_URL where one role serves for both.

    Safe to run again, and from several places at once.
    """
    settings = read_settings()
    owner = owned_database_of(settings)
    migrate_database(owner, settings.database_url or owner)
    typer.echo("The database is at the present schema.")


def migrate_database(owner: SecretStr, application: SecretStr) -> None:
    """Make the roles of the service, then run all migrations that are missing.

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
        asyncio.run(ensure_roles(make_url(owner.get_secret_value()), make_url(application.get_secret_value())))
        command.upgrade(config, "head")
    except (OSError, asyncpg.PostgresConnectionError) as error:
        raise CommandFailed(f"the database cannot be reached: {error}") from error
    except DBAPIError as error:
        if isinstance(error.orig and error.orig.__cause__, asyncpg.LockNotAvailableError):
            raise CommandFailed(
                "another migration or a long transaction is in the way: try again when it has ended"
            ) from error
        raise


async def ensure_roles(owner: URL, application: URL) -> None:
    """Make the roles of the service that are missing; they own nothing, and belong to the whole server.

    Under `creneau_app` the service is connected; it may take `creneau_service` for a while, to see across
    organisations, and has none of its rights otherwise.

    Raises
    ------
    CommandFailed
        One is missing, and the owner's role may not make it.
    """
    password = application.password if application.username == APPLICATION_ROLE else None
    engine = create_async_engine(owner, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await _ensure_role(connection, APPLICATION_ROLE, "LOGIN", password)
            await _ensure_role(connection, SERVICE_ROLE, "NOLOGIN", None)
            for member in (APPLICATION_ROLE, str(await connection.scalar(text("SELECT current_user")))):
                await _let_take_service_role(connection, member)
    finally:
        await engine.dispose()


async def _ensure_role(connection: AsyncConnection, role: str, login: str, password: str | None) -> None:
    """Make a role unless it is there; of those that it is a member of, it has no rights until it takes one."""
    if await _exists(connection, role):
        return
    words = f"CREATE ROLE %I {login} NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
    statement = await connection.scalar(
        text("SELECT format(CAST(:words AS text), CAST(:role AS text), CAST(:password AS text))"),
        {"words": words + (" PASSWORD %L" if password else ""), "role": role, "password": password or ""},
    )
    try:
        await connection.exec_driver_sql(str(statement))
    except DBAPIError as error:
        if await _exists(connection, role):
            return  # made meanwhile, by a migration of another database of this server
        raise CommandFailed(
            f"the role {role} is missing, and {connection.engine.url.username} may not make it: "
            f"have an administrator run  CREATE ROLE {role} {login} NOINHERIT  and migrate again"
        ) from error


async def _exists(connection: AsyncConnection, role: str) -> bool:
    query = text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
    return bool(await connection.scalar(query, {"role": role}))


async def _let_take_service_role(connection: AsyncConnection, member: str) -> None:
    """Let a role take that of the service, without having its rights before it does."""
    quoted = await connection.scalar(text("SELECT quote_ident(:member)"), {"member": member})
    version = int(await connection.scalar(text("SELECT current_setting('server_version_num')::int")) or 0)
    steps = [f"GRANT {SERVICE_ROLE} TO {quoted}"]
    if version >= PER_GRANT:
        steps[0] += f" WITH INHERIT {str(member != APPLICATION_ROLE).upper()}, SET TRUE"
    elif member == APPLICATION_ROLE:
        steps.append(f"ALTER ROLE {quoted} NOINHERIT")
    let = text(_LET.format("SET" if version >= PER_GRANT else "MEMBER"))
    values = {"member": member, "service": SERVICE_ROLE, "application": APPLICATION_ROLE}
    try:
        for step in [] if await connection.scalar(let, values) else steps:
            await connection.exec_driver_sql(step)
    except DBAPIError as error:
        if not await connection.scalar(let, values):  # nor was it let meanwhile, by a migration of another database
            raise CommandFailed(
                f"{member} may not take the role {SERVICE_ROLE}, and {connection.engine.url.username} may not let it: "
                f"have an administrator run  {'; '.join(steps)}  and migrate again"
            ) from error
