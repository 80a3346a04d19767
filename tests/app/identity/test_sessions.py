"""Sessions: what a browser may do with one, and for how long."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text, update
from sqlmodel import col

from app.core.clock import now
from app.core.database import transaction
from app.identity import known_keys
from app.identity.browser import Cookies
from app.identity.errors import PersonDeactivated
from app.identity.links import forget_old_sign_ins
from app.identity.models import OrganisationKind, Person, Role
from app.identity.sessions import begin_session
from app.identity.sign_in_models import PersonSession, SessionEnd, SignInMethod
from tests.app.identity.test_csrf import CROSS_SITE, change
from tests.app.identity.test_known_keys import Clock
from tests.support.visitors import HERE, Visitors


async def set_sessions(visitors: Visitors, **values: Any) -> None:
    async with transaction(visitors.world.sessions) as session:
        await session.execute(update(PersonSession).values(**values))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(known_keys, "monotonic", made)
    return made


async def test_a_browser_may_do_what_its_person_may(visitors: Visitors) -> None:
    person = await visitors.member()
    browser = await visitors.signed_in(person)
    assert (await browser.get("/v1/products")).json()["items"] == []
    answer = await change(browser, person.organisation_id, await browser.csrf())
    assert (answer.status_code, answer.json()["city"]) == (200, "Évry")
    [record] = (await browser.get("/v1/audit", params={"object_type": "organisations"})).json()["items"]
    assert (record["actor"], record["person_id"], record["api_key_id"]) == ("person", str(person.id), None)


async def test_a_hold_from_a_browser(visitors: Visitors) -> None:
    """The short way of what is asked most knows sessions, and their token, as the long one does."""
    person, world = await visitors.member(), visitors.world
    browser = await visitors.signed_in(person)
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo))
    products = await browser.post(
        "/v1/products",
        json={"code_name": "X-9", "modality": "monoclonal_antibody", "platform": "CHO"},
        headers={**await browser.csrf(), "Idempotency-Key": "p"},
    )
    assert products.status_code == 201, products.text
    body = {"slot_id": str(slot.id), "start": "2030-01-11", "product_id": products.json()["id"], "batches": 1}
    refused = await browser.post("/v1/bookings", json=body, headers={"Idempotency-Key": "k", "Origin": HERE})
    assert (refused.status_code, refused.json()["type"]) == (403, CROSS_SITE)
    headers = {**await browser.csrf(), "Idempotency-Key": "k"}
    held = await browser.post("/v1/bookings", json=body, headers=headers)
    assert held.status_code == 201, held.text
    again = await browser.post("/v1/bookings", json=body, headers=headers)
    assert again.json()["id"] == held.json()["id"]
    assert (await browser.get("/v1/slots")).status_code == 200


async def test_a_session_is_dead_within_a_second_of_its_end(visitors: Visitors, clock: Clock) -> None:
    browser = await visitors.signed_in(await visitors.member())
    assert (await browser.get("/v1/me")).status_code == 200
    await set_sessions(visitors, ended_at=func.now(), end_reason=SessionEnd.REVOKED)
    clock.seconds += 0.4
    assert (await browser.get("/v1/me")).status_code == 200
    clock.seconds += 0.2
    assert (await browser.get("/v1/me")).status_code == 401
    assert (await browser.get("/account")).headers["location"] == "/sign-in"


async def test_a_session_ends_by_itself(visitors: Visitors, untrusting: None) -> None:
    browser = await visitors.signed_in(await visitors.member())
    at = now()
    for lives, values in (
        (True, {"last_seen_at": at - timedelta(minutes=119)}),
        (False, {"last_seen_at": at - timedelta(minutes=121)}),
        (True, {"last_seen_at": at}),
        (False, {"created_at": at - timedelta(hours=13), "expires_at": at - timedelta(seconds=1)}),
    ):
        await set_sessions(visitors, **values)
        assert (await browser.get("/v1/me")).status_code == (200 if lives else 401), values


async def test_use_keeps_a_session_alive(visitors: Visitors) -> None:
    browser = await visitors.signed_in(await visitors.member())
    before = now() - timedelta(minutes=100)
    await set_sessions(visitors, last_seen_at=before)
    assert (await browser.get("/v1/me")).status_code == 200
    await visitors.app.state.key_uses.write()
    async with visitors.world.sessions() as session:
        seen = await session.scalar(select(col(PersonSession.last_seen_at)))
    assert seen is not None
    assert seen > before + timedelta(minutes=90)


async def test_signing_in_gives_a_new_secret_and_ends_the_session_before(visitors: Visitors, untrusting: None) -> None:
    """Whoever has planted a session in a browser, or its cookie, is not in the one that a person then begins."""
    attacker, person = await visitors.member(), await visitors.member()
    browser = await visitors.signed_in(attacker)
    planted = browser.session
    token = await visitors.link(person.email)
    assert planted
    await browser.submit(f"/sign-in/link?token={token}")
    assert browser.session not in {None, planted}
    assert (await browser.get("/v1/me")).json()["person"]["id"] == str(person.id)
    thief = visitors.browser()
    thief.cookies.set("creneau_session", planted)
    assert (await thief.get("/v1/me")).status_code == 401


async def test_a_secret_of_ones_own_making_is_no_session(visitors: Visitors) -> None:
    browser = visitors.browser()
    browser.cookies.set("creneau_session", "x" * 43, domain="localhost.local")
    person = await visitors.member()
    await visitors.signed_in(person, browser)
    assert browser.session != "x" * 43


async def test_a_stolen_session_ends_with_signing_out(visitors: Visitors, untrusting: None) -> None:
    browser = await visitors.signed_in(await visitors.member())
    stolen = browser.session
    assert stolen
    out = await browser.submit("/account", "/account/sign-out")
    assert (out.status_code, out.headers["location"], browser.session) == (303, "/sign-in", None)
    thief = visitors.browser()
    thief.cookies.set("creneau_session", stolen)
    assert (await thief.get("/v1/me")).status_code == 401
    assert (await thief.get("/account")).headers["location"] == "/sign-in"


async def test_signing_out_everywhere(visitors: Visitors, untrusting: None) -> None:
    person = await visitors.member()
    first, second = await visitors.signed_in(person), await visitors.signed_in(person)
    other = await visitors.signed_in(await visitors.member())
    assert (await first.submit("/account", "/account/sign-out-everywhere")).status_code == 303
    assert [(await one.get("/v1/me")).status_code for one in (first, second, other)] == [401, 401, 200]


async def test_sessions_are_seen_and_ended_one_by_one(visitors: Visitors, untrusting: None) -> None:
    person = await visitors.member()
    first, second = await visitors.signed_in(person), await visitors.signed_in(person)
    listed = (await first.get("/v1/sessions")).json()["items"]
    assert [(one["is_current"], one["device"], one["method"]) for one in listed] == [
        (True, "Firefox on Linux", "link"),
        (False, "Firefox on Linux", "link"),
    ]
    ended = await first.delete(f"/v1/sessions/{listed[1]['id']}", headers=await first.csrf())
    assert ended.status_code == 204
    assert [(await one.get("/v1/me")).status_code for one in (first, second)] == [200, 401]
    third = await visitors.signed_in(person)
    [other] = [one["id"] for one in (await first.get("/v1/sessions")).json()["items"] if not one["is_current"]]
    assert (await first.submit("/account", f"/account/sessions/{other}/end")).headers["location"] == "/account"
    assert (await third.get("/v1/me")).status_code == 401
    everywhere = await first.delete("/v1/sessions", headers=await first.csrf())
    assert (everywhere.status_code, everywhere.json()) == (200, {"ended": 1})
    assert (await first.get("/v1/me")).status_code == 401


async def test_sessions_of_others(visitors: Visitors, untrusting: None) -> None:
    """Colleagues in the same role look after them; for everybody else they do not exist."""
    person = await visitors.member()
    startup = await visitors.world.organisation(OrganisationKind.STARTUP)
    colleague = await visitors.person(startup, Role.STARTUP_MEMBER)
    person = await visitors.person(startup, Role.STARTUP_MEMBER)
    administrator = await visitors.person(startup, Role.ADMIN)
    mine = await visitors.signed_in(person)
    [session_id] = [one["id"] for one in (await mine.get("/v1/sessions")).json()["items"]]
    admins = await visitors.signed_in(administrator)
    [above] = [one["id"] for one in (await admins.get("/v1/sessions")).json()["items"]]
    stranger = await visitors.signed_in(await visitors.member())
    query = {"person_id": str(person.id)}
    assert (await stranger.get("/v1/sessions", params=query)).status_code == 404
    assert (await stranger.delete(f"/v1/sessions/{session_id}", headers=await stranger.csrf())).status_code == 404
    assert (await stranger.delete("/v1/sessions", params=query, headers=await stranger.csrf())).status_code == 404
    near = await visitors.signed_in(colleague)
    assert (await near.delete(f"/v1/sessions/{above}", headers=await near.csrf())).status_code == 403
    assert len((await near.get("/v1/sessions", params=query)).json()["items"]) == 1
    assert (await near.delete(f"/v1/sessions/{session_id}", headers=await near.csrf())).status_code == 204
    assert (await mine.get("/v1/me")).status_code == 401


async def test_no_session_begins_for_who_has_just_left(visitors: Visitors) -> None:
    """Whoever was active when they were looked up, and is not any more, is refused by the database."""
    person = await visitors.member()
    async with transaction(visitors.world.sessions) as session:
        await session.execute(update(Person).values(deactivated_at=func.now()))
    assert person.deactivated_at is None
    with pytest.raises(PersonDeactivated):
        async with transaction(visitors.world.sessions) as session:
            await begin_session(
                session, person, SignInMethod.LINK, hours=1, user_agent=None, replaced=None, request_id=None
            )


async def test_what_is_long_over_is_forgotten(visitors: Visitors) -> None:
    person = await visitors.member()
    await visitors.signed_in(person)
    await visitors.browser().submit("/sign-in", email=person.email)
    async with transaction(visitors.world.sessions) as session:
        assert await forget_old_sign_ins(session) == 0
        await session.execute(text("UPDATE sign_in_links SET expires_at = now() - interval '25 hours'"))
        await session.execute(
            text("UPDATE sessions SET created_at = now() - interval '40 days', expires_at = now() - interval '31 days'")
        )
        assert await forget_old_sign_ins(session) == 3
        assert await forget_old_sign_ins(session) == 0


async def test_a_dead_cookie_is_nobodys_and_no_hindrance(visitors: Visitors) -> None:
    browser = visitors.browser()
    browser.cookies.set("creneau_session", "x" * 43)
    assert (await browser.get("/v1/organisations")).status_code == 200
    assert (await browser.get("/v1/products")).status_code == 401
    assert (await browser.post("/v1/keys", json={"label": "x"})).status_code == 401
    assert (await browser.get("/sign-in")).status_code == 200


async def test_cookies_are_for_this_host_alone(visitors: Visitors) -> None:
    person = await visitors.member()
    browser = visitors.browser()
    token = await visitors.link(person.email, browser)
    answer = await browser.submit(f"/sign-in/link?token={token}")
    [told] = [one for one in answer.headers.get_list("set-cookie") if one.startswith("creneau_session=")]
    assert re.sub("=[^;]+", "", told, count=1) == "creneau_session; HttpOnly; Max-Age=43200; Path=/; SameSite=lax"
    assert (await browser.get("/v1/products")).headers["cache-control"] == "no-store"


async def test_by_https_cookies_are_sent_by_nothing_else(visitors: Visitors) -> None:
    here, state = "https://creneau.example.org", visitors.app.state
    state.settings = state.settings.model_copy(update={"public_url": here})
    state.cookies = Cookies(here)
    person = await visitors.member()
    browser = visitors.browser(base=here)
    visitors.post.settings = state.settings
    token = await visitors.link(person.email, browser)
    answer = await browser.submit(f"/sign-in/link?token={token}")
    given = [one for one in answer.headers.get_list("set-cookie") if "creneau_session=" in one]
    assert [re.sub("=[^;]+", "", one, count=1) for one in given] == [
        "__Host-creneau_session; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure"
    ]
    good = await browser.csrf()
    assert (await change(browser, person.organisation_id, good)).status_code == 200
    for origin in ("http://creneau.example.org", "https://example.org", "http://localhost"):
        assert (await change(browser, person.organisation_id, good | {"Origin": origin})).status_code == 403
    plain = visitors.browser(base=here)
    plain.cookies.set("creneau_session", browser.session or "")
    assert (await plain.get("/v1/me")).status_code == 401


async def test_a_key_costs_what_it_did(app: FastAPI, client: httpx.AsyncClient, visitors: Visitors) -> None:
    """With a key nobody looks for a session: not a statement more, not even where a cookie comes along."""
    _, key = await visitors.world.startup()

    async def refuse(*_: object) -> None:
        raise AssertionError("a session was looked for")

    app.state.known_sessions.find = refuse
    for headers in (key, {**key, "Cookie": "creneau_session=" + "x" * 43}):
        assert (await client.get("/v1/slots", headers=headers)).status_code == 200
        assert (await client.get("/v1/products", headers=headers)).status_code == 200
