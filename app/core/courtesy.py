"""Requests that come first, and work that gives way to them: a drill keeps no booking waiting.

One thread of a process serves all requests. Work that gives way lets those in flight be answered before each of its
statements: for a moment each time, and no longer in all than leaves it an end on a busy service too.
"""

import asyncio
import time
from contextvars import ContextVar
from dataclasses import dataclass, field

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import await_only

MOST_SECONDS = 0.02
"""Before one statement."""
PATIENCE_SECONDS = 1.0
"""In one transaction."""

_GIVES_WAY = "transaction that gives way"


class Traffic:
    """The requests in flight that come first, and who waits until there are none."""

    def __init__(self) -> None:
        self.first = 0
        self._waiting: set[asyncio.Future[None]] = set()

    async def quiet(self, seconds: float) -> None:
        """Return when none of them is in flight, or after so many seconds."""
        until = time.monotonic() + seconds
        while self.first and (left := until - time.monotonic()) > 0:
            told = asyncio.get_running_loop().create_future()
            self._waiting.add(told)
            try:
                await asyncio.wait([told], timeout=left)
            finally:
                self._waiting.discard(told)

    def answered(self) -> None:
        """One of them has its answer."""
        self.first -= 1
        if not self.first:
            for told in self._waiting:
                if not told.done():
                    told.set_result(None)


traffic = Traffic()


@dataclass(slots=True)
class Flight:
    """One request: it comes first until its answer begins, or it gives way."""

    _traffic: Traffic = field(default_factory=lambda: traffic)
    _is_first: bool = True

    def __post_init__(self) -> None:
        """Count it."""
        self._traffic.first += 1

    def leave(self) -> None:
        """Count it no more, however often this is said."""
        if self._is_first:
            self._is_first = False
            self._traffic.answered()


_flight: ContextVar[Flight | None] = ContextVar("flight", default=None)


def begin_flight() -> Flight:
    """Count the request under way, which this task serves."""
    flight = Flight()
    _flight.set(flight)
    return flight


async def give_way(session: AsyncSession) -> None:
    """Let others be served before each further statement of the session's transaction, if this serves a request."""
    flight, transaction = _flight.get(), session.sync_session.get_transaction()
    if flight is None or session.info.get(_GIVES_WAY) is transaction:
        return
    flight.leave()
    session.info[_GIVES_WAY] = transaction
    connection = await session.connection()
    patience = PATIENCE_SECONDS

    def stand_aside(*_: object) -> None:
        nonlocal patience
        if traffic.first and patience > 0:
            began = time.monotonic()
            await_only(traffic.quiet(min(MOST_SECONDS, patience)))
            patience -= time.monotonic() - began

    event.listen(connection.sync_connection, "before_cursor_execute", stand_aside)
