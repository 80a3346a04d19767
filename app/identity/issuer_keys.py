"""The public keys of the issuer of access tokens: fetched when a token names one that is not known, and kept.

Whoever sends tokens decides which keys they name; so nothing that is fetched is larger than it needs to be, takes
longer than a few seconds, leads elsewhere, or is asked for more than once in a while, however many tokens ask for it.

Source: RFC 7517 (JWK); OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3.
"""

import asyncio
import json
from collections.abc import Collection, Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from app.core.web_addresses import is_safe_address
from app.identity.errors import IssuerUnavailable, TokenRefused

PublicKey = RSAKey | ECKey | OKPKey

FRESH_SECONDS = 600.0
"""After so long the keys are asked for again, while those that are known go on to serve."""
USABLE_SECONDS = 6 * 3600.0
"""For so long known keys serve if the issuer does not answer: then they may have been withdrawn."""
FETCH_EVERY_SECONDS = 10.0
FETCH_WITHIN_SECONDS = 4.0
MOST_BYTES = 128 * 1024
MOST_KEYS = 100
SMALLEST_RSA_BITS = 2048

_PUBLIC_MEMBERS = {
    "RSA": ("kty", "kid", "alg", "use", "n", "e"),
    "EC": ("kty", "kid", "alg", "use", "crv", "x", "y"),
    "OKP": ("kty", "kid", "alg", "use", "crv", "x"),
}
"""What is read of a key, by its type: no secret that an issuer shows by mistake, and no symmetric key at all."""

_DISCOVERY = "/.well-known/openid-configuration"
_METADATA = "/.well-known/oauth-authorization-server"

log = structlog.get_logger(__name__)


class _NotServed(Exception):
    """What the issuer answered is not what was asked for; the reason is for the log."""


class IssuerKeys:
    """The keys of one issuer, by their identifiers; for one event loop.

    Parameters
    ----------
    issuer
        Its identifier, an address below which it describes itself.
    address
        Where its keys are; None: where it says.
    """

    def __init__(self, issuer: str, address: str | None) -> None:
        self._issuer = issuer
        self._address = address
        self._keys: Mapping[str | None, PublicKey] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, identifier: str | None) -> PublicKey:
        """Return a key by its identifier; without one, the only key there is.

        Raises
        ------
        TokenRefused
            If the issuer has no such key.
        IssuerUnavailable
            If it does not say.
        """
        age = monotonic() - self._fetched_at
        found = self._known(identifier) if age < USABLE_SECONDS else None
        if found is not None:
            if age > FRESH_SECONDS and self._may_fetch():
                self._begin()
            return found
        if self._fetching is not None or self._may_fetch():
            await asyncio.shield(self._begin())
        found = None if self._failed else self._known(identifier)
        if found is not None:
            return found
        if self._failed:
            wait = self._tried_at + FETCH_EVERY_SECONDS - monotonic()
            raise IssuerUnavailable(
                "The key of this token cannot be fetched from its issuer now. Send the same request again.",
                retry_after=max(1, round(wait)),
            )
        raise TokenRefused("The issuer has no key of the identifier that this token names.")

    def _known(self, identifier: str | None) -> PublicKey | None:
        if identifier is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(identifier)

    def _may_fetch(self) -> bool:
        return monotonic() - self._tried_at >= FETCH_EVERY_SECONDS

    def _begin(self) -> asyncio.Task[None]:
        """Return the one fetch under way: whoever comes meanwhile waits for it too."""
        if self._fetching is None:
            self._tried_at = monotonic()
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._end)
        return self._fetching

    def _end(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        """Fetch all keys; if that fails, those that are known stay, and what went wrong is logged."""
        try:
            async with asyncio.timeout(FETCH_WITHIN_SECONDS), _client() as client:
                address = self._address or await _discovered(client, self._issuer)
                self._keys = _read(await _document(client, address))
        except (_NotServed, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            self._failed = True
            reason = str(error) if isinstance(error, _NotServed) else type(error).__name__
            log.warning("issuer_keys_not_fetched", reason=reason)
        except Exception:
            self._failed = True
            log.exception("issuer_keys_not_fetched")
        else:
            self._failed, self._fetched_at = False, monotonic()


def _client() -> httpx.AsyncClient:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    return httpx.AsyncClient(headers=headers, timeout=FETCH_WITHIN_SECONDS, follow_redirects=False, trust_env=False)


async def _discovered(client: httpx.AsyncClient, issuer: str) -> str:
    """Return where an issuer says that its keys are."""
    base = urlsplit(issuer)
    path = base.path.rstrip("/")
    addresses = (f"{issuer.rstrip('/')}{_DISCOVERY}", f"{base.scheme}://{base.netloc}{_METADATA}{path}")
    told = None
    for address in addresses:
        told = await _document(client, address, missing=address != addresses[-1])
        if told is not None:
            break
    if not isinstance(told, dict) or told.get("issuer") != issuer:
        raise _NotServed("it describes another issuer")
    found = told.get("jwks_uri")
    if not isinstance(found, str) or not is_safe_address(found):
        raise _NotServed("its jwks_uri is no address by https")
    return found


async def _document(client: httpx.AsyncClient, address: str, *, missing: bool = False) -> Any:
    """Return a JSON document; None if there is none and that may be."""
    async with client.stream("GET", address) as answer:
        if missing and answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        if answer.status_code != HTTPStatus.OK:
            raise _NotServed(f"it answers {answer.status_code}")
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise _NotServed("it answers in an encoding that was not asked for")
        content = b""
        async for part in answer.aiter_raw():
            content += part
            if len(content) > MOST_BYTES:
                raise _NotServed("its answer is too large")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise _NotServed("its answer is no JSON") from None


def _read(told: Any) -> Mapping[str | None, PublicKey]:
    """Return the public keys of a key set that may verify signatures; what is none is left out."""
    listed = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        raise _NotServed("its answer is no key set")
    found: dict[str | None, PublicKey] = {}
    for one in listed[:MOST_KEYS]:
        key = _key(one)
        if key is not None:
            identifier = one.get("kid")
            found[identifier if isinstance(identifier, str) else None] = key
    return found


def _key(told: Any) -> PublicKey | None:
    if not isinstance(told, dict) or not isinstance(told.get("kty"), str):
        return None
    members: Collection[str] = _PUBLIC_MEMBERS.get(told["kty"], ())
    operations = told.get("key_ops", ["verify"])
    if not members or told.get("use", "sig") != "sig" or "verify" not in operations:
        return None
    try:
        key = JWKRegistry.import_key({name: told[name] for name in members if name in told})
        size = key.public_key.key_size if isinstance(key, RSAKey) else SMALLEST_RSA_BITS
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, RSAKey | ECKey | OKPKey) and size >= SMALLEST_RSA_BITS else None
