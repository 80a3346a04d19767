"""The PostgreSQL server of a test run: ours, or the one that TEST_DATABASE_SUPERUSER_URL names."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
from anyio.from_thread import start_blocking_portal
from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url

from app.commands.migrate import migrate_database
from app.core.embedded import EmbeddedPostgres
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE

SUPERUSER_VARIABLE = "TEST_DATABASE_SUPERUSER_URL"
TEMPLATE = "creneau_test_template"
UNLIMITED: dict[str, Any] = {"rate_limit_reads": 10**6, "rate_limit_writes": 10**6, "rate_limit_address": 10**6}
"""Settings under which requests are counted, but none is one too many."""


def address(database: str, user: str | None = None) -> URL:
    """Return the address of a database on the test server, under its superuser or another role."""
    url = make_url(os.environ[SUPERUSER_VARIABLE]).set(database=database)
    return url.set(username=user) if user else url


def secret(url: URL) -> SecretStr:
    """Return an address as settings keep it."""
    return SecretStr(url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False))


async def _connect(url: URL) -> asyncpg.Connection:
    return await asyncpg.connect(secret(url).get_secret_value().replace("+asyncpg", ""))


async def run(url: URL, *statements: str) -> None:
    """Run statements one by one, each in a transaction of its own."""
    connection = await _connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def start(*, durable: bool = False) -> EmbeddedPostgres | None:
    """Start a server unless one is named, and make the migrated template that every worker copies."""
    server = None
    if SUPERUSER_VARIABLE not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="creneau-test-"))
        server = EmbeddedPostgres(folder, max_connections=300, durable=durable)
        server.start()
        os.environ[SUPERUSER_VARIABLE] = server.superuser_url
    asyncio.run(_make_roles_and_template())
    migrate_database(secret(address(TEMPLATE, OWNER_ROLE)), secret(address(TEMPLATE, APPLICATION_ROLE)))
    return server


def discard(started: EmbeddedPostgres) -> None:
    """Stop a server that `start` returned, and remove its data."""
    started.stop()
    shutil.rmtree(started.data_dir, ignore_errors=True)
    os.environ.pop(SUPERUSER_VARIABLE, None)


async def _make_roles_and_template() -> None:
    make_role = (
        "DO $$ BEGIN CREATE ROLE {} LOGIN CREATEROLE CREATEDB; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    await run(
        address("postgres"),
        make_role.format(OWNER_ROLE),
        f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)",
        f"CREATE DATABASE {TEMPLATE} OWNER {OWNER_ROLE}",
    )


def copy_template(name: str, template: str = TEMPLATE) -> None:
    """Make a database of its own for one worker or one test, as the migrations leave it, or as another one is."""
    asyncio.run(
        run(
            address("postgres"),
            f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
            f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER_ROLE}",
        )
    )


def drop(name: str) -> None:
    """Remove a database made by `copy_template`."""
    asyncio.run(run(address("postgres"), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@contextmanager
def emptying(name: str) -> Iterator[Callable[[], None]]:
    """Give what removes all rows of a database, past every trigger: quicker than TRUNCATE where there are few.

    It keeps one connection, in a thread of its own: a new one would have to learn every table first.
    """
    with start_blocking_portal() as portal:
        connection = portal.call(_connect, address(name))
        try:
            portal.call(_prepare_to_empty, connection)
            yield lambda: portal.call(connection.execute, "SELECT pg_temp.empty()")
        finally:
            portal.call(connection.close)


async def _prepare_to_empty(connection: asyncpg.Connection) -> None:
    """Write a function that deletes from each table by name: its plans are made once."""
    deletions = await connection.fetchval(
        """
        SELECT string_agg(format('DELETE FROM %I.%I;', schemaname, tablename), ' ') FROM pg_tables
        WHERE schemaname IN ('public', 'jobs') AND tablename <> 'alembic_version'
        """
    )
    await connection.execute(
        f"""
        CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica
        AS $$ BEGIN {deletions} END $$
        """
    )
