"""Doing the same about many things, each apart from the others."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

Thing = TypeVar("Thing")

log = structlog.get_logger(__name__)


async def each_apart(
    session: AsyncSession, what: str, things: Iterable[Thing], act: Callable[[Thing], Awaitable[int]], *, most: int
) -> int:
    """Do something about each thing in a savepoint of its own, and return how much was done.

    One that fails is logged and leaves no trace, and the others are done all the same.

    Parameters
    ----------
    what
        The event under which a failure is logged.
    act
        Returns how much it did; nothing more is begun once that is `most` in all.
    """
    done = 0
    for thing in things:
        if done >= most:
            break
        savepoint = await session.begin_nested()
        try:
            done += await act(thing)
            await savepoint.commit()
        except Exception:
            await savepoint.rollback()  # which fails where the database is away, and ends it all
            log.exception(what, about=str(thing))
    return done
