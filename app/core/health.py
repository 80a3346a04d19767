"""Alive and ready: for balancers, and for whoever starts the service."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.heartbeats import worker_fault

REPOSITORY = Path(__file__).parents[2]


@cache
def expected_revision() -> str | None:
    """Return the revision that this version of the code was written for."""
    return ScriptDirectory.from_config(Config(REPOSITORY / "alembic.ini")).get_current_head()


async def schema_fault(session: AsyncSession) -> str | None:
    """Return what is wrong with the schema and what to do, or None if it is the expected one."""
    if await session.scalar(text("SELECT to_regclass('alembic_version') IS NULL")):
        return "The database is empty: run `creneau migrate`."
    revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
    if revision != expected_revision():
        return f"The schema is at {revision}, not at {expected_revision()}: run `creneau migrate`."
    return None


async def readiness_faults(session: AsyncSession) -> list[str]:
    """Return what keeps the service from being ready, one sentence each; empty when it is."""
    if fault := await schema_fault(session):
        return [fault]
    fault = await worker_fault(session)
    return [fault] if fault else []
