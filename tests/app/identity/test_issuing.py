"""Keys from the command line: what a new installation starts with."""

import sys
from collections.abc import Callable

import httpx
import pytest

from app.cli import main
from app.core.database import transaction
from app.core.errors import Conflict, Invalid
from app.core.settings import Settings
from app.identity.issuing import issue_key
from app.identity.models import Role
from tests.support.world import World


async def _issue(world: World, organisation: str, role: Role, email: str = "a@example.org") -> str:
    async with transaction(world.sessions) as session:
        issued = await issue_key(session, organisation=organisation, role=role, person="A. Martin", email=email)
    return issued.key.plain


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


@pytest.mark.parametrize("email", ["nomail", "a@b", "a b@example.org", "@example.org", "a@example."])
async def test_an_address_that_is_none_is_refused(world: World, email: str) -> None:
    with pytest.raises(Invalid, match="is no address"):
        await _issue(world, "National coordinator", Role.COORDINATOR, email)


def test_the_command_says_whether_it_found_the_organisation_or_made_it(
    settings: Settings, empty: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings.database_owner_url is not None
    monkeypatch.setenv("DATABASE_OWNER_URL", settings.database_owner_url.get_secret_value())

    def told(organisation: str) -> str:
        words = [
            "--organisation",
            organisation,
            "--role",
            "coordinator",
            "--person",
            "A",
            "--email",
            f"a{len(organisation)}@b.fr",
        ]
        monkeypatch.setattr(sys, "argv", ["creneau", "key", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        return capsys.readouterr().err

    made = told("National coordinator")
    assert "There was no organisation of this name: National coordinator was made, a coordinator." in made
    assert "almost like it" not in made
    assert "no organisation of this name" not in told("National coordinator")
    misspelt = told("national cordinator")
    assert "national cordinator was made" in misspelt
    assert "Names almost like it: National coordinator." in misspelt
    empty()
