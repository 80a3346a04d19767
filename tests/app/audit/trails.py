"""Trails for tests: records written as the service writes them, sealed, checked, and spoilt behind the triggers."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit.checking import Checker
from app.audit.files import lines_of
from app.audit.models import ActorKind, AuditRecord
from app.audit.sealing import seal_records
from app.audit.seals import Checkpoint
from app.audit.trail import extent_of, read_trail
from app.core.database import SessionFactory, transaction
from app.core.model import new_id


def record(**given: Any) -> AuditRecord:
    """Return a record with content that is hard to write twice alike."""
    defaults: dict[str, Any] = {
        "actor": ActorKind.JOB,
        "job": "test",
        "action": "row.made",
        "object_type": "rows",
        "object_id": new_id(),
        "after": {"z": 1.10, "a": [1e-7, 10**22, True, None], "é\n": {"b": "œuf", "aa": 1, "B": -0.5}},
        "reason_text": "Ça « va » \\ \t",
    }
    return AuditRecord(**(defaults | given))


async def write(sessions: SessionFactory, count: int, **given: Any) -> list[int]:
    """Write so many records, and return their identifiers."""
    rows = [record(**given) for _ in range(count)]
    async with transaction(sessions) as session:
        session.add_all(rows)
    return [row.id for row in rows if row.id is not None]


async def seal_all(sessions: SessionFactory, most: int = 1_000) -> int:
    """Seal what there is, as the sweep does, and return how many records."""
    done = 0
    while True:
        async with transaction(sessions) as session:
            some = await seal_records(session, most=most)
        if not some:
            return done
        done += some


async def faults(sessions: SessionFactory, witnesses: dict[int, Checkpoint] | None = None) -> list[str]:
    """Return what is wrong with the trail in the database."""
    checker = Checker(witnesses=witnesses or {})
    async with transaction(sessions) as session:
        extent = await extent_of(session)
    found = [one async for item in read_trail(sessions, extent) for one in checker.take(item)]
    return [*found, *checker.end()]


async def exported(sessions: SessionFactory) -> list[str]:
    """Return the lines of an export of the whole trail."""
    async with transaction(sessions) as session:
        extent = await extent_of(session)
    return [line async for line in lines_of(read_trail(sessions, extent))]


async def spoil(superuser: AsyncEngine, *statements: str) -> None:
    """Change the trail as somebody does who may do anything, with no trigger to refuse it."""
    async with superuser.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            await connection.exec_driver_sql(statement)
