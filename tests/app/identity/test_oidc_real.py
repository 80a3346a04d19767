"""Signing in at a real issuer, in a process of its own: the whole way there and back."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.database import transaction
from app.identity.oidc import CALLBACK_PATH
from tests.support.issuers import equip, real_issuer
from tests.support.visitors import HERE, Browser, Visitors

START = "/sign-in/oidc"
EMAIL = "a.martin@example.org"


async def count(visitors: Visitors, table: str) -> int:
    async with visitors.world.sessions() as session:
        return int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A real issuer, which knows four people."""
    users: dict[str, dict[str, Any]] = {
        "known": {"email": EMAIL, "email_verified": True},
        "stranger": {"email": "stranger@example.org", "email_verified": True},
        "unproved": {"email": EMAIL, "email_verified": False},
        "silent": {"email": EMAIL},
    }
    with real_issuer(users) as url:
        yield url


async def arrive(browser: Browser, subject: str) -> tuple[str, httpx.Response]:
    sent = await browser.get(START)
    assert sent.status_code == 303
    async with httpx.AsyncClient(trust_env=False) as other:
        answer = await other.post(sent.headers["location"], data={"sub": subject})
    assert answer.status_code == 302, answer.text
    back = answer.headers["location"]
    assert back.startswith(HERE + CALLBACK_PATH)
    return back.removeprefix(HERE), await browser.get(back.removeprefix(HERE))


async def test_a_person_signs_in_and_is_known_from_then_on(visitors: Visitors, issuer: str) -> None:
    equip(visitors, issuer)
    person = await visitors.member(email=EMAIL)
    browser = visitors.browser()
    page = await browser.get("/sign-in")
    assert ("Sign in with ProConnect" in page.text, f'href="{START}"' in page.text) == (True, True)
    _, answer = await arrive(browser, "known")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/account"), answer.text
    assert (await browser.get("/v1/me")).json()["person"]["id"] == str(person.id)
    [session] = (await browser.get("/v1/sessions")).json()["items"]
    assert session["method"] == "oidc"
    async with transaction(visitors.world.sessions) as change:
        await change.execute(text("UPDATE people SET email = 'renamed@example.org'"))
    _, again = await arrive(visitors.browser(), "known")
    assert again.headers.get("location") == "/account", "by the subject, whatever the address"
    assert await count(visitors, "person_identities") == 1


async def test_an_answer_is_taken_once(visitors: Visitors, issuer: str) -> None:
    equip(visitors, issuer)
    await visitors.member(email=EMAIL)
    browser = visitors.browser()
    back, answer = await arrive(browser, "known")
    assert answer.status_code == 303
    cookie = {"Cookie": f"creneau_attempt={answer.request.headers['cookie'].partition('creneau_attempt=')[2]}"}
    for again in (await browser.get(back), await visitors.browser().get(back, headers=cookie)):
        assert again.status_code == 400
    assert await count(visitors, "sessions") == 1


@pytest.mark.parametrize("subject", ["stranger", "unproved", "silent", "new@example.org"])
async def test_nobody_becomes_a_person_unasked(visitors: Visitors, issuer: str, subject: str) -> None:
    equip(visitors, issuer)
    await visitors.member(email=EMAIL)
    browser = visitors.browser()
    _, answer = await arrive(browser, subject)
    assert (answer.status_code, browser.session) == (403, None)
    assert (await count(visitors, "people"), await count(visitors, "person_identities")) == (1, 0)


async def test_who_is_invited_comes_in(visitors: Visitors, issuer: str) -> None:
    equip(visitors, issuer)
    inviter = await visitors.signed_in(await visitors.member())
    body = {"email": "stranger@example.org", "name": "S. Tranger"}
    assert (await inviter.post("/v1/invitations", json=body, headers=await inviter.csrf())).status_code == 201
    browser = visitors.browser()
    assert (await arrive(browser, "stranger"))[1].status_code == 303
    assert (await browser.get("/v1/me")).json()["person"]["name"] == "S. Tranger"


async def test_an_issuer_may_be_trusted_with_addresses(visitors: Visitors, issuer: str) -> None:
    equip(visitors, issuer, oidc_trust_email=True)
    await visitors.member(email=EMAIL)
    assert (await arrive(visitors.browser(), "unproved"))[1].status_code == 403, "it says that it is not"
    assert (await arrive(visitors.browser(), "silent"))[1].status_code == 303
