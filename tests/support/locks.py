"""Proving that a transaction locks rows in one order."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from app.core.database import SessionFactory, transaction
from app.requests.models import Request

Result = TypeVar("Result")
WAITING_FOR_ROW = text(
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE datname = current_database() AND locktype = 'transactionid' AND NOT granted"
)


async def row_waited_for(sessions: SessionFactory) -> None:
    """Return once a transaction waits for the lock of a row."""
    async with asyncio.timeout(10), transaction(sessions) as session:
        while not await session.scalar(WAITING_FOR_ROW):  # noqa: ASYNC110 - it is the database's word
            await asyncio.sleep(0.02)


async def locked_in_order(
    sessions: SessionFactory, first: UUID, second: UUID, doing: Coroutine[Any, Any, Result]
) -> Result:
    """Lock two requests in order while something that locks both is under way: it has taken neither before the first.

    The database refuses the second lock at once if it has.
    """
    assert first < second
    wanted = select(Request).with_for_update(key_share=True, nowait=True)
    async with transaction(sessions) as session:
        await session.scalars(wanted.where(col(Request.id) == first))
        asked = asyncio.create_task(doing)
        await row_waited_for(sessions)
        await session.scalars(wanted.where(col(Request.id) == second))
    return await asked
