"""How many requests a minute a key, or an address without one, may make.

The counters are this process's own: behind several processes a client may make as many times more. A key is
counted by its identifier, whatever secret of it is sent, once that has proved to be one, and an access token by its
client; until then, and whenever it is refused, its address is counted, so that keys cannot be guessed at leisure, nor
the token of `/metrics`. The address is the server's word: uvicorn believes `X-Forwarded-For` only of the proxies that
its `FORWARDED_ALLOW_IPS` names.

Source: draft-ietf-httpapi-ratelimit-headers-11; RFC 6585, section 4; RFC 9110, section 10.2.3.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from http import HTTPStatus
from ipaddress import IPv6Network, ip_address
from typing import NamedTuple

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core import metrics
from app.core.errors import DomainError, NotAuthenticated
from app.core.http import problem
from app.core.request_context import notes
from app.core.settings import Settings

EXEMPT = frozenset({"/healthz", "/readyz"})
FIGURES = "/metrics"
"""Its refusals alone are counted, so that nothing but guesses keeps an operator from the figures."""
WINDOW_SECONDS = 60
_MOST_KEYS_REMEMBERED = 10_000
_SWEEP_SECONDS = 10.0
_V6_PREFIX = 64
"""Whoever has one IPv6 address has the 2^64 of its network."""


class RateLimited(DomainError):
    """Too many requests in the last minute."""

    type, title, status = "rate-limited", "Too many requests", HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, policy: str, limit: int, retry_after: int) -> None:
        super().__init__(
            f"This is more than {limit} requests a minute: send it again in {retry_after} s.",
            facts={"violated-policies": [policy]},
        )
        self.headers = {"Retry-After": str(retry_after)}


class Counters(MemoryStorage):
    """Counters in memory whose hit costs the same however many there are; for one event loop.

    The library's own looks through all counters at each hit for those that have expired.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sweep_at = 0.0

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Raise a counter, which expires so many seconds after its first hit, and return it."""
        now = time.time()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_SECONDS
            for stale in [one for one, at in self.expirations.items() if at <= now]:
                await self.clear(stale)
        count = await self.get(key) + amount
        self.storage[key] = count
        if count == amount:
            self.expirations[key] = now + expiry
        return count


class Policy(NamedTuple):
    """A limit and the name under which clients are told of it."""

    name: str
    item: RateLimitItem

    @property
    def advertised(self) -> str:
        """The policy as a structured field."""
        return f'"{self.name}";q={self.item.amount};w={WINDOW_SECONDS}'


def policies(settings: Settings) -> Mapping[str, Policy]:
    """Return the limits that the settings set, by name; one of 0 is none."""
    amounts = {
        "reads": settings.rate_limit_reads,
        "writes": settings.rate_limit_writes,
        "address": settings.rate_limit_address,
    }
    return {
        name: Policy(name, RateLimitItemPerMinute(amount, namespace=name)) for name, amount in amounts.items() if amount
    }


class RateLimit:
    """ASGI middleware: counts requests by key or address, tells the client how it stands, and refuses what is more."""

    def __init__(self, app: ASGIApp, policies: Mapping[str, Policy]) -> None:
        self.app = app
        self.policies = policies
        self.limiter = SlidingWindowCounterRateLimiter(Counters())
        self.known: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, unless its sender has made too many."""
        if scope["type"] != "http" or scope["path"] in EXEMPT:
            await self.app(scope, receive, send)
            return
        if scope["path"] == FIGURES:
            await self._guard_figures(scope, receive, send)
            return
        secret = _digest_of_secret(scope)
        if secret is not None and secret in self.known:
            self.known.move_to_end(secret)
            policy = self.policies.get("reads" if scope["method"] in metrics.READS else "writes")
            refusal = await self._hit(policy, self.known[secret])
        else:
            refusal = await self._hit(self.policies.get("address"), network_of(scope))
        if refusal is not None:
            await problem(refusal, instance=scope["path"])(scope, receive, send)
            return
        await self.app(scope, receive, send)
        if secret is not None:
            self._learn(secret)

    async def _guard_figures(self, scope: Scope, receive: Receive, send: Send) -> None:
        policy, who = self.policies.get("address"), f"{FIGURES} {network_of(scope)}"
        is_open = policy is None or await self.limiter.test(policy.item, who)
        refusal = None if is_open else await self._hit(policy, who)
        if refusal is not None:
            await problem(refusal, instance=scope["path"])(scope, receive, send)
            return
        await self.app(scope, receive, send)
        if policy is not None and notes().facts.get("problem") == NotAuthenticated.type:
            await self.limiter.hit(policy.item, who)

    async def _hit(self, policy: Policy | None, who: str) -> RateLimited | None:
        """Count a request, and return its refusal if it is one too many."""
        if policy is None:
            return None
        allowed = await self.limiter.hit(policy.item, who)
        resets_at, remaining = await self.limiter.get_window_stats(policy.item, who)
        seconds = max(1, math.ceil(resets_at - time.time()))
        noted = notes()
        noted.answer_with("RateLimit-Policy", policy.advertised)
        noted.answer_with("RateLimit", f'"{policy.name}";r={remaining if allowed else 0};t={seconds}')
        if allowed:
            return None
        metrics.RATE_LIMITED.labels(policy.name).inc()
        return RateLimited(policy.name, policy.item.amount, seconds)

    def _learn(self, secret: str) -> None:
        """Remember of which key or client a secret has proved to be, and forget one that has been refused."""
        facts = notes().facts
        if proved := facts.get("api_key_id") or facts.get("token_client_id"):
            self.known[secret] = proved
            if len(self.known) > _MOST_KEYS_REMEMBERED:
                self.known.popitem(last=False)
        elif facts.get("problem") == NotAuthenticated.type:
            self.known.pop(secret, None)


def _digest_of_secret(scope: Scope) -> str | None:
    """Return the digest of the secret that a request carries, however its header is spelt, or None without one."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, secret = value.partition(b" ")
            return blake2b(scheme.lower() + b" " + secret.strip(), digest_size=16).hexdigest()
    return None


def network_of(scope: Scope) -> str:
    """Return whom an address stands for: itself, or with IPv6 its whole network."""
    host: str = (scope.get("client") or ("unknown",))[0]
    if ":" not in host:
        return host
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(IPv6Network((int(address), _V6_PREFIX), strict=False).network_address)
