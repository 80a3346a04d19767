"""How many links by mail one network may ask for: each process counts for itself."""

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from app.core.rate_limit import Counters, network_of
from app.identity.errors import TooManyLinks

WINDOW_MINUTES = 15


class SignInLimit:
    """Counts links by the network that asks for them.

    Parameters
    ----------
    most
        In a quarter of an hour; 0 for no limit.
    """

    def __init__(self, most: int) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(Counters())
        self._item = RateLimitItemPerMinute(most, WINDOW_MINUTES) if most else None

    async def require(self, request: Request) -> None:
        """Count a request for a link.

        Raises
        ------
        TooManyLinks
            If it is one too many.
        """
        if self._item is None or await self._limiter.hit(self._item, network_of(request.scope)):
            return
        raise TooManyLinks(
            f"Too many links were asked for from this network: wait {WINDOW_MINUTES} minutes.", WINDOW_MINUTES * 60
        )
