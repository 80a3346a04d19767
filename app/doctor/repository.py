"""What PostgreSQL tells of itself, of the role that asks, and of our tables; and two looks into those."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.jobs import QUEUE_SCHEMA
from app.core.known_secrets import DEMONSTRATION_DOMAIN, DEMONSTRATION_KEY
from app.core.tenancy import DRILL_ROLE, go_across
from app.identity.models import ApiKey, Person

_OURS = f"('public', '{QUEUE_SCHEMA}')"
"""The schemas that hold our tables."""


class Policy(NamedTuple):
    """A policy that lets others than the owner and the service's own roles at rows, and which; None: not at all."""

    table: str
    name: str
    is_for_reading: bool
    seen: str | None
    written: str | None


class Server(NamedTuple):
    """The server, and what it has taken of the settings of a connection."""

    version: int
    version_text: str
    encoding: str
    timezone: str
    lock_timeout: str
    statement_timeout: str


class Standing(NamedTuple):
    """What the role of a connection is, and may."""

    name: str
    is_superuser: bool
    bypasses_policies: bool
    makes_databases: bool
    makes_roles: bool


class TablePolicy(NamedTuple):
    """Whether the rows of a table are kept apart."""

    name: str
    enabled: bool
    forced: bool
    policies: int


async def server(session: AsyncSession) -> Server:
    """Return what the server is."""
    row = await _row(
        session,
        """
        SELECT CAST(current_setting('server_version_num') AS int), current_setting('server_version'),
            current_setting('server_encoding'), current_setting('TimeZone'), current_setting('lock_timeout'),
            current_setting('statement_timeout')
        """,
    )
    return Server(*row)


class Transport(NamedTuple):
    """How a connection gets to the server."""

    client: str | None
    is_encrypted: bool


async def transport(session: AsyncSession) -> Transport:
    """Return where the server sees this connection come from, None through a socket, and whether it is encrypted."""
    row = await _row(
        session,
        """
        SELECT host(inet_client_addr()), coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)
        """,
    )
    return Transport(*row)


async def clock(session: AsyncSession) -> datetime:
    """Return what time it is by the database."""
    return (await _row(session, "SELECT clock_timestamp()"))[0]  # type: ignore[no-any-return]


async def standing(session: AsyncSession) -> Standing:
    """Return what the role of this connection is."""
    row = await _row(
        session,
        """
        SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user
        """,
    )
    return Standing(*row)


async def owned(session: AsyncSession) -> list[str]:
    """Return what of ours the role owns: the database, schemas, and what is in them."""
    return await _names(
        session,
        f"""
        SELECT 'the database ' || datname FROM pg_database
            WHERE datname = current_database() AND datdba = CAST(CAST(current_user AS text) AS regrole)
        UNION ALL
        SELECT 'the schema ' || nspname FROM pg_namespace
            WHERE nspname IN {_OURS} AND nspowner = CAST(CAST(current_user AS text) AS regrole)
        UNION ALL
        SELECT relname FROM pg_class JOIN pg_namespace schema ON schema.oid = relnamespace
            WHERE nspname IN {_OURS} AND relkind IN ('r', 'p', 'v', 'm', 'S')
                AND relowner = CAST(CAST(current_user AS text) AS regrole)
        UNION ALL
        SELECT proname || '()' FROM pg_proc JOIN pg_namespace schema ON schema.oid = pronamespace
            WHERE nspname IN {_OURS} AND proowner = CAST(CAST(current_user AS text) AS regrole)
        """,  # noqa: S608 - constants of ours
    )


async def stronger_roles(session: AsyncSession) -> list[str]:
    """Return the roles that this one may become, and that own our tables or stand above rights and policies."""
    return await _names(
        session,
        f"""
        SELECT rolname FROM pg_roles
        WHERE rolname <> current_user AND pg_has_role(current_user, oid, 'MEMBER') AND (
            rolsuper OR rolbypassrls OR oid IN (
                SELECT relowner FROM pg_class JOIN pg_namespace schema ON schema.oid = relnamespace
                WHERE nspname IN {_OURS}))
        """,  # noqa: S608
    )


async def open_schemas(session: AsyncSession) -> list[str]:
    """Return where the role may make things: schemas, or the database itself, in which it could make schemas."""
    return await _names(
        session,
        """
        SELECT 'the schema ' || nspname FROM pg_namespace
            WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
                AND has_schema_privilege(current_user, oid, 'CREATE')
        UNION ALL
        SELECT 'the database ' || current_database() WHERE has_database_privilege(current_database(), 'CREATE')
        """,
    )


