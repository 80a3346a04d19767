"""Access tokens of the configured issuer: signed, for this service, in time; and the clients that they name.

A token tells which client of the issuer sent it and nothing else that counts: which organisation that acts for, in
which role and with which scopes, stands in the database. The token's own scopes can only narrow these.

Source: RFC 9068 (profile of access tokens); RFC 8725 (best practices); RFC 7515, section 5.2.
"""

import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from joserfc.errors import JoseError
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact
from joserfc.util import urlsafe_b64decode

from app.audit.models import ActorKind
from app.core.driver import Driver
from app.core.settings import Settings
from app.identity.actor import Actor
from app.identity.errors import TokenRefused
from app.identity.issuer_keys import IssuerKeys
from app.identity.keys import KEY_PREFIX
from app.identity.known_clients import KnownClients
from app.identity.models import KeyScope

MOST_CHARACTERS = 8 * 1024
_MOST_HEADER_CHARACTERS = 2 * 1024
_MOST_SIGNATURE_CHARACTERS = 1024
_LONGEST_NAME = 255
_UNREADABLE = "This is neither a key nor a token that can be read."
_LAST_MOMENT = 1e12
"""In seconds: what is beyond it, infinity too, is none."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says that has proved to be the issuer's.

    Attributes
    ----------
    scopes
        To which scopes it confines itself; None if it does not.
    """

    issuer: str
    client_id: str
    subject: str
    scopes: frozenset[KeyScope] | None


def is_token(credentials: str) -> bool:
    """Tell whether credentials are to be read as a token: what begins as a key is a key, whatever follows."""
    return not credentials.startswith(KEY_PREFIX) and credentials.count(".") == 2


class _Registry(JWSRegistry):
    """The limits of the parts of a token."""

    max_header_length = _MOST_HEADER_CHARACTERS
    max_payload_length = MOST_CHARACTERS
    max_signature_length = _MOST_SIGNATURE_CHARACTERS


_LIMITS = _Registry()


class AccessTokens:
    """Tells who sends a token.

    Parameters
    ----------
    algorithms
        Those that are accepted, all of them asymmetric.
    types
        What the header may say that it is, in lower case and without `application/`.
    leeway_s
        How far the issuer's clock may be from this one.
    """

    def __init__(
        self,
        keys: IssuerKeys,
        *,
        issuer: str,
        audience: str,
        algorithms: Collection[str],
        types: Collection[str],
        leeway_s: int,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._algorithms = {name: JWSRegistry.algorithms[name] for name in algorithms}
        self._types = frozenset(types)
        self._leeway_s = leeway_s
        self._clients = KnownClients()

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return what the settings set up; None where they name no issuer."""
        if settings.jwt_issuer is None or settings.jwt_audience is None:
            return None
        return cls(
            IssuerKeys(settings.jwt_issuer, settings.jwt_jwks_url),
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            algorithms=settings.jwt_algorithms,
            types=settings.jwt_types,
            leeway_s=settings.jwt_leeway_s,
        )

    async def prove(self, token: str) -> Claims:
        """Return what a token says, if it is the issuer's, for this service, and in time.

        Raises
        ------
        TokenRefused
            If it is not.
        IssuerUnavailable
            If that cannot be told, for the issuer does not tell its keys.
        """
        signed, claims = self._read(token)
        header = signed.protected
        algorithm = self._algorithms.get(_text(header, "alg") or "")
        if algorithm is None:
            raise TokenRefused("This token is not signed by an algorithm that is accepted here.")
        identifier = header.get("kid")
        if identifier is not None and not isinstance(identifier, str):
            raise TokenRefused("This token names its key by what is no text.")
        key = await self._keys.find(identifier)
        try:
            algorithm.check_key(key)
            parts = signed.segments
            signature = urlsafe_b64decode(parts["signature"])
            is_signed = algorithm.verify(parts["header"] + b"." + parts["payload"], signature, key)
        except (JoseError, ValueError, TypeError):
            is_signed = False
        if not is_signed:
            raise TokenRefused("The signature of this token is not the issuer's.")
        self._require_in_time(claims)
        return self._claims(claims)

    async def actor_of(self, driver: Driver, claims: Claims, *, request_id: str | None) -> Actor:
        """Return the actor that a proven token stands for.

        Raises
        ------
        TokenRefused
            If its client acts for nobody, or no more.
        """
        found = await self._clients.find(driver, (claims.issuer, claims.client_id, claims.subject))
        if found is None:
            raise TokenRefused("The client of this token acts for nobody here: see `/v1/token-clients`.")
        return Actor(
            kind=ActorKind.KEY,
            organisation_id=found.organisation_id,
            token_client_id=found.token_client_id,
            role=found.role,
            scopes=found.scopes if claims.scopes is None else found.scopes & claims.scopes,
            request_id=request_id,
        )

    def _read(self, token: str) -> tuple[CompactSignature, dict[str, Any]]:
        """Return a token taken apart, which proves nothing yet; what cannot be meant for here is refused at once."""
        if len(token) > MOST_CHARACTERS or not token.isascii():
            raise TokenRefused("This token is too long, or is not plain ASCII.")
        try:
            signed = extract_compact(token.encode(), registry=_LIMITS)
            if {"crit", "b64"} & signed.protected.keys():
                raise TokenRefused("This token wants what is not understood here to be understood.")
            claims = json.loads(signed.payload, parse_constant=_refuse)
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            raise TokenRefused(_UNREADABLE) from None
        if not isinstance(claims, dict):
            raise TokenRefused(_UNREADABLE)
        kind = (_text(signed.protected, "typ") or "").lower().removeprefix("application/")
        if kind not in self._types:
            raise TokenRefused(f"This token is not of a type that is accepted here: {', '.join(sorted(self._types))}.")
        if claims.get("iss") != self._issuer:
            raise TokenRefused("This token is of another issuer.")
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenRefused("This token is for another audience.")
        return signed, claims

    def _require_in_time(self, claims: dict[str, Any]) -> None:
        now = time.time()
        if _moment(claims, "exp") <= now - self._leeway_s:
            raise TokenRefused("This token has expired.")
        if _moment(claims, "iat") > now + self._leeway_s:
            raise TokenRefused("This token was issued in the future.")
        if "nbf" in claims and _moment(claims, "nbf") > now + self._leeway_s:
            raise TokenRefused("This token is not valid yet.")

    def _claims(self, claims: dict[str, Any]) -> Claims:
        client_id, subject = _text(claims, "client_id"), _text(claims, "sub")
        if not client_id or not subject:
            raise TokenRefused("This token does not name its client and its subject.")
        scopes: frozenset[KeyScope] | None = None
        if "scope" in claims:
            named = (_text(claims, "scope") or "").split()
            scopes = frozenset(scope for scope in KeyScope if scope.value in named)
        return Claims(self._issuer, client_id, subject, scopes)


def _text(members: dict[str, Any], name: str) -> str | None:
    """Return a text of a sensible length, or None."""
    value = members.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST_NAME and "\x00" not in value else None


def _moment(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _LAST_MOMENT:
        raise TokenRefused(f"This token does not say its {name} in seconds.")
    return value


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no number of JSON")
