"""What looks like a token of the issuer and is none proves nothing, whatever it says of itself."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import RSAKey

from app.identity.models import Organisation
from tests.app.identity.issuer import AUDIENCE, Issuer, encoded, signed
from tests.app.identity.keyring import bearer
from tests.app.identity.trusting import BOOKINGS, INVALID, client, issuer, refused, startup, trusting
from tests.support.client import Client

__all__ = ["client", "issuer", "startup", "trusting"]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"typ": "JWT"}, "not of a type"),
        ({"typ": None}, "not of a type"),
        ({"typ": 1}, "not of a type"),
        ({"crit": ["unknown"], "unknown": 1}, "not understood here"),
        ({"crit": ["b64"], "b64": False}, "not understood here"),
        ({"crit": []}, "not understood here"),
        ({"b64": True}, "not understood here"),
        ({"kid": "unknown"}, "no key of the identifier"),
        ({"kid": ["rsa"]}, "no text"),
        ({"kid": None}, "no key of the identifier"),
        ({"kid": "ec"}, "signature"),
        ({"alg": "RS512"}, "algorithm"),
        ({"alg": "PS256"}, "algorithm"),
    ],
)
async def test_a_header_that_is_not_understood(
    client: httpx.AsyncClient, startup: Organisation, issuer: Issuer, header: dict[str, Any], told: str
) -> None:
    assert told in await refused(client, issuer.token(header=header))


async def test_a_type_may_be_written_as_a_media_type(
    client: httpx.AsyncClient, startup: Organisation, issuer: Issuer
) -> None:
    token = issuer.token(header={"typ": "application/AT+JWT"}, aud=["https://x.example.org", AUDIENCE])
    assert (await client.get(BOOKINGS, headers=bearer(token))).status_code == 200


async def test_no_signature_and_one_by_a_public_key_prove_nothing(
    client: httpx.AsyncClient, startup: Organisation, issuer: Issuer
) -> None:
    payload = json.dumps(issuer.claims()).encode()
    public = issuer.keys["rsa"].as_pem(private=False)
    told = {"typ": "at+jwt", "kid": "rsa"}
    for algorithm, key in (("none", None), ("HS256", public)):
        assert "algorithm" in await refused(client, signed({**told, "alg": algorithm}, payload, key))
    assert "algorithm" in await refused(client, signed({**told, "alg": "none"}, payload, None).rstrip(".") + ".e30")
    own = RSAKey.generate_key(2048)
    shown = {"jwk": own.as_dict(private=False), "jku": f"{issuer.url}/keys"}
    assert "signature" in await refused(client, signed({**told, **shown, "alg": "RS256"}, payload, own))
    sound = issuer.token()
    assert "signature" in await refused(client, f"{sound.rpartition('.')[0]}.")
    head, _, tail = sound.split(".")
    assert "signature" in await refused(client, f"{head}.{encoded(json.dumps(issuer.claims(jti='2')).encode())}.{tail}")


@pytest.mark.parametrize(
    "token",
    [
        "..",
        "a.b.c",
        "e30.e30.",
        "W10.e30.x",
        "e30.W10.x",
        f"{encoded(b'[' * 900)}.e30.x",
        "é.e30.x",
        "e30.e30." + "A" * 9_000,
    ],
)
async def test_what_is_no_token_at_all(client: httpx.AsyncClient, issuer: Issuer, token: str) -> None:
    answer = await client.get(BOOKINGS, headers={b"Authorization": f"Bearer {token}".encode()})
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, INVALID), answer.text
    assert issuer.asked == []


async def test_a_payload_that_is_nested_beyond_measure(client: httpx.AsyncClient, issuer: Issuer) -> None:
    token = signed({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}, b"[" * 4_000, issuer.keys["rsa"])
    assert "can be read" in await refused(client, token)
    nan = signed({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}, b'{"exp": NaN}', issuer.keys["rsa"])
    assert "can be read" in await refused(client, nan)


async def test_what_begins_as_a_key_stays_one(client: httpx.AsyncClient, issuer: Issuer) -> None:
    answer = await client.get(BOOKINGS, headers=bearer("crn_a.b.c"))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert issuer.asked == []


async def test_without_an_issuer_a_token_is_an_unknown_key(app: FastAPI, issuer: Issuer) -> None:
    async with Client(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get(BOOKINGS, headers=bearer(issuer.token()))
    assert (answer.status_code, issuer.asked) == (401, [])