async def kept_tables(session: AsyncSession) -> dict[str, bool]:
    """Return the tables whose rows only grow, by what refuses changes of them: whether that is switched on."""
    rows = await session.execute(
        text(
            """
            SELECT relname, bool_and(tgenabled <> 'D') FROM pg_trigger
            JOIN pg_proc ON pg_proc.oid = tgfoid JOIN pg_class ON pg_class.oid = tgrelid
            WHERE proname = 'refuse_change' GROUP BY relname
            """
        )
    )
    return {str(row[0]): bool(row[1]) for row in rows}


async def changeable(session: AsyncSession, tables: list[str]) -> list[str]:
    """Return those of the tables whose rows the role has a right to change or remove, in any column."""
    return await _names(
        session,
        """
        SELECT relname FROM pg_class JOIN pg_namespace schema ON schema.oid = relnamespace
        WHERE nspname = 'public' AND relname = ANY(:tables) AND (
            has_table_privilege(pg_class.oid, 'DELETE, TRUNCATE') OR has_any_column_privilege(pg_class.oid, 'UPDATE'))
        ORDER BY relname
        """,
        tables=tables,
    )


async def table_policies(session: AsyncSession) -> list[TablePolicy]:
    """Return each table of ours with what keeps its rows apart."""
    rows = await session.execute(
        text(
            f"""
            SELECT CASE WHEN nspname = 'public' THEN relname ELSE nspname || '.' || relname END,
                relrowsecurity, relforcerowsecurity,
                (SELECT count(*) FROM pg_policies WHERE schemaname = nspname AND tablename = relname)
            FROM pg_class JOIN pg_namespace schema ON schema.oid = relnamespace
            WHERE nspname IN {_OURS} AND relkind IN ('r', 'p') ORDER BY 1
            """  # noqa: S608
        )
    )
    return [TablePolicy(*row) for row in rows]


async def open_policies(session: AsyncSession, trusted: Sequence[str]) -> list[Policy]:
    """Return the policies that let somebody at rows who is neither the owner of their table nor one of these roles."""
    rows = await session.execute(
        text(
            """
            SELECT relname, polname, polcmd = 'r', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
            FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid
            WHERE relnamespace = 'public'::regnamespace AND polpermissive AND NOT polroles <@ array_append(
                ARRAY(SELECT oid FROM pg_roles WHERE rolname = ANY(:trusted)), relowner)
            ORDER BY 1, 2
            """
        ),
        {"trusted": list(trusted)},
    )
    return [Policy(*row) for row in rows]


async def live_demonstration_keys(session: AsyncSession) -> int:
    """Return how many keys of the demonstration still open something."""
    statement = (
        select(func.count())
        .select_from(ApiKey)
        .join(Person, col(Person.id) == col(ApiKey.person_id))
        .where(
            col(ApiKey.name) == DEMONSTRATION_KEY,
            col(Person.email).endswith(DEMONSTRATION_DOMAIN),
            col(ApiKey.revoked_at).is_(None),
            or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > func.now()),
        )
    )
    await go_across(session)
    return await session.scalar(statement) or 0


async def inherits(session: AsyncSession, taken: str) -> bool | None:
    """Tell whether the role has the rights of one of ours without taking it; None if it may not even take it."""
    found = await session.execute(
        text(
            "SELECT pg_has_role(current_user, oid, 'MEMBER'), pg_has_role(current_user, oid, 'USAGE')"
            " FROM pg_roles WHERE rolname = :taken"
        ),
        {"taken": taken},
    )
    row = found.one_or_none()
    return bool(row[1]) if row is not None and row[0] else None


async def open_to_drills(session: AsyncSession) -> list[str]:
    """Return what the role of drills may write without a policy that keeps it to rows of drills."""
    return await _names(
        session,
        f"""
        SELECT relname FROM pg_class JOIN pg_namespace schema ON schema.oid = relnamespace
        WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v')
            AND EXISTS (SELECT FROM pg_roles WHERE rolname = '{DRILL_ROLE}')
            AND (has_table_privilege('{DRILL_ROLE}', pg_class.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
                OR has_any_column_privilege('{DRILL_ROLE}', pg_class.oid, 'INSERT, UPDATE'))
            AND NOT EXISTS (SELECT FROM pg_policies WHERE schemaname = nspname AND tablename = relname
                AND roles = ARRAY['{DRILL_ROLE}'::name] AND cmd = 'ALL')
        ORDER BY relname
        """,  # noqa: S608 - a constant of ours
    )


async def _row(session: AsyncSession, statement: str) -> tuple[Any, ...]:
    return tuple((await session.execute(text(statement))).one())


async def _names(session: AsyncSession, statement: str, **values: Any) -> list[str]:
    return list(await session.scalars(text(statement), values))
