"""Keys of the issuer: fetched when they are needed, once for all who wait, and not more often than in a while."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from app.identity import issuer_keys
from app.identity.errors import IssuerUnavailable, TokenRefused
from app.identity.issuer_keys import FETCH_EVERY_SECONDS, FRESH_SECONDS, MOST_BYTES, USABLE_SECONDS, IssuerKeys
from app.identity.models import Organisation
from tests.app.identity.issuer import Issuer, serving
from tests.app.identity.keyring import bearer
from tests.app.identity.test_known_keys import Clock
from tests.app.identity.trusting import BOOKINGS, client, issuer, startup, trusting
from tests.support.ports import free_port

__all__ = ["client", "issuer", "startup", "trusting"]

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which keys grow old."""
    made = Clock()
    monkeypatch.setattr(issuer_keys, "monotonic", made)
    return made


async def found(keys: IssuerKeys, kid: str | None) -> bool:
    """Tell whether there is a key; without an answer of the issuer that fails."""
    try:
        await keys.find(kid)
    except TokenRefused:
        return False
    return True


async def test_keys_are_fetched_once_for_all_who_wait(issuer: Issuer) -> None:
    keys = IssuerKeys(issuer.url, None)
    issuer.delay_s = 0.1
    told = await asyncio.gather(*(found(keys, kid) for kid in ("rsa", "ec", "ed", "no") * 10))
    assert told == [True, True, True, False] * 10
    assert issuer.asked == [DISCOVERY, "/keys"]


async def test_a_rotated_key_is_found_and_an_unknown_one_is_not_asked_for_again_at_once(
    issuer: Issuer, clock: Clock
) -> None:
    keys = IssuerKeys(issuer.url, f"{issuer.url}/keys")
    assert await found(keys, "rsa")
    issuer.add("ES256", "new")
    del issuer.keys["rsa"]
    assert [await found(keys, kid) for kid in ("new", "made-up", "rsa")] == [False, False, True]
    assert issuer.asked == ["/keys"]
    clock.seconds += FETCH_EVERY_SECONDS
    assert [await found(keys, kid) for kid in ("new", "made-up", "rsa")] == [True, False, False]
    assert issuer.asked == ["/keys"] * 2


async def test_known_keys_serve_while_they_are_asked_for_again(issuer: Issuer, clock: Clock) -> None:
    keys = IssuerKeys(issuer.url, f"{issuer.url}/keys")
    assert await found(keys, "rsa")
    del issuer.keys["rsa"]
    clock.seconds += FRESH_SECONDS + 1
    assert await found(keys, "rsa")
    for _ in range(500):
        if not await found(keys, "rsa"):
            break
        await asyncio.sleep(0.01)
    assert issuer.asked == ["/keys"] * 2


async def test_an_issuer_that_is_away_is_no_failure_of_known_keys(clock: Clock) -> None:
    with serving() as issuer:
        keys = IssuerKeys(issuer.url, f"{issuer.url}/keys")
        assert await found(keys, "rsa")
    clock.seconds += USABLE_SECONDS - 1
    assert await found(keys, "rsa")
    clock.seconds += FETCH_EVERY_SECONDS
    with pytest.raises(IssuerUnavailable):
        await keys.find("rsa")


