"""Two different people sign the same hash of the same plan, and nothing else counts."""

from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from app.core.vocabulary import Reserve
from app.crisis.body import plan_hash
from app.identity.keys import new_key
from app.identity.models import ApiKey, OrganisationKind, Person, Role
from tests.app.crisis.conftest import Crises, Headers, maker, scalar
from tests.support.visitors import Visitors
from tests.support.world import World

pytestmark = pytest.mark.database


@pytest.fixture
async def proposed(crises: Crises, world: World) -> tuple[str, dict[str, object]]:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    crisis_id = await crises.declared()
    return crisis_id, await crises.plan_by_greed(crisis_id)


async def key_for(world: World, role: Role, person: Person | None, organisation_id: UUID) -> Headers:
    key = new_key()
    await world.add(
        ApiKey(
            organisation_id=organisation_id,
            person_id=person.id if person else None,
            role=role,
            name="another",
            prefix=key.prefix,
            secret_sha256=key.sha256,
        )
    )
    return {"Authorization": f"Bearer {key.plain}"}


async def test_the_hash_is_that_of_the_body_as_read(crises: Crises, proposed: tuple[str, dict[str, object]]) -> None:
    _, plan = proposed
    body = plan["body"]
    assert isinstance(body, dict)
    assert plan_hash(body) == plan["plan_hash"]
    assert plan_hash(body | {"tier": 6}) != plan["plan_hash"]


async def test_the_second_signature_makes_it_signed(crises: Crises, proposed: tuple[str, dict[str, object]]) -> None:
    crisis_id, plan = proposed
    once = await crises.sign(crisis_id, plan, by=crises.authority)
    assert (once["status"], [one["role"] for one in once["signatures"]]) == ("proposed", ["authority"])
    assert (await crises.get(f"/{crisis_id}"))["status"] == "planned"
    twice = await crises.sign(crisis_id, plan, by=crises.coordinator)
    assert (twice["status"], len(twice["signatures"])) == ("signed", 2)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "signed"


async def test_one_signature_does_not_activate(crises: Crises, proposed: tuple[str, dict[str, object]]) -> None:
    crisis_id, plan = proposed
    await crises.sign(crisis_id, plan, by=crises.coordinator)
    answer = await crises.post(f"/{crisis_id}/activate", expect=409)
    assert answer["crisis_status"] == "planned"


async def test_one_person_signs_once_whatever_the_key(
    crises: Crises, world: World, proposed: tuple[str, dict[str, object]], owner: AsyncEngine
) -> None:
    crisis_id, plan = proposed
    home = await world.organisation(OrganisationKind.COORDINATOR)
    person = await world.add(
        Person(organisation_id=home.id, name="One", email="one@example.org", role=Role.COORDINATOR)
    )
    as_coordinator = await key_for(world, Role.COORDINATOR, person, home.id)
    as_authority = await key_for(world, Role.AUTHORITY, person, home.id)
    await crises.sign(crisis_id, plan, by=as_coordinator)
    for headers in (as_coordinator, as_authority):
        answer = await crises.sign(crisis_id, plan, by=headers, expect=409)
        assert answer["type"].endswith("already-signed")
    assert await scalar(owner, "SELECT count(*) FROM crisis_signatures") == 1


async def test_a_role_signs_once(crises: Crises, world: World, proposed: tuple[str, dict[str, object]]) -> None:
    crisis_id, plan = proposed
    await crises.sign(crisis_id, plan, by=crises.coordinator)
    await crises.sign(crisis_id, plan, by=await world.coordinator(), expect=409)


async def test_a_key_without_a_person_cannot_sign(
    crises: Crises, world: World, proposed: tuple[str, dict[str, object]]
) -> None:
    crisis_id, plan = proposed
    home = await world.organisation(OrganisationKind.AUTHORITY)
    answer = await crises.sign(crisis_id, plan, by=await key_for(world, Role.AUTHORITY, None, home.id), expect=403)
    assert answer["type"].endswith("signature-takes-a-person")


async def test_another_role_cannot_sign(crises: Crises, world: World, proposed: tuple[str, dict[str, object]]) -> None:
    crisis_id, plan = proposed
    _, cdmo = await world.cdmo()
    await crises.sign(crisis_id, plan, by=cdmo, expect=403)


async def test_another_hash_is_refused(
    crises: Crises, proposed: tuple[str, dict[str, object]], owner: AsyncEngine
) -> None:
    crisis_id, plan = proposed
    answer = await crises.sign(crisis_id, plan | {"plan_hash": "0" * 64}, by=crises.coordinator, expect=409)
    assert answer["type"].endswith("plan-hash-mismatch")
    assert await scalar(owner, "SELECT count(*) FROM crisis_signatures") == 0


async def test_a_body_tampered_with_cannot_be_signed(
    crises: Crises, proposed: tuple[str, dict[str, object]], owner: AsyncEngine
) -> None:
    crisis_id, plan = proposed
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crisis_plans SET body = jsonb_set(body, '{tier}', '6')")
    await crises.sign(crisis_id, plan, by=crises.coordinator, expect=409)


async def test_a_superseded_plan_cannot_be_signed(crises: Crises, proposed: tuple[str, dict[str, object]]) -> None:
    crisis_id, plan = proposed
    await crises.sign(crisis_id, plan, by=crises.coordinator)
    newer = await crises.plan_by_greed(crisis_id)
    await crises.sign(crisis_id, plan, by=crises.authority, expect=409)
    signed = await crises.sign(crisis_id, newer, by=crises.authority)
    assert [one["role"] for one in signed["signatures"]] == ["authority"]


async def test_a_person_with_a_session_and_a_key_is_one_person(
    crises: Crises, proposed: tuple[str, dict[str, object]], visitors: Visitors
) -> None:
    """Who has signed by a key does not sign again from a browser, nor for the other role."""
    crisis_id, plan = proposed
    await crises.sign(crisis_id, plan, by=crises.coordinator)
    me = (await crises.client.get("/v1/me", headers=crises.coordinator)).json()["person"]
    async with visitors.world.sessions() as session:
        person = await session.get(Person, UUID(me["id"]))
        authority = await session.scalar(select(Person).where(col(Person.role) == Role.AUTHORITY))
    assert person is not None
    assert authority is not None
    browser = await visitors.signed_in(person)
    body = {"plan_id": plan["id"], "plan_hash": plan["plan_hash"]}
    headers = {"If-Match": "*", "Idempotency-Key": "again"}
    again = await browser.post(f"/v1/crises/{crisis_id}/sign", json=body, headers={**headers, **await browser.csrf()})
    assert (again.status_code, "You have signed this plan" in again.text) == (409, True), again.text
    other = await visitors.signed_in(authority)
    second = await other.post(f"/v1/crises/{crisis_id}/sign", json=body, headers={**headers, **await other.csrf()})
    assert (second.status_code, second.json()["status"]) == (200, "signed"), second.text
