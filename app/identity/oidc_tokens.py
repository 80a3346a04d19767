"""Signed tokens of an issuer: who signed them and how, and whether an ID token answers the request that was made.

Algorithms are pinned to signatures by a private key: what is signed with a secret, or not at all, is nobody's word.

Source: RFC 7515, RFC 7519, RFC 8725; OpenID Connect Core 1.0, section 3.1.3.7.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

LEEWAY_SECONDS = 60
LONGEST_AGE_SECONDS = 600
LARGEST_TOKEN = 16_384

_KEY_KINDS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    "RS256": RSAKey,
    "RS384": RSAKey,
    "RS512": RSAKey,
    "PS256": RSAKey,
    "PS384": RSAKey,
    "PS512": RSAKey,
    "ES256": ECKey,
    "ES384": ECKey,
    "ES512": ECKey,
    "Ed25519": OKPKey,
}
"""The algorithms that are taken, each with the one kind of key that it goes with."""

Claims = Mapping[str, Any]


class TokenRefused(Exception):
    """A token is not believed; `reason` is a word of ours, which may be logged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownSigner(TokenRefused):
    """No key of the set has the name that the token gives: the set may be out of date."""


def verified_claims(token: str, keys: KeySet) -> tuple[Claims, str]:
    """Return the claims of a token that one of the keys has signed, and the algorithm.

    Raises
    ------
    TokenRefused
        If it is no token, names no algorithm that is taken, makes anything critical, or is not signed by such a key.
    UnknownSigner
        If the key that it names is not among these.
    """
    header = _header(token)
    algorithm = header.get("alg")
    kind = _KEY_KINDS.get(algorithm) if isinstance(algorithm, str) else None
    if kind is None or not isinstance(algorithm, str):
        raise TokenRefused("algorithm")
    if "crit" in header or "b64" in header:
        raise TokenRefused("critical_header")
    key = _key(keys, header.get("kid"), algorithm, kind)
    try:
        claims: Claims = jwt.decode(
            token, key, registry=JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        ).claims
    except (JoseError, ValueError, TypeError):
        raise TokenRefused("signature") from None
    return claims, algorithm


def _header(token: str) -> dict[str, Any]:
    if len(token) > LARGEST_TOKEN or token.count(".") != 2:
        raise TokenRefused("malformed")
    first = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise TokenRefused("malformed") from None
    if not isinstance(header, dict):
        raise TokenRefused("malformed")
    return header


def _key(keys: KeySet, name: object, algorithm: str, kind: type[Any]) -> RSAKey | ECKey | OKPKey:
    """Return the one key that may have signed."""
    fitting = [
        key
        for key in keys.keys
        if isinstance(key, kind) and key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
    ]
    if name is not None:
        fitting = [key for key in fitting if key.kid == name]
    if len(fitting) != 1:
        raise UnknownSigner("key")
    found: RSAKey | ECKey | OKPKey = fitting[0]
    return found


def check_id_token(claims: Claims, *, issuer: str, client_id: str, nonce: str) -> None:
    """Make sure that an ID token was made by the issuer for this client, now, and in answer to this very request.

    Raises
    ------
    TokenRefused
        Otherwise, by the claim that is at fault.
    """
    rules = JWTClaimsRegistry(
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        sub={"essential": True},
        aud={"essential": True, "value": client_id},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True},
    )
    try:
        rules.validate(dict(claims))
    except JoseError as error:
        raise TokenRefused(getattr(error, "claim", None) or "claims") from None
    if not _same(claims["nonce"], nonce):
        raise TokenRefused("nonce")
    if claims["iat"] < rules.now - LONGEST_AGE_SECONDS:
        raise TokenRefused("iat")
    _check_audience(claims, client_id)


def _check_audience(claims: Claims, client_id: str) -> None:
    """Refuse a token that is for others too, unless it says that this client asked for it."""
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if "azp" in claims and claims["azp"] != client_id:
        raise TokenRefused("azp")
    if audience != [client_id] and "azp" not in claims:
        raise TokenRefused("aud")


def check_access_token(claims: Claims, algorithm: str, access_token: str) -> None:
    """Make sure that an access token came with the ID token, where that tells.

    Raises
    ------
    TokenRefused
        If it came with another.
    """
    told = claims.get("at_hash")
    if told is None:
        return
    bits = algorithm[-3:] if algorithm[-3:] in {"256", "384", "512"} else "512"
    digest = hashlib.new(f"sha{bits}", access_token.encode()).digest()
    expected = base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
    if not _same(told, expected):
        raise TokenRefused("at_hash")


def _same(told: object, expected: str) -> bool:
    return isinstance(told, str) and hmac.compare_digest(told.encode(), expected.encode())


def signing_keys(document: object) -> KeySet:
    """Return the public keys in a key set document; those of kinds that nothing here is signed with are left out.

    Raises
    ------
    TokenRefused
        If it is none, or holds no such key.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    kinds: Mapping[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    keys: list[Any] = []
    for one in listed if isinstance(listed, Sequence) and not isinstance(listed, str) else []:
        kind = kinds.get(str(one.get("kty"))) if isinstance(one, dict) else None
        if kind is None:
            continue
        try:
            keys.append(kind.import_key(one))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not keys:
        raise TokenRefused("no_keys")
    return KeySet(keys)
