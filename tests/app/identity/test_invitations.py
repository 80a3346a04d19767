"""Invitations: by whom, into what, mailed once, taken once."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text, update

from app.core.clock import now
from app.core.database import transaction
from app.identity import invitations
from app.identity.models import Organisation, OrganisationKind, Role
from app.identity.people_rules import may_give
from app.identity.sign_in_models import Invitation
from tests.support.client import Client
from tests.support.visitors import HERE, Browser, Visitors

PATH = "/v1/invitations"
NEW = {"email": "New.One@Example.org", "name": "N. One"}


async def invite(browser: Browser, **given: Any) -> httpx.Response:
    return await browser.post(PATH, json={**NEW, **given}, headers=await browser.csrf())


@pytest.fixture
async def startup(visitors: Visitors) -> Organisation:
    return await visitors.world.organisation(OrganisationKind.STARTUP)


@pytest.fixture
async def inviter(visitors: Visitors, startup: Organisation) -> Browser:
    return await visitors.signed_in(await visitors.person(startup, Role.STARTUP_MEMBER))


async def test_who_is_invited_comes_in_by_the_link_in_the_mail(
    visitors: Visitors, inviter: Browser, startup: Organisation
) -> None:
    made = await invite(inviter)
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["email"], told["role"], told["status"]) == ("new.one@example.org", "startup_member", "open")
    token = await visitors.post.token()
    mail = visitors.post.sent[-1]
    assert (mail.to, startup.name in mail.subject) == ("new.one@example.org", True)
    assert f"{HERE}/sign-in/link?token={token}" in mail.text
    read = await inviter.get(f"{PATH}/{told['id']}")
    assert read.json()["mailed_at"]
    browser = visitors.browser()
    page = await browser.get(f"/sign-in/link?token={token}")
    assert "you are invited to act for" in page.text
    assert (await browser.submit(f"/sign-in/link?token={token}")).status_code == 303
    me = (await browser.get("/v1/me")).json()
    assert (me["person"]["name"], me["organisation"]["id"], me["role"]) == ("N. One", str(startup.id), "startup_member")
    after = (await inviter.get(f"{PATH}/{told['id']}")).json()
    assert (after["status"], after["person_id"]) == ("accepted", me["person"]["id"])
    assert (await visitors.browser().get(f"/sign-in/link?token={token}")).status_code == 410
    assert token not in str(after)


async def test_who_is_invited_may_ask_for_a_link_as_well(visitors: Visitors, inviter: Browser) -> None:
    await invite(inviter)
    first = await visitors.post.token()
    browser = visitors.browser()
    token = await visitors.link("new.one@example.org", browser)
    assert (await browser.submit(f"/sign-in/link?token={token}")).status_code == 303
    assert (await visitors.browser().get(f"/sign-in/link?token={first}")).status_code == 410, "an old invitation"


async def test_of_many_uses_of_an_invitation_one_makes_a_person(visitors: Visitors, inviter: Browser) -> None:
    await invite(inviter)
    token = await visitors.post.token()
    asked = await visitors.link("new.one@example.org")
    tries = []
    for secret in [token] * 5 + [asked] * 5:
        browser = visitors.browser()
        page = (await browser.get(f"/sign-in/link?token={secret}")).text
        form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
        tries.append(browser.send_form("/sign-in/link", **form))
    statuses = sorted([one.status_code for one in await asyncio.gather(*tries)])
    assert statuses.count(303) in {1, 2}, statuses  # by the invitation, and then by the other link, as that person
    assert set(statuses) == {303, 410}
    async with visitors.world.sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM people WHERE email = 'new.one@example.org'")) == 1


async def test_nobody_comes_in_by_an_invitation_that_is_over(visitors: Visitors, inviter: Browser) -> None:
    made = (await invite(inviter)).json()
    token = await visitors.post.token()
    answer = await inviter.delete(f"{PATH}/{made['id']}", headers=await inviter.csrf())
    assert answer.status_code == 204
    assert (await inviter.delete(f"{PATH}/{made['id']}", headers=await inviter.csrf())).status_code == 409
    assert (await visitors.browser().get(f"/sign-in/link?token={token}")).status_code == 410
    browser = visitors.browser()
    await browser.submit("/sign-in", email="new.one@example.org")
    assert await visitors.post.go_out() == []
    again = (await invite(inviter)).json()
    token = await visitors.post.token()
    async with transaction(visitors.world.sessions) as session:
        await session.execute(update(Invitation).values(expires_at=now() - timedelta(seconds=1)))
    assert (await inviter.get(f"{PATH}/{again['id']}")).json()["status"] == "expired"
    assert (await visitors.browser().get(f"/sign-in/link?token={token}")).status_code == 410


async def test_a_second_invitation_withdraws_the_first(visitors: Visitors, inviter: Browser) -> None:
    first = (await invite(inviter)).json()
    old = await visitors.post.token()
    second = (await invite(inviter, email="new.one@example.org")).json()
    listed = (await inviter.get(PATH)).json()["items"]
    assert [(one["id"], one["status"]) for one in listed] == [(first["id"], "withdrawn"), (second["id"], "open")]
    assert (await visitors.browser().get(f"/sign-in/link?token={old}")).status_code == 410
    assert (await visitors.browser().get(f"/sign-in/link?token={await visitors.post.token()}")).status_code == 200


async def test_of_many_invitations_at_once_one_is_open(visitors: Visitors, inviter: Browser) -> None:
    answers = await asyncio.gather(*(invite(inviter) for _ in range(5)))
    assert {one.status_code for one in answers} == {201}, [one.text for one in answers]
    listed = (await inviter.get(PATH)).json()["items"]
    assert sorted(one["status"] for one in listed) == ["open"] + ["withdrawn"] * 4


async def test_the_same_request_invites_once(visitors: Visitors, inviter: Browser) -> None:
    headers = {**await inviter.csrf(), "Idempotency-Key": "k"}
    answers = [await inviter.post(PATH, json=NEW, headers=headers) for _ in range(2)]
    assert len({one.json()["id"] for one in answers}) == 1
    assert len(await visitors.post.go_out()) == 1


async def test_an_address_of_the_organisation_is_not_invited(visitors: Visitors, inviter: Browser) -> None:
    mine = (await inviter.get("/v1/me")).json()["person"]
    answer = await invite(inviter, email=mine["email"].upper())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:creneau:problem:already-here")
    assert answer.json()["person_id"] == mine["id"]


async def test_an_address_of_another_organisation_is_not_given_away(visitors: Visitors, inviter: Browser) -> None:
    other = await visitors.member()
    told = []
    for email in (other.email, "unknown@example.org"):
        answer = await invite(inviter, email=email)
        assert answer.status_code == 201
        [mail] = await visitors.post.go_out()
        assert (mail.to, "?token=" in mail.text) == (email, email != other.email)
        assert ("belongs to somebody of another organisation" in mail.text) == (email == other.email)
        read = (await inviter.get(f"{PATH}/{answer.json()['id']}")).json()
        trail = (
            "SELECT array_agg(action || ' ' || coalesce(job, '') ORDER BY id) FROM audit_records WHERE object_id = :id"
        )
        async with visitors.world.sessions() as session:
            recorded = await session.scalar(text(trail), {"id": read["id"]})
        told.append((recorded, {name: value is None for name, value in read.items()}, read["version"]))
    assert told[0] == told[1]
    assert told[0][0] == ["invitation.created ", "invitation.mailed sign_in_mail"]
    browser = await visitors.signed_in(other)
    assert (await browser.get("/v1/me")).json()["organisation"]["id"] == str(other.organisation_id)


async def test_no_mailbox_is_flooded_with_invitations(visitors: Visitors, inviter: Browser) -> None:
    headers = await inviter.csrf()
    answers = [await inviter.post(PATH, json=NEW, headers=headers) for _ in range(40)]
    assert [one.status_code for one in answers] == [201] * 5 + [429] * 35
    refused = answers[-1]
    assert refused.json()["type"] == "urn:creneau:problem:too-many-invitations"
    assert (refused.headers["retry-after"], "sent to this address" in refused.json()["detail"]) == ("900", True)
    assert len(await visitors.post.go_out()) <= 5
    stranger = await visitors.signed_in(await visitors.member())
    assert (await invite(stranger)).status_code == 429, "whoever asks"
    assert (await invite(inviter, email="another@example.org")).status_code == 201
    async with transaction(visitors.world.sessions) as session:
        await session.execute(text("UPDATE invitations SET created_at = now() - interval '16 minutes'"))
    assert (await invite(inviter)).status_code == 201


async def test_an_organisation_invites_so_many_at_once(
    visitors: Visitors, inviter: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST_INTO_AN_ORGANISATION", 3)
    headers = await inviter.csrf()
    answers = await asyncio.gather(
        *(inviter.post(PATH, json={**NEW, "email": f"n{n}@example.org"}, headers=headers) for n in range(6))
    )
    assert sorted(one.status_code for one in answers) == [201] * 3 + [429] * 3
    stranger = await visitors.signed_in(await visitors.member())
    assert (await invite(stranger)).status_code == 201


@pytest.mark.parametrize(
    "mark", ["\n", "\r\nBcc: x@y.org\r\n", "\x1b[31m", "\x07", "\x85", "\u2028", "\u202e", "\u2066"]
)
async def test_a_name_is_one_line_as_it_is_read(inviter: Browser, mark: str) -> None:
    answer = await invite(inviter, name=f"X{mark}Y")
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/name"
    assert f"must not contain the character U+{ord(mark[0]):04X}: it must be one line" in error["detail"]


async def test_invitations_of_others_do_not_exist(visitors: Visitors, inviter: Browser, startup: Organisation) -> None:
    made = (await invite(inviter)).json()
    stranger = await visitors.signed_in(await visitors.member())
    for organisation_id in (str(startup.id), "00000000-0000-0000-0000-000000000001"):
        into = await invite(stranger, organisation_id=organisation_id)
        assert (into.status_code, into.json()["type"]) == (404, "urn:creneau:problem:not-found")
    assert (await stranger.get(f"{PATH}/{made['id']}")).status_code == 404
    assert (await stranger.delete(f"{PATH}/{made['id']}", headers=await stranger.csrf())).status_code == 404
    assert (await stranger.get(PATH)).json()["items"] == []
    coordinator = await visitors.world.organisation(OrganisationKind.COORDINATOR)
    above = await visitors.signed_in(await visitors.person(coordinator, Role.COORDINATOR))
    assert [one["id"] for one in (await above.get(PATH)).json()["items"]] == [made["id"]]


async def test_the_coordinator_brings_the_first_people_of_an_organisation_in(
    visitors: Visitors, client: Client, startup: Organisation
) -> None:
    coordinator, authority = (
        await visitors.world.coordinator(),
        await visitors.world.organisation(OrganisationKind.AUTHORITY),
    )
    body = {**NEW, "organisation_id": str(startup.id), "role": "startup_member"}
    assert (await client.post(PATH, json=body, headers=coordinator)).status_code == 201
    for changed, status in (
        ({"role": "admin"}, 403),
        ({"role": None}, 422),
        ({"organisation_id": str(authority.id), "role": "authority"}, 403),
        ({"organisation_id": str(authority.id), "role": "admin"}, 403),
        ({"organisation_id": "00000000-0000-0000-0000-000000000001"}, 404),
        ({"email": "nomail"}, 422),
        ({"name": " "}, 422),
    ):
        answer = await client.post(PATH, json=body | changed, headers=coordinator)
        assert answer.status_code == status, (changed, answer.text)


async def test_without_mail_who_is_invited_comes_in_at_the_issuer_alone(client: Client, world: Any) -> None:
    _, headers = await world.startup()
    answer = await client.post(PATH, json=NEW, headers=headers)
    assert (answer.status_code, answer.json()["mailed_at"]) == (201, None)
    async with world.sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM jobs.pgqueuer")) == 0
        assert await session.scalar(text("SELECT count(*) FROM sign_in_links")) == 0


async def test_who_has_left_is_let_back_in_rather_than_invited(
    visitors: Visitors, inviter: Browser, startup: Organisation
) -> None:
    gone = await visitors.person(startup, Role.STARTUP_MEMBER, deactivated_at=now())
    assert (await invite(inviter, email=gone.email)).json()["person_id"] == str(gone.id)


def test_who_may_give_which_role() -> None:
    """Every role by every other, in one's own organisation and in another's, against the rule said anew."""
    for giver in Role:
        for role in Role:
            for kind in OrganisationKind:
                fits = (
                    role is Role.ADMIN
                    or role.value
                    in {
                        OrganisationKind.STARTUP: {"startup_member"},
                        OrganisationKind.CDMO: {"cdmo_planner"},
                        OrganisationKind.INTEGRATOR: {"cdmo_planner"},
                        OrganisationKind.COORDINATOR: {"coordinator"},
                        OrganisationKind.AUTHORITY: {"authority"},
                        OrganisationKind.OBSERVER: {"observer"},
                    }[kind]
                )
                within = fits and giver in {role, Role.ADMIN}
                lesser = giver is Role.COORDINATOR and role in {Role.STARTUP_MEMBER, Role.CDMO_PLANNER, Role.OBSERVER}
                outside = fits and kind is not OrganisationKind.AUTHORITY and (giver is Role.ADMIN or lesser)
                assert may_give(giver, role, kind, own=True) == (within or (fits and lesser))
                assert may_give(giver, role, kind, own=False) == outside
