"""People: seen, changed, put out and let back in by who may; and what of theirs ends with it."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.core.constraints import constraint_of
from app.core.database import transaction
from app.core.errors import Conflict
from app.identity.issuing import issue_key
from app.identity.keys import new_key
from app.identity.models import ApiKey, Organisation, OrganisationKind, Person, Role
from tests.support.client import Client
from tests.support.visitors import Headers, Visitors
from tests.support.world import World


async def who(client: httpx.AsyncClient, headers: Headers) -> dict[str, Any]:
    """Return the person whose key it is."""
    return dict((await client.get("/v1/me", headers=headers)).json()["person"])


async def deactivate(client: httpx.AsyncClient, headers: Headers, person_id: object) -> httpx.Response:
    return await client.post(f"/v1/people/{person_id}/deactivate", headers=headers)


async def colleagues(world: World, *roles: Role) -> tuple[Organisation, list[Headers]]:
    startup = await world.organisation(OrganisationKind.STARTUP)
    return startup, [await world.headers(startup, role) for role in roles]


async def test_i_am_who_my_key_says(client: httpx.AsyncClient, world: World) -> None:
    startup, headers = await world.startup()
    me = (await client.get("/v1/me", headers=headers)).json()
    assert me["organisation"] == {"id": str(startup.id), "name": startup.name, "kind": "startup"}
    assert (me["role"], me["scopes"], me["csrf_token"]) == ("startup_member", ["read", "write"], None)
    made = await client.post("/v1/keys", json={"label": "ERP"}, headers=headers)
    program = (await client.get("/v1/me", headers={"Authorization": f"Bearer {made.json()['secret']}"})).json()
    assert (program["person"], program["api_key_id"]) == (None, made.json()["id"])
    assert (await client.get("/v1/me")).status_code == 401


async def test_people_are_seen_by_their_organisation_and_the_coordinator(
    client: httpx.AsyncClient, world: World
) -> None:
    _, (first, second) = await colleagues(world, Role.STARTUP_MEMBER, Role.STARTUP_MEMBER)
    _, stranger = await world.startup()
    coordinator = await world.coordinator()
    mine, other = await who(client, first), await who(client, stranger)
    listed = (await client.get("/v1/people", headers=first)).json()["items"]
    assert [one["id"] for one in listed] == [mine["id"], (await who(client, second))["id"]]
    assert (await client.get(f"/v1/people/{other['id']}", headers=first)).status_code == 404
    foreign = {"organisation_id": other["organisation_id"]}
    assert (await client.get("/v1/people", params=foreign, headers=first)).status_code == 404
    assert (await client.get(f"/v1/people/{other['id']}", headers=coordinator)).json() == other
    assert len((await client.get("/v1/people", headers=coordinator)).json()["items"]) == 4
    only = (await client.get("/v1/people", params=foreign, headers=coordinator)).json()["items"]
    assert [one["id"] for one in only] == [other["id"]]
    page = (await client.get("/v1/people", params={"limit": 3}, headers=coordinator)).json()
    rest = (await client.get(page["next"], headers=coordinator)).json()
    assert len({one["id"] for one in (*page["items"], *rest["items"])}) == 4


async def test_a_person_changes_their_own_name(client: Client, world: World) -> None:
    _, (first, second) = await colleagues(world, Role.STARTUP_MEMBER, Role.ADMIN)
    mine, above = await who(client, first), await who(client, second)
    path = f"/v1/people/{mine['id']}"
    read = await client.get(path, headers=first)
    assert read.headers["etag"] == '"1"'
    changed = await client.patch(path, json={"name": "  New  "}, headers={**first, "If-Match": '"1"'})
    assert (changed.json()["name"], changed.headers["etag"]) == ("New", '"2"')
    assert (await client.patch(path, json={"name": "X"}, headers={**first, "If-Match": '"1"'})).status_code == 412
    assert (await client.patch(path, json={"name": "X"}, headers={**first, "If-Match": ""})).status_code == 428
    for body, pointer in (({"email": "x@y.fr"}, "/email"), ({"name": ""}, "/name"), ({"role": "king"}, "/role")):
        refused = await client.patch(path, json=body, headers=first)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await client.patch(f"/v1/people/{above['id']}", json={"name": "X"}, headers=first)).status_code == 403


async def test_nobody_gives_a_role_above_their_own(client: Client, world: World) -> None:
    _, (member, administrator) = await colleagues(world, Role.STARTUP_MEMBER, Role.ADMIN)
    path = f"/v1/people/{(await who(client, member))['id']}"
    assert (await client.patch(path, json={"role": "admin"}, headers=member)).status_code == 403
    wrong = await client.patch(path, json={"role": "cdmo_planner"}, headers=administrator)
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/role")
    raised = await client.patch(path, json={"role": "admin"}, headers=administrator)
    assert (raised.status_code, raised.json()["role"]) == (200, "admin")


async def test_keys_of_a_role_that_is_taken_end_with_it(client: Client, world: World, untrusting: None) -> None:
    _, (former, administrator) = await colleagues(world, Role.ADMIN, Role.ADMIN)
    path = f"/v1/people/{(await who(client, former))['id']}"
    assert (await client.patch(path, json={"role": "startup_member"}, headers=administrator)).status_code == 200
    assert (await client.get("/v1/me", headers=former)).status_code == 401


async def test_a_session_goes_on_in_the_new_role(visitors: Visitors, client: Client, untrusting: None) -> None:
    startup, (administrator,) = await colleagues(visitors.world, Role.ADMIN)
    person = await visitors.person(startup, Role.STARTUP_MEMBER)
    browser = await visitors.signed_in(person)
    await client.patch(f"/v1/people/{person.id}", json={"role": "admin"}, headers=administrator)
    assert (await browser.get("/v1/me")).json()["role"] == "admin"


async def test_who_is_put_out_can_do_nothing_any_more(visitors: Visitors, client: Client, untrusting: None) -> None:
    startup, (colleague,) = await colleagues(visitors.world, Role.STARTUP_MEMBER)
    person = await visitors.person(startup, Role.STARTUP_MEMBER)
    key = await key_of(visitors.world, person)
    browser = await visitors.signed_in(person)
    invited = await browser.post(
        "/v1/invitations", json={"email": "second@example.org", "name": "Me too"}, headers=await browser.csrf()
    )
    assert invited.status_code == 201
    assert (await client.get("/v1/me", headers=key)).status_code == 200
    answer = await deactivate(client, colleague, person.id)
    assert answer.status_code == 200, answer.text
    assert answer.json()["deactivated_at"]
    assert (await browser.get("/v1/me")).status_code == 401
    assert (await client.get("/v1/me", headers=key)).status_code == 401
    listed = (await client.get("/v1/invitations", headers=colleague)).json()["items"]
    assert [one["status"] for one in listed] == ["withdrawn"]
    again = await deactivate(client, colleague, person.id)
    assert (again.status_code, again.json()["type"]) == (409, "urn:creneau:problem:wrong-status")
    assert [one["id"] for one in (await client.get("/v1/people?active=false", headers=colleague)).json()["items"]] == [
        str(person.id)
    ]
    trail = (await client.get("/v1/audit", params={"limit": 200}, headers=colleague)).json()["items"]
    told = {one["action"] for one in trail if one["object_id"] == str(person.id) or one["person_id"]}
    assert {"person.deactivated", "session.begun", "session.ended", "api_key.revoked"} <= told


async def test_invitations_into_a_role_that_is_taken_end_with_it(client: Client, world: World) -> None:
    startup, (former, administrator) = await colleagues(world, Role.ADMIN, Role.ADMIN)
    for email, role in (("a@example.org", "admin"), ("b@example.org", "startup_member")):
        body = {"email": email, "name": "Friend", "role": role}
        assert (await client.post("/v1/invitations", json=body, headers=former)).status_code == 201
    path = f"/v1/people/{(await who(client, former))['id']}"
    renamed = await client.patch(path, json={"name": "Same"}, headers=former)
    assert renamed.status_code == 200
    assert await _invited(client, administrator) == {"a@example.org": "open", "b@example.org": "open"}
    assert (await client.patch(path, json={"role": "startup_member"}, headers=administrator)).status_code == 200
    assert await _invited(client, administrator) == {"a@example.org": "withdrawn", "b@example.org": "open"}
    trail = (await client.get("/v1/audit", params={"limit": 200}, headers=administrator)).json()["items"]
    assert [one["organisation_id"] for one in trail if one["action"] == "invitation.withdrawn"] == [str(startup.id)]


async def _invited(client: Client, headers: Headers) -> dict[str, str]:
    return {
        one["email"]: one["status"] for one in (await client.get("/v1/invitations", headers=headers)).json()["items"]
    }


async def key_of(world: World, person: Person) -> Headers:
    key = new_key()
    await world.add(
        ApiKey(
            organisation_id=person.organisation_id,
            person_id=person.id,
            role=person.role,
            name="k",
            prefix=key.prefix,
            secret_sha256=key.sha256,
        )
    )
    return {"Authorization": f"Bearer {key.plain}"}


async def test_a_person_may_leave_and_be_let_back_in(visitors: Visitors, client: Client, untrusting: None) -> None:
    startup, (colleague,) = await colleagues(visitors.world, Role.STARTUP_MEMBER)
    person = await visitors.person(startup, Role.STARTUP_MEMBER)
    key = await key_of(visitors.world, person)
    left = await deactivate(client, key, person.id)
    assert left.status_code == 200
    assert (await client.get("/v1/me", headers=key)).status_code == 401
    back = await client.post(f"/v1/people/{person.id}/reactivate", headers=colleague)
    assert (back.status_code, back.json()["deactivated_at"]) == (200, None)
    assert (await client.post(f"/v1/people/{person.id}/reactivate", headers=colleague)).status_code == 409
    assert (await client.get("/v1/me", headers=key)).status_code == 401, "keys stay dead"
    assert (await (await visitors.signed_in(person)).get("/v1/me")).status_code == 200


async def test_the_last_person_of_a_startup_may_leave(client: Client, world: World) -> None:
    _, (only,) = await colleagues(world, Role.STARTUP_MEMBER)
    assert (await deactivate(client, only, (await who(client, only))["id"])).status_code == 200


async def test_who_may_put_out_whom(client: Client, world: World) -> None:
    _, (member, second, above) = await colleagues(world, Role.STARTUP_MEMBER, Role.STARTUP_MEMBER, Role.ADMIN)
    _, cdmo = await world.cdmo()
    coordinator, authority = await world.coordinator(), await world.authority()
    people = {name: (await who(client, headers))["id"] for name, headers in {
        "second": second, "above": above, "authority": authority, "coordinator": coordinator, "cdmo": cdmo,
    }.items()}  # fmt: skip
    refused = [
        (member, "above", 403),
        (member, "cdmo", 404),
        (cdmo, "second", 404),
        (authority, "coordinator", 404),
        (coordinator, "authority", 403),
        (coordinator, "above", 403),
        (above, "authority", 403),
    ]
    for headers, name, status in refused:
        assert (await deactivate(client, headers, people[name])).status_code == status, name
    assert (await deactivate(client, coordinator, people["cdmo"])).status_code == 200
    assert (await deactivate(client, member, people["second"])).status_code == 200


async def test_a_program_looks_after_nobody(client: Client, world: World) -> None:
    _, (member, second) = await colleagues(world, Role.STARTUP_MEMBER, Role.STARTUP_MEMBER)
    made = await client.post("/v1/keys", json={"label": "x", "scopes": ["read", "write"]}, headers=member)
    program = {"Authorization": f"Bearer {made.json()['secret']}"}
    person_id = (await who(client, second))["id"]
    for answer in (
        await deactivate(client, program, person_id),
        await client.patch(f"/v1/people/{person_id}", json={"name": "X"}, headers=program),
        await client.post("/v1/invitations", json={"email": "a@b.fr", "name": "A"}, headers=program),
        await client.get("/v1/sessions", headers=program),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:creneau:problem:person-required")
    assert len((await client.get("/v1/people", headers=program)).json()["items"]) == 2


@pytest.mark.parametrize("kind", [OrganisationKind.COORDINATOR, OrganisationKind.AUTHORITY])
async def test_the_last_of_a_role_that_must_be_filled_stays(
    client: Client, world: World, kind: OrganisationKind, untrusting: None
) -> None:
    organisation, role = await world.organisation(kind), Role(kind.value)
    first, second = await world.headers(organisation, role), await world.headers(organisation, role)
    administrator = await world.headers(organisation, Role.ADMIN)
    last = (await who(client, second))["id"]
    assert (await deactivate(client, first, (await who(client, first))["id"])).status_code == 200
    for answer in (
        await deactivate(client, second, last),
        await deactivate(client, administrator, last),
        await client.patch(f"/v1/people/{last}", json={"role": "admin"}, headers=administrator),
    ):
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:creneau:problem:last-of-role")


async def test_two_who_put_each_other_out_at_once_leave_one(client: Client, world: World, untrusting: None) -> None:
    organisation = await world.organisation(OrganisationKind.COORDINATOR)
    keys = [await world.headers(organisation, Role.COORDINATOR) for _ in range(2)]
    people = [(await who(client, one))["id"] for one in keys]
    answers = await asyncio.gather(*(deactivate(client, keys[1 - n], people[n]) for n in range(2)))
    # The one who comes second is refused by the rule, or not known any more where its key is read after the first.
    assert sorted(one.status_code for one in answers) in ([200, 409], [200, 401]), [one.text for one in answers]
    async with world.sessions() as session:
        active = await session.scalars(select(Person).where(col(Person.deactivated_at).is_(None)))
        assert len(active.all()) == 1


async def test_the_database_lets_nobody_who_has_left_hold_a_key(world: World) -> None:
    startup = await world.organisation(OrganisationKind.STARTUP)
    person = await world.add(
        Person(organisation_id=startup.id, name="A", email="a@example.org", role=Role.STARTUP_MEMBER)
    )
    await key_of(world, person)
    async with transaction(world.sessions) as session:
        await session.execute(text("UPDATE people SET deactivated_at = now()"))
        await session.execute(text("UPDATE api_keys SET revoked_at = now()"))
    with pytest.raises(IntegrityError) as refused:
        await key_of(world, person)
    assert constraint_of(refused.value) == "ck_api_keys_person_active"
    with pytest.raises(IntegrityError) as refused:
        async with transaction(world.sessions) as session:
            await session.execute(text("UPDATE api_keys SET revoked_at = NULL"))
    assert constraint_of(refused.value) == "ck_api_keys_person_active"


async def test_the_command_line_gives_no_key_to_who_has_left(world: World) -> None:
    async def issue(email: str) -> UUID:
        async with transaction(world.sessions) as session:
            issued = await issue_key(
                session, organisation="Coordinator", role=Role.COORDINATOR, person="A", email=email
            )
        return issued.organisation.id

    assert await issue("A.Martin@example.org") == await issue("a.martin@example.org")
    async with transaction(world.sessions) as session:
        assert await session.scalar(text("SELECT count(*) FROM people")) == 1
        await session.execute(text("UPDATE people SET deactivated_at = now()"))
    with pytest.raises(Conflict, match="is deactivated"):
        await issue("a.martin@example.org")
