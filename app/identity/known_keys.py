"""The keys and sessions that this process has just seen alive: whoever sends many requests sends the same with each."""

from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Generic, TypeVar

from app.core.driver import Driver
from app.identity import repository, session_repository
from app.identity.repository import LiveKey
from app.identity.session_repository import LiveSession

TRUSTED_SECONDS = 0.5
"""For how long what was alive counts as such: a key or a session must be dead within a second of its end."""
KNOWN_AT_MOST = 10_000

Found = TypeVar("Found")


class Known(Generic[Found]):
    """What live secrets stand for, by their digest, asked again after half a second.

    Parameters
    ----------
    ask
        Returns what the secret with a digest stands for, or None if it is dead.
    """

    def __init__(self, ask: Callable[[Driver, bytes], Awaitable[Found | None]]) -> None:
        self._ask = ask
        self._seen: dict[bytes, tuple[Found, float]] = {}

    async def find(self, driver: Driver, sha256: bytes) -> Found | None:
        """Return what the secret with this digest stands for if it is alive, as it was at most half a second ago."""
        now = monotonic()
        seen = self._seen.get(sha256)
        if seen is not None and now < seen[1]:
            return seen[0]
        found = await self._ask(driver, sha256)
        if found is None:
            self._seen.pop(sha256, None)
            return None
        if len(self._seen) >= KNOWN_AT_MOST:
            self._seen.clear()
        # From before it was asked: what the answer took to come is part of its age.
        self._seen[sha256] = found, now + TRUSTED_SECONDS
        return found


class KnownKeys(Known[LiveKey]):
    """What live keys stand for."""

    def __init__(self) -> None:
        super().__init__(repository.find_live_key)


class KnownSessions(Known[LiveSession]):
    """Whose live sessions are; one that was idle for longer than the settings allow is dead."""

    def __init__(self, idle_minutes: int) -> None:
        super().__init__(partial(session_repository.find_live_session, idle_minutes=idle_minutes))
