"""Keys from the command line: what a new installation starts with."""

import httpx
import pytest

from app.core.database import transaction
from app.core.errors import Conflict
from app.identity.issuing import issue_key
from app.identity.models import Role
from tests.support.world import World


async def _issue(world: World, organisation: str, role: Role, email: str = "a@example.org") -> str:
    async with transaction(world.sessions) as session:
        key, _ = await issue_key(session, organisation=organisation, role=role, person="A. Martin", email=email)
    return key.plain


async def test_a_new_coordinator_can_act_at_once(client: httpx.AsyncClient, world: World) -> None:
    key = await _issue(world, "National coordinator", Role.COORDINATOR)
    body = {"kind": "startup", "name": "New start-up"}
    answer = await client.post("/v1/organisations", json=body, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 201, answer.text
    listed = (await client.get("/v1/organisations", params={"kind": "coordinator"})).json()["items"]
    assert [one["name"] for one in listed] == ["National coordinator"]


async def test_a_person_may_have_two_keys_and_is_one_person(world: World) -> None:
    first = await _issue(world, "National coordinator", Role.COORDINATOR)
    assert await _issue(world, "National coordinator", Role.COORDINATOR) != first


async def test_a_role_belongs_to_its_kind_of_organisation(world: World) -> None:
    cdmo, _ = await world.cdmo()
    with pytest.raises(Conflict, match="is a cdmo"):
        await _issue(world, cdmo.name, Role.COORDINATOR)


async def test_nobody_acts_in_two_roles(world: World) -> None:
    await _issue(world, "National coordinator", Role.COORDINATOR)
    with pytest.raises(Conflict, match="another role"):
        await _issue(world, "State authority", Role.AUTHORITY)
