"""The keys that this process has just seen alive: a program that sends many requests sends the same key with each."""

from time import monotonic

from app.core.driver import Driver
from app.identity import repository
from app.identity.repository import LiveKey

TRUSTED_SECONDS = 0.5
"""For how long a key that was alive counts as such: a key must be dead within a second of its revocation."""
KNOWN_AT_MOST = 10_000


class KnownKeys:
    """What live keys stand for, by their digest, asked again after half a second."""

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[LiveKey, float]] = {}

    async def find(self, driver: Driver, sha256: bytes) -> LiveKey | None:
        """Return the key with this digest if it is neither revoked nor expired, as it was at most half a second ago."""
        now = monotonic()
        seen = self._seen.get(sha256)
        if seen is not None and now < seen[1]:
            return seen[0]
        found = await repository.find_live_key(driver, sha256)
        if found is None:
            self._seen.pop(sha256, None)
            return None
        if len(self._seen) >= KNOWN_AT_MOST:
            self._seen.clear()
        # From before it was asked: what the answer took to come is part of its age.
        self._seen[sha256] = found, now + TRUSTED_SECONDS
        return found
