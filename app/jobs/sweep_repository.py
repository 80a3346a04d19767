"""Queries on whose turn a sweep is."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def due(session: AsyncSession, names: Sequence[str]) -> list[str]:
    """Return those of the sweeps that are due, in their order; one that has never been done is."""
    missing = text(
        "INSERT INTO sweep_turns (name, due_at) SELECT unnest(CAST(:names AS text[])), now() ON CONFLICT DO NOTHING"
    )
    await session.execute(missing, {"names": list(names)})
    statement = text("SELECT name FROM sweep_turns WHERE due_at <= now()")
    found = set(await session.scalars(statement))
    return [name for name in names if name in found]


async def take_turn(session: AsyncSession, name: str) -> bool:
    """Tell whether a sweep is due and no other worker is at it; none will be until the transaction ends."""
    statement = text("SELECT name FROM sweep_turns WHERE name = :name AND due_at <= now() FOR UPDATE SKIP LOCKED")
    return (await session.execute(statement, {"name": name})).one_or_none() is not None


async def put_off(session: AsyncSession, name: str, seconds: float) -> None:
    """Let a sweep be due again after so many seconds."""
    statement = text(
        "UPDATE sweep_turns SET due_at = clock_timestamp() + make_interval(secs => :seconds),"
        " swept_at = clock_timestamp() WHERE name = :name"
    )
    await session.execute(statement, {"name": name, "seconds": seconds})
