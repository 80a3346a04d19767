"""What somebody who has just been put out still asks for, by a session that a process has seen alive: nothing lasts."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.core.clock import now
from app.core.constraints import constraint_of
from app.core.database import transaction
from app.identity import known_keys
from app.identity.models import Organisation, OrganisationKind, Person, Role
from app.identity.sign_in_models import Invitation
from tests.support.visitors import Browser, Headers, Visitors
from tests.support.world import World

Ask = Callable[[Browser, Headers, Person], Awaitable[Response]]
NEW: dict[str, Any] = {"email": "second@example.org", "name": "Me too"}


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust a key and a session for as long as the test lasts."""
    monkeypatch.setattr(known_keys, "TRUSTED_SECONDS", 3600.0)


async def _invite(browser: Browser, headers: Headers, _: Person) -> Response:
    return await browser.post("/v1/invitations", json=NEW, headers=headers)


async def _make_key(browser: Browser, headers: Headers, _: Person) -> Response:
    return await browser.post("/v1/keys", json={"label": "late", "scopes": ["read"]}, headers=headers)


async def _come_back(browser: Browser, headers: Headers, person: Person) -> Response:
    return await browser.post(f"/v1/people/{person.id}/reactivate", headers={**headers, "If-Match": "*"})


async def _rename(browser: Browser, headers: Headers, person: Person) -> Response:
    return await browser.patch(f"/v1/people/{person.id}", json={"name": "X"}, headers={**headers, "If-Match": "*"})


@pytest.mark.parametrize("ask", [_invite, _make_key, _come_back, _rename])
@pytest.mark.parametrize("end", ["deactivated", "session ended"])
async def test_nothing_that_is_asked_after_the_end_lasts(
    visitors: Visitors, trusting: None, ask: Ask, end: str
) -> None:
    startup = await visitors.world.organisation(OrganisationKind.STARTUP)
    person, colleague = [await visitors.person(startup, Role.STARTUP_MEMBER) for _ in range(2)]
    browser, other = await visitors.signed_in(person), await visitors.signed_in(colleague)
    headers, its = await browser.csrf(), await other.csrf()
    before = await _lasting(visitors.world)
    if end == "deactivated":
        put_out = await other.post(f"/v1/people/{person.id}/deactivate", headers={**its, "If-Match": "*"})
        assert put_out.status_code == 200, put_out.text
    else:
        [open_one] = (await browser.get("/v1/sessions")).json()["items"]
        async with transaction(visitors.world.sessions) as session:
            await session.execute(
                text("UPDATE sessions SET ended_at = now(), end_reason = 'revoked' WHERE id = :id"),
                {"id": open_one["id"]},
            )
    assert (await browser.get("/v1/me")).status_code == 200, "it is still trusted"
    answer = await ask(browser, headers, person)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:creneau:problem:not-authenticated"), answer.text
    assert await _lasting(visitors.world) == before


async def test_a_key_that_was_revoked_invites_nobody(
    visitors: Visitors, trusting: None, client: Browser, world: World
) -> None:
    _, headers = await world.startup()
    assert (await client.get("/v1/me", headers=headers)).status_code == 200
    await world.revoke_all_keys()
    answer = await client.post("/v1/invitations", json=NEW, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:creneau:problem:not-authenticated")
    assert await _lasting(world) == (0, 1)


async def test_who_has_just_lost_a_role_does_nothing_in_it(visitors: Visitors, trusting: None) -> None:
    startup = await visitors.world.organisation(OrganisationKind.STARTUP)
    first, second = [await visitors.person(startup, Role.ADMIN) for _ in range(2)]
    browser, other = await visitors.signed_in(first), await visitors.signed_in(second)
    headers, its = await browser.csrf(), {**await other.csrf(), "If-Match": "*"}
    lower = await other.patch(f"/v1/people/{first.id}", json={"role": "startup_member"}, headers=its)
    assert lower.status_code == 200, lower.text
    before = await _lasting(visitors.world)
    for answer in (
        await browser.post("/v1/invitations", json={**NEW, "role": "admin"}, headers=headers),
        await _make_key(browser, headers, first),
        await browser.patch(f"/v1/people/{first.id}", json={"role": "admin"}, headers={**headers, "If-Match": "*"}),
    ):
        assert answer.status_code == 401, answer.text
    assert await _lasting(visitors.world) == before


async def test_the_database_keeps_no_invitation_open_of_who_has_left(visitors: Visitors) -> None:
    startup = await visitors.world.organisation(OrganisationKind.STARTUP)
    gone = await visitors.person(startup, Role.STARTUP_MEMBER, deactivated_at=now())
    with pytest.raises(IntegrityError) as refused:
        await visitors.world.add(_of(startup, gone))
    assert constraint_of(refused.value) == "ck_invitations_inviter_active"
    await visitors.world.add(_of(startup, gone, withdrawn_at=now()))
    with pytest.raises(IntegrityError) as refused:
        async with transaction(visitors.world.sessions) as session:
            await session.execute(text("UPDATE invitations SET withdrawn_at = NULL"))
    assert constraint_of(refused.value) == "ck_invitations_inviter_active"


def _of(organisation: Organisation, inviter: Person, **given: Any) -> Invitation:
    return Invitation(
        organisation_id=organisation.id,
        invited_by_id=inviter.id,
        role=Role.STARTUP_MEMBER,
        expires_at=now(),
        **NEW,
        **given,
    )


async def _lasting(world: World) -> tuple[int, int]:
    """Return how many invitations are open, and how many keys there are."""
    async with world.sessions() as session:
        found = await session.execute(
            text(
                "SELECT (SELECT count(*) FROM invitations WHERE withdrawn_at IS NULL), (SELECT count(*) FROM api_keys)"
            )
        )
        invitations, keys = found.one()
    return invitations, keys
