"""Signing in at an issuer that answers what no honest one would."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import text

from app.core.database import transaction
from app.identity.models import Person
from app.identity.oidc import CALLBACK_PATH, Issuer
from tests.support.issuers import CLIENT, STUB, StubIssuer, equip
from tests.support.visitors import HERE, Browser, Visitors

START = "/sign-in/oidc"
EMAIL = "a.martin@example.org"


async def count(visitors: Visitors, table: str) -> int:
    async with visitors.world.sessions() as session:
        return int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


@pytest.fixture
async def stub(visitors: Visitors, monkeypatch: pytest.MonkeyPatch) -> StubIssuer:
    made = StubIssuer()

    async def answer(issuer: Issuer, method: str, url: str, **request: Any) -> httpx.Response:
        return await made.answer(issuer, method, url, **request)

    monkeypatch.setattr(Issuer, "_send", answer)
    equip(visitors, STUB)
    return made


@pytest.fixture
async def known(visitors: Visitors) -> Person:
    return await visitors.member(email=EMAIL)


async def come(browser: Browser, stub: StubIssuer, **changed: str) -> httpx.Response:
    """Go to the issuer and come back, with something changed in what one comes back with."""
    sent = await browser.get(START)
    told = {**stub.code_for(sent.headers["location"]), **changed}
    return await browser.get(CALLBACK_PATH, params=told)


GOOD = {"sub": "s-1", "email": EMAIL, "email_verified": True}


async def test_what_the_issuer_is_asked(visitors: Visitors, stub: StubIssuer, known: Person) -> None:
    stub.claims = GOOD
    browser = visitors.browser()
    sent = await browser.get(START)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["location"]).query).items()}
    assert {name: asked[name] for name in ("tenant", "response_type", "client_id", "redirect_uri", "scope")} == {
        "tenant": "1",
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": HERE + CALLBACK_PATH,
        "scope": "openid email profile",
    }
    assert asked["code_challenge_method"] == "S256"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert (await browser.get(CALLBACK_PATH, params=stub.code_for(sent.headers["location"]))).status_code == 303
    another = await visitors.browser().get(START)
    assert asked["state"] not in another.headers["location"]


async def test_where_the_issuer_takes_nothing_more_there_is_no_challenge(
    visitors: Visitors, stub: StubIssuer, known: Person
) -> None:
    equip(visitors, STUB, oidc_pkce=False, oidc_scopes="openid email given_name usual_name")
    stub.claims = GOOD
    sent = await visitors.browser().get(START)
    assert "code_challenge" not in sent.headers["location"]
    assert (await come(visitors.browser(), stub)).status_code == 303


@pytest.mark.parametrize(
    "changed", [{"state": "x" * 43}, {"state": ""}, {"code": "stolen"}, {"code": ""}, {"error": "access_denied"}]
)
async def test_what_does_not_fit_the_browser_signs_nobody_in(
    visitors: Visitors, stub: StubIssuer, known: Person, changed: dict[str, str]
) -> None:
    stub.claims = GOOD
    browser = visitors.browser()
    answer = await come(browser, stub, **changed)
    assert (answer.status_code, browser.session) == (400, None)


async def test_an_answer_is_taken_once_whatever_the_issuer_does(
    visitors: Visitors, stub: StubIssuer, known: Person
) -> None:
    """An issuer may take a code twice; the browser's own attempt is over all the same."""
    stub.claims, stub.is_forgetful = GOOD, True
    browser = visitors.browser()
    sent = await browser.get(START)
    told = stub.code_for(sent.headers["location"])
    attempt = {"Cookie": sent.headers["set-cookie"].partition(";")[0]}
    assert (await browser.get(CALLBACK_PATH, params=told)).status_code == 303
    assert (await visitors.browser().get(CALLBACK_PATH, params=told, headers=attempt)).status_code == 400
    assert await count(visitors, "sessions") == 1


async def test_no_token_of_the_issuer_is_kept_or_told(visitors: Visitors, stub: StubIssuer, known: Person) -> None:
    stub.claims = GOOD
    browser = visitors.browser()
    told = stub.code_for((await browser.get(START)).headers["location"])
    stub.raw = stub.id_token(stub.challenges[told["code"]])
    answer = await browser.get(CALLBACK_PATH, params=told)
    assert answer.status_code == 303
    assert stub.raw not in f"{answer.headers}{answer.text}{(await browser.get('/account')).text}"
    async with visitors.world.sessions() as session:
        tables = (await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))).all()
        for table in tables:
            kept = await session.scalar(text(f"SELECT string_agg(t::text, E'\\n') FROM {table} t"))  # noqa: S608
            assert stub.raw not in (kept or ""), table
            assert stub.raw.encode().hex() not in (kept or ""), table
    assert len(tables) > 30


async def test_the_answer_of_another_browser_signs_nobody_in(
    visitors: Visitors, stub: StubIssuer, known: Person
) -> None:
    """An attacker who has a victim's browser open their own answer does not sign it in as themselves."""
    stub.claims = GOOD
    attacker, victim, bystander = visitors.browser(), visitors.browser(), visitors.browser()
    told = stub.code_for((await attacker.get(START)).headers["location"])
    await victim.get(START)
    for browser in (victim, bystander):
        assert (await browser.get(CALLBACK_PATH, params=told)).status_code == 400
        assert browser.session is None


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example.org"},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"azp": "another"},
        {"nonce": "x" * 43},
        {"nonce": None},
        {"exp": 1},
        {"iat": 1},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"at_hash": "x" * 22},
    ],
)
async def test_a_token_that_is_not_the_answer_signs_nobody_in(
    visitors: Visitors, stub: StubIssuer, known: Person, changed: dict[str, Any]
) -> None:
    stub.claims = {**GOOD, **changed}
    browser = visitors.browser()
    answer = await come(browser, stub)
    assert (answer.status_code, browser.session) == (400, None)
    assert await count(visitors, "person_identities") == 0


