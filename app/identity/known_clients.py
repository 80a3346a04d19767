"""The clients of the issuer that this process has just seen to act for somebody, as `known_keys` does for keys."""

from time import monotonic

from app.core.driver import Driver
from app.identity import known_keys, token_client_repository
from app.identity.token_client_repository import ClientName, LiveClient


class KnownClients:
    """For whom clients act, by issuer, client and subject, asked again after half a second."""

    def __init__(self) -> None:
        self._seen: dict[ClientName, tuple[LiveClient, float]] = {}

    async def find(self, driver: Driver, name: ClientName) -> LiveClient | None:
        """Return for whom a client acts, as it was at most half a second ago; None if for nobody, or no more."""
        now = monotonic()
        seen = self._seen.get(name)
        if seen is not None and now < seen[1]:
            return seen[0]
        found = await token_client_repository.find_live_client(driver, name)
        if found is None:
            self._seen.pop(name, None)
            return None
        if len(self._seen) >= known_keys.KNOWN_AT_MOST:
            self._seen.clear()
        self._seen[name] = found, now + known_keys.TRUSTED_SECONDS
        return found
