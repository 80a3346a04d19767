"""ID tokens: signed by the issuer in a way that is taken, for this client, now, in answer to this very request."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from app.identity.oidc_tokens import (
    TokenRefused,
    UnknownSigner,
    check_access_token,
    check_id_token,
    signing_keys,
    verified_claims,
)

ISSUER, CLIENT, NONCE = "https://issuer.example.org", "creneau", "n" * 43
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig", "alg": "ES256"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
KEYS = signing_keys({"keys": [RSA.as_dict(private=False), EC.as_dict(private=False), ED.as_dict(private=False)]})


def claims(**changed: Any) -> dict[str, Any]:
    at = int(time.time())
    told = {"iss": ISSUER, "sub": "1", "aud": CLIENT, "iat": at, "exp": at + 60, "nonce": NONCE, **changed}
    return {name: value for name, value in told.items() if value is not None}


def signed(told: dict[str, Any] | None = None, key: Any = RSA, **header: Any) -> str:
    full = {"alg": "RS256", "kid": "rsa", **header}
    return jwt.encode({k: v for k, v in full.items() if v is not None}, told or claims(), key, algorithms=[full["alg"]])


def by_hand(header: dict[str, Any], told: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Return a token that no library would make."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, told)]
    body = b".".join(parts)
    return (body + b"." + base64.urlsafe_b64encode(sign(body)).rstrip(b"=")).decode()


def check(token: str, keys: KeySet = KEYS) -> str:
    told, algorithm = verified_claims(token, keys)
    check_id_token(told, issuer=ISSUER, client_id=CLIENT, nonce=NONCE)
    return algorithm


@pytest.mark.parametrize(
    ("key", "header"),
    [(RSA, {}), (RSA, {"alg": "PS384"}), (EC, {"alg": "ES256", "kid": "ec"}), (ED, {"alg": "Ed25519", "kid": "ed"})],
)
def test_a_token_of_the_issuer_is_believed(key: Any, header: dict[str, Any]) -> None:
    assert check(signed(key=key, **header)) == header.get("alg", "RS256")


def test_the_only_key_needs_no_name() -> None:
    alone = signing_keys({"keys": [RSA.as_dict(private=False)]})
    assert check(signed(kid=None), alone) == "RS256"
    with pytest.raises(UnknownSigner):
        check(signed(kid="other"), alone)


PUBLIC = RSA.as_pem(private=False)


FORGED = [
    (by_hand({"alg": "none"}, claims(), lambda _: b""), "algorithm"),
    (by_hand({"alg": "None", "kid": "rsa"}, claims(), lambda _: b""), "algorithm"),
    (by_hand({"kid": "rsa"}, claims(), lambda _: b""), "algorithm"),
    (by_hand({"alg": ["RS256"], "kid": "rsa"}, claims(), lambda _: b""), "algorithm"),
    (
        by_hand({"alg": "HS256", "kid": "rsa"}, claims(), lambda body: hmac.digest(PUBLIC, body, hashlib.sha256)),
        "algorithm",
    ),
    (signed(key=STRANGER), "signature"),
    (by_hand({"alg": "RS256", "kid": "rsa"}, claims(), lambda _: b"x" * 256), "signature"),
    (by_hand({"alg": "RS256", "kid": "rsa"}, claims(), lambda _: b""), "signature"),
    (by_hand({"alg": "ES256", "kid": "rsa"}, claims(), lambda _: b"x" * 64), "key"),
    (by_hand({"alg": "ES384", "kid": "ec"}, claims(), lambda _: b"x" * 96), "key"),
    (
        by_hand({"alg": "RS256", "kid": "rsa", "crit": ["exp"], "exp": 1}, claims(), lambda _: b"x"),
        "critical_header",
    ),
    (by_hand({"alg": "RS256", "kid": "rsa", "crit": []}, claims(), lambda _: b"x"), "critical_header"),
    (by_hand({"alg": "RS256", "kid": "rsa", "b64": False}, claims(), lambda _: b"x"), "critical_header"),
    (by_hand({"alg": "RS256", "kid": "rsa", "jwk": STRANGER.as_dict()}, claims(), lambda _: b"x"), "signature"),
    ("", "malformed"),
    ("a.b", "malformed"),
    ("a.b.c.d.e", "malformed"),
    ("!.!.!", "malformed"),
    ("W10.e30.x", "malformed"),
    ("." * 2, "malformed"),
    ("x" * 20_000 + "..", "malformed"),
]


@pytest.mark.parametrize("number", range(len(FORGED)))
def test_what_the_issuer_has_not_signed_as_it_signs_is_not_believed(number: int) -> None:
    token, reason = FORGED[number]
    with pytest.raises(TokenRefused) as refused:
        check(token)
    assert refused.value.reason == reason


def test_a_critical_header_is_refused_even_if_the_issuer_has_signed_it() -> None:
    told = claims()
    body = by_hand({"alg": "RS256", "kid": "rsa", "crit": ["x"], "x": 1}, told, lambda _: b"").rpartition(".")[0]
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415

    private: Any = RSA.private_key
    signature = private.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(TokenRefused, match="critical_header"):
        check(f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://issuer.example.org/"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["another"]}, "aud"),
        ({"aud": [CLIENT, "another"]}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"azp": "another"}, "azp"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"exp": int(time.time()) - 120}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"iat": int(time.time()) + 3_600}, "iat"),
        ({"iat": int(time.time()) - 3_600}, "iat"),
        ({"iat": None}, "iat"),
        ({"nbf": int(time.time()) + 3_600}, "nbf"),
        ({"nonce": "m" * 43}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": [NONCE]}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": 1}, "sub"),
    ],
)
def test_what_the_issuer_has_signed_for_something_else_is_not_believed(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        check(signed(claims(**changed)))
    assert reason in refused.value.reason


def test_several_audiences_will_do_where_this_client_asked() -> None:
    assert check(signed(claims(aud=["another", CLIENT], azp=CLIENT)))


def test_an_access_token_goes_with_its_id_token() -> None:
    half = hashlib.sha256(b"access").digest()[:16]
    told = {"at_hash": base64.urlsafe_b64encode(half).decode().rstrip("=")}
    check_access_token(told, "RS256", "access")
    check_access_token({}, "RS256", "anything")
    with pytest.raises(TokenRefused, match="at_hash"):
        check_access_token(told, "RS256", "another")


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": None},
        {"keys": "RSA"},
        {"keys": [None, 1, {}]},
        {"keys": [OctKey.generate_key(256).as_dict()]},
        {"keys": [{"kty": "RSA", "n": "!", "e": 1}]},
    ],
)
def test_what_holds_no_public_key_is_no_key_set(document: object) -> None:
    with pytest.raises(TokenRefused, match="no_keys"):
        signing_keys(document)


def test_keys_for_other_uses_sign_nothing() -> None:
    told = {**RSA.as_dict(private=False), "use": "enc"}
    with pytest.raises(UnknownSigner):
        check(signed(), signing_keys({"keys": [told, EC.as_dict(private=False)]}))