def forge(stub: StubIssuer, alg: str, told: dict[str, Any], **header: Any) -> str:
    parts = [json.dumps(one).encode() for one in ({"alg": alg, "kid": stub.key.kid, **header}, told)]
    body = b".".join(base64.urlsafe_b64encode(one).rstrip(b"=") for one in parts)
    public = stub.key.as_pem(private=False)
    signature = hmac.digest(public, body, hashlib.sha256) if alg == "HS256" else b""
    return f"{body.decode()}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("alg", "header"), [("none", {}), ("HS256", {}), ("RS256", {"crit": ["x"], "x": 1}), ("RS256", {})]
)
async def test_a_token_that_the_issuer_has_not_signed_signs_nobody_in(
    visitors: Visitors, stub: StubIssuer, known: Person, alg: str, header: dict[str, Any]
) -> None:
    browser = visitors.browser()
    sent = await browser.get(START)
    told = stub.code_for(sent.headers["location"])
    asked = stub.challenges[told["code"]]
    good: dict[str, Any] = json.loads(base64.urlsafe_b64decode(stub.id_token(asked).split(".")[1] + "=="))
    stub.raw = forge(stub, alg, {**good, **GOOD}, **header)
    assert (await browser.get(CALLBACK_PATH, params=told)).status_code == 400
    assert browser.session is None


async def test_new_keys_are_looked_for_once(
    visitors: Visitors, stub: StubIssuer, known: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.claims = GOOD
    assert (await come(visitors.browser(), stub)).status_code == 303
    stub.published = stub.key
    stub.key = RSAKey.generate_key(2048, {"kid": "2", "use": "sig"})
    looked = stub.asked.count(("GET", "/jwks"))
    for _ in range(3):
        assert (await come(visitors.browser(), stub)).status_code == 400
    assert stub.asked.count(("GET", "/jwks")) == looked, "not again so soon"
    monkeypatch.setattr("app.identity.oidc.AGAIN_SECONDS", -1.0)
    stub.published = None
    assert (await come(visitors.browser(), stub)).status_code == 303
    assert stub.asked.count(("GET", "/.well-known/openid-configuration")) == 1


async def test_the_address_may_come_signed_from_another_place(
    visitors: Visitors, stub: StubIssuer, known: Person
) -> None:
    """As ProConnect does it: the ID token names nobody, and a signed answer does."""
    equip(visitors, STUB, oidc_trust_email=True, oidc_pkce=False)
    stub.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    told = {"iss": STUB, "aud": CLIENT, "sub": "s-1", "email": EMAIL}
    for changed in ({"sub": "s-2"}, {"aud": "another"}, {"iss": "https://evil.example.org"}):
        stub.userinfo = stub.signed({**told, **changed})
        assert (await come(visitors.browser(), stub)).status_code == 400, changed
    stub.userinfo = forge(stub, "HS256", told)
    assert (await come(visitors.browser(), stub)).status_code == 400
    stub.userinfo = stub.signed(told)
    browser = visitors.browser()
    assert (await come(browser, stub)).status_code == 303
    assert (await browser.get("/v1/me")).json()["person"]["id"] == str(known.id)


async def test_an_address_that_comes_back_with_another_account_is_another_owners(
    visitors: Visitors, stub: StubIssuer, known: Person
) -> None:
    stub.claims = GOOD
    assert (await come(visitors.browser(), stub)).status_code == 303
    stub.claims = {**GOOD, "sub": "s-2"}
    assert (await come(visitors.browser(), stub)).status_code == 400
    assert await count(visitors, "person_identities") == 1


async def test_who_has_left_does_not_come_in_by_the_issuer(visitors: Visitors, stub: StubIssuer, known: Person) -> None:
    stub.claims = GOOD
    assert (await come(visitors.browser(), stub)).status_code == 303
    async with transaction(visitors.world.sessions) as session:
        await session.execute(text("UPDATE people SET deactivated_at = now()"))
    answer = await come(visitors.browser(), stub)
    assert answer.status_code == 403
    assert "You can no longer sign in here" in answer.text


async def test_an_issuer_that_names_itself_must(visitors: Visitors, stub: StubIssuer, known: Person) -> None:
    stub.claims, stub.metadata = GOOD, {"authorization_response_iss_parameter_supported": True}
    assert (await come(visitors.browser(), stub)).status_code == 400
    assert (await come(visitors.browser(), stub, iss="https://evil.example.org")).status_code == 400
    assert (await come(visitors.browser(), stub, iss=STUB)).status_code == 303


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example.org"},
        {"issuer": f"{STUB}/"},
        {"token_endpoint": "http://issuer.example.org/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
    ],
)
async def test_an_issuer_that_says_what_cannot_be_is_not_gone_to(
    visitors: Visitors, stub: StubIssuer, metadata: dict[str, Any]
) -> None:
    stub.metadata = metadata
    answer = await visitors.browser().get(START)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert await count(visitors, "sign_in_attempts") == 0


async def test_an_issuer_that_does_not_answer(visitors: Visitors) -> None:
    equip(visitors, "http://127.0.0.1:9")
    assert (await visitors.browser().get(START)).status_code == 503


async def test_without_an_issuer_there_is_no_way_there(visitors: Visitors) -> None:
    for path in (START, CALLBACK_PATH):
        assert (await visitors.browser().get(path)).status_code == 404