async def test_without_the_issuer_the_answer_is_503_and_soon_another(
    client: httpx.AsyncClient, startup: Organisation, issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[Any] = []
    monkeypatch.setattr(issuer_keys.log, "warning", lambda *told, **facts: logged.append((told, facts)))
    issuer.answers["/keys"] = (500, b"", {})
    token = issuer.token()
    for path in (BOOKINGS, "/v1/slots"):
        answer = await client.get(path, headers=bearer(token))
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:creneau:problem:issuer-unavailable")
        assert 1 <= int(answer.headers["retry-after"]) <= FETCH_EVERY_SECONDS
    assert issuer.asked == [DISCOVERY, "/keys"]
    assert logged == [(("issuer_keys_not_fetched",), {"reason": "it answers 500"})]
    del issuer.answers["/keys"]
    clock.seconds += FETCH_EVERY_SECONDS
    assert (await client.get(BOOKINGS, headers=bearer(token))).status_code == 200


async def test_an_issuer_that_nobody_listens_for_is_away() -> None:
    with pytest.raises(IssuerUnavailable):
        await IssuerKeys(f"http://127.0.0.1:{free_port()}", None).find("rsa")


async def test_an_issuer_that_is_too_slow_is_away(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "FETCH_WITHIN_SECONDS", 0.2)
    issuer.delay_s = 0.5
    with pytest.raises(IssuerUnavailable):
        await IssuerKeys(issuer.url, None).find("rsa")


@pytest.mark.parametrize(
    ("path", "status", "content", "headers"),
    [
        ("/keys", 302, b"", {"Location": "/elsewhere"}),
        ("/keys", 200, b"{}", {"Content-Encoding": "gzip"}),
        ("/keys", 200, b"{", {}),
        ("/keys", 200, b"[" * 50_000, {}),
        ("/keys", 200, b"[]", {}),
        ("/keys", 200, b'{"keys": 1}', {}),
        (DISCOVERY, 200, b'{"issuer": "https://elsewhere.example.org"}', {}),
        (DISCOVERY, 200, b"[]", {}),
    ],
)
async def test_what_is_no_key_set_leaves_the_issuer_away(
    issuer: Issuer, path: str, status: int, content: bytes, headers: dict[str, str]
) -> None:
    issuer.answers[path] = (status, content, headers)
    with pytest.raises(IssuerUnavailable):
        await IssuerKeys(issuer.url, None).find("rsa")
    assert "/elsewhere" not in issuer.asked


async def test_more_is_not_read_than_keys_need(issuer: Issuer, clock: Clock) -> None:
    keys = IssuerKeys(issuer.url, f"{issuer.url}/keys")
    told = json.dumps({"keys": [issuer.keys["rsa"].as_dict(private=False)]}).encode()
    issuer.answers["/keys"] = (200, told + b" " * (MOST_BYTES - len(told) + 1), {})
    with pytest.raises(IssuerUnavailable):
        await keys.find("rsa")
    clock.seconds += FETCH_EVERY_SECONDS
    issuer.answers["/keys"] = (200, told + b" " * (MOST_BYTES - len(told)), {})
    assert await found(keys, "rsa")


@pytest.mark.parametrize("address", ["http://keys.example.org/", "file:///etc/passwd", 5, "https://user@example.org/x"])
async def test_keys_are_not_fetched_from_where_anybody_could_answer(issuer: Issuer, address: object) -> None:
    told = {"issuer": issuer.url, "jwks_uri": address}
    issuer.answers[DISCOVERY] = (200, json.dumps(told).encode(), {})
    with pytest.raises(IssuerUnavailable):
        await IssuerKeys(issuer.url, None).find("rsa")
    assert issuer.asked == [DISCOVERY]


async def test_an_issuer_may_describe_itself_as_an_authorisation_server(issuer: Issuer) -> None:
    issuer.path = "/realms/health"
    described = json.dumps({"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}).encode()
    issuer.answers[f"{issuer.path}{DISCOVERY}"] = (404, b"", {})
    issuer.answers["/.well-known/oauth-authorization-server/realms/health"] = (200, described, {})
    assert await found(IssuerKeys(issuer.url, None), "rsa")


async def test_keys_that_prove_nothing_are_left_out(issuer: Issuer) -> None:
    shown = issuer.keys["rsa"].as_dict(private=False)
    small = {"kty": "RSA", "kid": "small", "n": "wQ", "e": "AQAB"}
    told = [
        {**shown, "kid": "for-encryption", "use": "enc"},
        {**shown, "kid": "to-sign", "key_ops": ["sign"]},
        {"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"},
        {"kty": "AKP", "kid": "unheard-of"},
        {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"},
        small,
        "text",
        {},
        {**issuer.keys["ed"].as_dict(private=True), "kid": "sound"},
    ]
    issuer.answers["/keys"] = (200, json.dumps({"keys": told}).encode(), {})
    keys = IssuerKeys(issuer.url, None)
    names = ("for-encryption", "to-sign", "symmetric", "unheard-of", "broken", "small", "sound")
    assert [name for name in names if await found(keys, name)] == ["sound"]
    assert not (await keys.find("sound")).is_private
    assert await found(keys, None)
