"""`creneau migrate`: the schema and the application's role."""

import asyncio
from collections.abc import Sequence

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
from app.core.tenancy import DRILL_ROLE, SERVICE_ROLE

EXAMPLE = "DATABASE_OWNER_URL=postgresql://creneau_owner@/creneau creneau migrate"

PER_GRANT = 160000
"""Since when it is said with each grant whether rights are inherited; before, with the role that is granted to."""
TAKEN_ROLES = (SERVICE_ROLE, DRILL_ROLE)
"""Nobody signs in as these: the service takes one for a while."""
POWERLESS = "NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"


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
    organisations, and `creneau_drill`, to write what belongs to drills alone, and has none of their rights otherwise.

    Raises
    ------
    CommandFailed
        One is missing, and the owner's role may not make it: with all that an administrator has to run.
    """
    password = application.password if application.username == APPLICATION_ROLE else None
    engine = create_async_engine(owner, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            refusal = await _make(connection, await _missing(connection), password)
            # What was refused may have been made meanwhile, by a migration of another database of this server; and a
            # grant that somebody else has made stands beside one's own.
            if missing := await _missing(connection):
                raise CommandFailed(
                    f"{connection.engine.url.username} may not make the roles of the service: have an administrator run"
                    f"  {'; '.join(missing)}  and migrate again"
                ) from refusal
    finally:
        await engine.dispose()


async def _make(connection: AsyncConnection, missing: Sequence[str], password: str | None) -> DBAPIError | None:
    """Run what is missing, and return what refused the last of it that was refused."""
    secret = await connection.scalar(text("SELECT quote_literal(:password)"), {"password": password or ""})
    refusal = None
    for statement in missing:
        is_login = password and statement.startswith(f"CREATE ROLE {APPLICATION_ROLE} ")
        try:
            await connection.exec_driver_sql(f"{statement} PASSWORD {secret}" if is_login else statement)
        except DBAPIError as error:
            refusal = error
    return refusal


async def _missing(connection: AsyncConnection) -> list[str]:
    """Return the statements that would make the roles what they should be, where they are not."""
    version = int(await connection.scalar(text("SELECT current_setting('server_version_num')::int")) or 0)
    owner = str(await connection.scalar(text("SELECT quote_ident(current_user)")))
    roles = {APPLICATION_ROLE: "LOGIN"} | dict.fromkeys(TAKEN_ROLES, "NOLOGIN")
    found = set(await connection.scalars(text("SELECT rolname FROM pg_roles")))
    steps = [f"CREATE ROLE {role} {login} {POWERLESS}" for role, login in roles.items() if role not in found]
    for taken in TAKEN_ROLES:
        for member, inherits in ((APPLICATION_ROLE, False), (owner, True)):
            if await _takes(connection, member, taken, version, inherits=inherits):
                continue
            if not inherits:
                steps += await _revocations(connection, member, taken, version)
            how = f" WITH INHERIT {str(inherits).upper()}, SET TRUE" if version >= PER_GRANT else ""
            steps.append(f"GRANT {taken} TO {member}{how}")
            if version < PER_GRANT and not inherits:
                steps.append(f"ALTER ROLE {member} NOINHERIT")
    return steps


async def _revocations(connection: AsyncConnection, member: str, taken: str, version: int) -> list[str]:
    """Return what takes back the grants by which a role has the rights of another without taking it."""
    if version < PER_GRANT:
        return []
    grantors = await connection.scalars(
        text(
            "SELECT grantor::regrole::text FROM pg_auth_members WHERE inherit_option"
            " AND roleid = (SELECT oid FROM pg_roles WHERE rolname = :taken)"
            " AND member = (SELECT oid FROM pg_roles WHERE quote_ident(rolname) = :member)"
        ),
        {"taken": taken, "member": member},
    )
    return [f"REVOKE {taken} FROM {member} GRANTED BY {grantor}" for grantor in grantors]


async def _takes(connection: AsyncConnection, member: str, taken: str, version: int, *, inherits: bool) -> bool:
    """Tell whether a role may take another, and has its rights without that only if it should."""
    found = await connection.execute(
        text(
            "SELECT rolsuper, pg_has_role(rolname, taken, :taking), pg_has_role(rolname, taken, 'USAGE')"
            " FROM pg_roles, (SELECT rolname AS taken FROM pg_roles WHERE rolname = :taken) AS there"
            " WHERE quote_ident(rolname) = :member"
        ),
        {"member": member, "taken": taken, "taking": "SET" if version >= PER_GRANT else "MEMBER"},
    )
    row = found.one_or_none()
    return row is not None and bool(row[0] or (row[1] and bool(row[2]) == inherits))
