"""Links by mail: asked for by anybody, of use to those who are known, once."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import now
from app.core.database import transaction
from app.identity.models import Person
from app.identity.sign_in_models import SignInLink
from tests.support.visitors import HERE, Visitors

OTHER = "https://evil.example.org"


async def count(visitors: Visitors, what: str) -> int:
    async with visitors.world.sessions() as session:
        return int(await session.scalar(text(f"SELECT count(*) FROM {what}")) or 0)  # noqa: S608


async def test_a_person_signs_in_by_a_link(visitors: Visitors) -> None:
    person = await visitors.member(name="A. Martin")
    browser = await visitors.signed_in(person)
    [mail] = visitors.post.sent
    assert (mail.to, mail.subject) == (person.email, "Sign in to Créneau")
    assert f"{HERE}/sign-in/link?token=" in mail.text
    account = await browser.get("/account")
    assert account.status_code == 200
    assert "A. Martin" in account.text
    assert "Firefox on Linux" in account.text
    me = (await browser.get("/v1/me")).json()
    assert (me["person"]["id"], me["role"], me["scopes"]) == (str(person.id), "startup_member", ["read", "write"])


async def test_an_address_is_the_same_however_it_is_written(visitors: Visitors) -> None:
    person = await visitors.member(email="A.Martin@Example.org")
    browser = visitors.browser()
    token = await visitors.link(" a.MARTIN@example.ORG ", browser)
    assert (await browser.submit(f"/sign-in/link?token={token}")).status_code == 303
    assert (await browser.get("/v1/me")).json()["person"]["id"] == str(person.id)


async def test_what_looks_through_mail_uses_nothing_up(visitors: Visitors) -> None:
    person = await visitors.member()
    token = await visitors.link(person.email)
    scanner = visitors.browser()
    for _ in range(3):
        seen = await scanner.get(f"/sign-in/link?token={token}")
        assert (seen.status_code, seen.headers["cache-control"]) == (200, "no-store")
        assert person.email in seen.text
        assert (await scanner.head(f"/sign-in/link?token={token}")).status_code == 200
    assert scanner.session is None
    assert (await visitors.browser().submit(f"/sign-in/link?token={token}")).status_code == 303


async def test_a_link_is_used_once(visitors: Visitors) -> None:
    person = await visitors.member()
    token = await visitors.link(person.email)
    page = f"/sign-in/link?token={token}"
    late = visitors.browser()
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', (await late.get(page)).text))
    assert (await visitors.browser().submit(page)).status_code == 303
    again = await late.send_form("/sign-in/link", **form)
    assert (again.status_code, late.session) == (410, None)
    assert (await late.get(page)).status_code == 410
    assert await count(visitors, "sessions") == 1


async def test_of_twenty_uses_at_once_one_signs_in(visitors: Visitors) -> None:
    person = await visitors.member()
    token = await visitors.link(person.email)
    browsers = [visitors.browser() for _ in range(20)]
    forms = []
    for one in browsers:
        loaded = await one.get(f"/sign-in/link?token={token}")
        forms.append(dict(re.findall(r'name="(\w+)" value="([^"]*)"', loaded.text)))
    answers = await asyncio.gather(
        *(one.send_form("/sign-in/link", **form) for one, form in zip(browsers, forms, strict=True))
    )
    assert sorted(one.status_code for one in answers) == [303] + [410] * 19
    assert sum(one.session is not None for one in browsers) == 1
    assert await count(visitors, "sessions") == 1
    assert await count(visitors, "audit_records WHERE action = 'session.begun'") == 1


async def test_a_link_that_has_expired_opens_nothing(visitors: Visitors) -> None:
    person = await visitors.member()
    token = await visitors.link(person.email)
    async with transaction(visitors.world.sessions) as session:
        await session.execute(update(SignInLink).values(expires_at=now() - timedelta(seconds=1)))
    assert (await visitors.browser().get(f"/sign-in/link?token={token}")).status_code == 410


async def test_links_that_were_asked_before_end_with_the_one_that_was_used(visitors: Visitors) -> None:
    person = await visitors.member()
    first, second = await visitors.link(person.email), await visitors.link(person.email)
    assert (await visitors.browser().submit(f"/sign-in/link?token={second}")).status_code == 303
    assert (await visitors.browser().get(f"/sign-in/link?token={first}")).status_code == 410


async def test_a_try_more_at_the_mail_makes_a_new_secret(visitors: Visitors) -> None:
    person = await visitors.member()
    await visitors.browser().submit("/sign-in", email=person.email)
    [link_id] = await visitors.post.waiting()

    async def fails(settings: object, mail: Any) -> None:
        await visitors.post.take(settings, mail)
        raise OSError(f"refused: {mail.text}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.identity.link_mail.send_mail", fails)
        assert len(await visitors.post.go_out()) == 1
    async with visitors.world.sessions() as session:
        kept = str(await session.scalar(text("SELECT string_agg(error::text, '') FROM job_attempts")))
    assert "refused" in kept
    assert re.findall(r"\?token=([\w-]+)", visitors.post.sent[0].text)[0] not in kept
    assert await visitors.post.waiting() == [link_id]
    token = await visitors.post.token()
    old, new = (re.findall(r"\?token=([\w-]+)", one.text)[0] for one in visitors.post.sent)
    assert (old != new, new) == (True, token)
    assert (await visitors.browser().get(f"/sign-in/link?token={old}")).status_code == 410
    assert (await visitors.browser().submit(f"/sign-in/link?token={new}")).status_code == 303


class Statements:
    """The statements that an application sends, their values left out."""

    def __init__(self, visitors: Visitors) -> None:
        self.sent: list[str] = []
        event.listen(visitors.app.state.engine.sync_engine, "before_cursor_execute", self.note)

    def note(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.sent.append(statement)


async def test_nobody_learns_whether_an_address_is_known(visitors: Visitors) -> None:
    """Known, unknown, deactivated: the same answer to the letter, and the same statements."""
    known, left = await visitors.member(), await visitors.member(deactivated_at=now())
    seen = []
    for email in (known.email, "nobody@example.org", left.email):
        browser = visitors.browser()
        await browser.get("/sign-in")
        statements = Statements(visitors)
        answer = await browser.submit("/sign-in", email=email)
        headers = [(k, v) for k, v in answer.headers.items() if k not in {"x-request-id", "ratelimit"}]
        seen.append((answer.status_code, headers, answer.content, list(statements.sent)))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][3]
    assert [one.to for one in await visitors.post.go_out()] == [known.email]


async def test_a_person_who_has_left_gets_no_link_and_comes_in_by_none(visitors: Visitors) -> None:
    person = await visitors.member()
    token = await visitors.link(person.email)
    async with transaction(visitors.world.sessions) as session:
        await session.execute(update(Person).values(deactivated_at=func.now()))
    browser = visitors.browser()
    assert (await browser.get(f"/sign-in/link?token={token}")).status_code == 410
    await browser.get("/sign-in")
    refused = await browser.submit("/sign-in", "/sign-in/link", token=token)
    assert (refused.status_code, browser.session) == (403, None)


async def test_no_secret_is_kept_anywhere(visitors: Visitors, owner: AsyncEngine) -> None:
    person = await visitors.member()
    browser = visitors.browser()
    token = await visitors.link(person.email, browser)
    assert (await browser.submit(f"/sign-in/link?token={token}")).status_code == 303
    secret = browser.session
    assert secret
    async with owner.connect() as connection:
        tables = await connection.execute(
            text("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'jobs')")
        )
        for schema, table in tables.all():
            kept = await connection.scalar(text(f"SELECT string_agg(t::text, E'\\n') FROM {schema}.{table} t"))  # noqa: S608
            for one in (token, secret):
                assert one not in (kept or ""), table
                assert one.encode().hex() not in (kept or ""), table


async def test_links_are_limited_by_address_of_mail_known_or_not(visitors: Visitors) -> None:
    known = await visitors.member()
    for email in (known.email, "nobody@example.org"):
        told = [await visitors.browser().submit("/sign-in", email=email) for _ in range(6)]
        assert [one.status_code for one in told] == [303] * 5 + [429]
        assert told[-1].headers["retry-after"] == "900"


async def test_links_are_limited_by_network(visitors: Visitors) -> None:
    browser = visitors.browser()
    told = [await browser.submit("/sign-in", email=f"n{number}@example.org") for number in range(31)]
    assert [one.status_code for one in told] == [303] * 30 + [429]


@pytest.mark.parametrize(
    "email", ["", "nomail", "a@b", "a b@example.org", "a@example.org\nBcc: b@example.org", "@x.fr"]
)
async def test_what_is_no_address_is_told_beside_the_field(visitors: Visitors, email: str) -> None:
    answer = await visitors.browser().submit("/sign-in", email=email)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text or "field" in answer.text
    assert await visitors.post.waiting() == []


async def test_nobody_has_another_browser_sign_in_unnoticed(visitors: Visitors) -> None:
    """The form that uses a link is bound to the browser that it was given to, and to this origin."""
    person = await visitors.member()
    token = await visitors.link(person.email)
    mine, victim = visitors.browser(), visitors.browser()
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', (await mine.get(f"/sign-in/link?token={token}")).text))
    await victim.get("/sign-in")
    same = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
    tries: list[tuple[dict[str, str], dict[str, str]]] = [
        (form, same),
        ({"token": token}, same),
        (form | {"csrf_token": ""}, same),
    ]
    for fields, headers in tries:
        answer = await victim.post("/sign-in/link", data=fields, headers=headers)
        assert (answer.status_code, victim.session) == (403, None)
    for headers in ({}, {"Origin": OTHER}, {"Origin": "null"}, {"Origin": HERE, "Sec-Fetch-Site": "cross-site"}):
        answer = await mine.post("/sign-in/link", data=form, headers=headers)
        assert (answer.status_code, mine.session) == (403, None), headers
    assert (await mine.post("/sign-in/link", data=form, headers=same)).status_code == 303


async def test_the_job_does_nothing_about_a_link_that_has_expired(visitors: Visitors) -> None:
    person = await visitors.member()
    await visitors.browser().submit("/sign-in", email=person.email)
    async with transaction(visitors.world.sessions) as session:
        await session.execute(update(SignInLink).values(expires_at=now() - timedelta(seconds=1)))
    assert await visitors.post.go_out() == []
    assert await visitors.post.waiting() == []


async def test_without_mail_nobody_is_asked_for_an_address(app: Any, client: httpx.AsyncClient) -> None:
    page = await client.get("/sign-in")
    assert page.status_code == 200
    assert 'type="email"' not in page.text
    assert "Nobody can sign in here yet" in page.text
