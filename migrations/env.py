"""Alembic's environment: one connection of the owner, one transaction, and an advisory lock against a second run."""

import asyncio
from typing import Literal

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel.sql.sqltypes import AutoString

from app.core.settings import get_settings
from app.tables import metadata

MIGRATION_LOCK = 0x43524E41  # "CRNA"
FOREIGN_SCHEMAS = {"jobs"}


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave the tables of the job queue to its own library."""
    return not (kind == "schema" and name in FOREIGN_SCHEMAS)


def _render(kind: str, item: object, _autogen: object) -> str | Literal[False]:
    """Write plain SQLAlchemy strings into migrations, which then need no other library."""
    return f"sa.String(length={item.length})" if kind == "type" and isinstance(item, AutoString) else False


def _migrate(connection: Connection) -> None:
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=_is_ours,
        render_item=_render,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    context.run_migrations()


async def _run() -> None:
    url = context.config.attributes.get("url") or get_settings().database_owner_url
    if url is None:
        raise SystemExit("Set DATABASE_OWNER_URL to the owner's address of the database to migrate.")
    engine = create_async_engine(url.get_secret_value(), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


asyncio.run(_run())
