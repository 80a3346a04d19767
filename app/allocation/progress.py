"""Watching a run from beside: short looks, one after the other, with nothing held open between them."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from app.allocation import repository
from app.allocation.repository import Standing
from app.allocation.runs import ACTIVE
from app.core.database import SessionFactory, transaction

LOOK_SECONDS = 1.0


async def watch(sessions: SessionFactory, run_id: UUID, *, seconds: float = LOOK_SECONDS) -> AsyncIterator[Standing]:
    """Yield where a run stands, look after look, changed or not; the last is its end."""
    while True:
        async with transaction(sessions) as session:
            standing = await repository.standing(session, run_id)
        if standing is None:
            return
        yield standing
        if standing.state not in ACTIVE:
            return
        await asyncio.sleep(seconds)
