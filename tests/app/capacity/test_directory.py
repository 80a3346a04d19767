"""The copy of the catalogue that searches and holds use: it never outlives what it is a copy of."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.capacity import directory, facts_repository
from app.capacity.directory import KEPT_CHOICES, KEPT_STATES, Directory, with_directory
from app.capacity.facts import unit_facts
from app.capacity.facts_repository import catalogue_state
from app.capacity.models import Slot
from app.capacity.schemas import SlotNeeds
from app.capacity.slot_views import slot_read
from app.catalogue.models import Unit
from app.core.database import transaction
from app.core.driver import Driver, driver_of
from app.core.errors import Busy
from app.core.model import new_id
from app.core.vocabulary import Basis
from app.identity.models import Organisation
from tests.support.world import World


async def shown(client: httpx.AsyncClient, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    answer = await client.get("/v1/slots", headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def state_of(world: World) -> UUID | None:
    async with transaction(world.sessions) as session:
        return await catalogue_state(await driver_of(session))


async def known(world: World) -> Directory:
    async with transaction(world.sessions) as session:
        driver = await driver_of(session)
        return (await with_directory(driver, lambda _: _ask(driver)))[0]


async def _ask(driver: Driver) -> tuple[UUID | None, None]:
    return await catalogue_state(driver), None


async def test_it_has_of_each_unit_what_matching_reads(world: World) -> None:
    cdmo, _ = await world.cdmo()
    first = await world.unit(cdmo, batches_in_parallel=4)
    await world.add(Unit(line_id=first.line_id, name="Unit 2"))
    await world.unit(cdmo, platforms=["HEK293"], working_volume_l=None)
    async with transaction(world.sessions) as session:
        facts = await unit_facts(session)
    found = (await known(world)).units
    assert {unit: one.facts for unit, one in found.items()} == facts
    assert all(isinstance(terms.basis, Basis) for one in found.values() for terms in one.facts.terms.values())
    assert {one.organisation_name for one in found.values()} == {cdmo.name}


@pytest.mark.parametrize(
    "written",
    [
        "UPDATE sites SET region = 'Bretagne'",
        "UPDATE production_lines SET name = 'Another'",
        "UPDATE line_modalities SET price_cents = 7",
        "UPDATE units SET name = 'Another'",
        "UPDATE organisations SET name = 'Another'",
        "DELETE FROM line_modalities",
        "TRUNCATE line_modalities",
    ],
)
async def test_every_write_changes_the_state_and_what_is_shown(
    client: httpx.AsyncClient, world: World, owner: AsyncEngine, written: str
) -> None:
    cdmo, headers = await world.cdmo()
    await world.slot(await world.unit(cdmo))
    before, (slot,) = await state_of(world), await shown(client, headers)
    async with owner.begin() as connection:
        await connection.execute(text(f"{written} {where(written, cdmo)}"))
    assert await state_of(world) != before
    (changed,) = await shown(client, headers)
    assert changed != slot


def where(written: str, cdmo: Organisation) -> str:
    return f"WHERE id = '{cdmo.id}'" if "organisations" in written else ""


@pytest.mark.parametrize("table", ["sites", "production_lines", "line_modalities", "units"])
async def test_an_addition_changes_the_state(world: World, owner: AsyncEngine, table: str) -> None:
    cdmo, _ = await world.cdmo()
    await world.unit(cdmo)
    before = await state_of(world)
    apart = {"modality": "viral_vector_aav"} if table == "line_modalities" else {"name": "Second"}
    copied = f"INSERT INTO {table} SELECT new.* FROM {table} old, jsonb_populate_record(old, :apart) new"  # noqa: S608
    async with owner.begin() as connection:
        await connection.execute(text(copied), {"apart": json.dumps({"id": str(new_id())} | apart)})
    assert await state_of(world) != before


async def test_a_write_that_is_rolled_back_leaves_the_state(world: World, owner: AsyncEngine) -> None:
    cdmo, _ = await world.cdmo()
    await world.unit(cdmo)
    before = await state_of(world)
    async with owner.connect() as connection:
        await connection.execute(text("UPDATE units SET name = 'Another'"))
        await connection.rollback()
    assert await state_of(world) == before


async def test_a_state_that_came_to_nothing_is_not_asked_with_again(world: World) -> None:
    cdmo, _ = await world.cdmo()
    await world.unit(cdmo)
    async with world.sessions() as session:
        await session.execute(text("UPDATE units SET name = 'Another'"))
        driver = await driver_of(session)
        await with_directory(driver, lambda _: _ask(driver))
        await session.rollback()
    asked: list[UUID | None] = []
    for _ in range(3):
        async with transaction(world.sessions) as session:
            driver = await driver_of(session)

            async def ask(directory: Directory, driver: Driver) -> tuple[UUID | None, None]:
                asked.append(directory.state)
                return await _ask(driver)

            await with_directory(driver, partial(ask, driver=driver))
    assert asked[1:] == [await state_of(world)] * 3


async def test_what_a_transaction_has_written_it_sees_and_nobody_else(client: httpx.AsyncClient, world: World) -> None:
    cdmo, headers = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo))
    async with transaction(world.sessions) as session:
        await session.execute(text("UPDATE units SET name = 'Another'"))
        assert (await slot_read(session, await session.get_one(Slot, slot.id))).unit_name == "Another"
        assert (await shown(client, headers))[0]["unit_name"] != "Another"
        await session.execute(text("UPDATE units SET name = 'Third'"))
        assert (await slot_read(session, await session.get_one(Slot, slot.id))).unit_name == "Third"
    assert (await shown(client, headers))[0]["unit_name"] == "Third"


async def test_a_write_between_a_reading_and_its_use_is_in_the_answer(
    client: httpx.AsyncClient, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, headers = await world.cdmo()
    await world.slot(await world.unit(cdmo))
    read, names = facts_repository.known_units, iter(["Second", "Third"])

    async def overtaken(driver: Driver) -> tuple[UUID | None, list[Any]]:
        found = await read(driver)
        if name := next(names, None):
            async with owner.begin() as connection:
                await connection.execute(text("UPDATE units SET name = :name"), {"name": name})
        return found

    monkeypatch.setattr(facts_repository, "known_units", overtaken)
    (slot,) = await shown(client, headers)
    assert slot["unit_name"] == "Third"
    assert next(names, None) is None


async def test_a_catalogue_that_never_rests_is_told_of(world: World) -> None:
    async with transaction(world.sessions) as session:
        driver = await driver_of(session)

        async def another(_: Directory) -> tuple[UUID | None, None]:
            return new_id(), None

        with pytest.raises(Busy, match="try again"):
            await with_directory(driver, another)


async def test_few_states_and_choices_are_kept(world: World) -> None:
    cdmo, _ = await world.cdmo()
    unit = await world.unit(cdmo)
    for number in range(KEPT_STATES + 2):
        async with transaction(world.sessions) as session:
            (await session.get_one(Unit, unit.id)).name = f"Unit {number}"
        found = await known(world)
        assert found.units[unit.id].facts.unit_name == f"Unit {number}"
    assert len(directory._kept) <= KEPT_STATES
    for number in range(KEPT_CHOICES + 2):
        assert found.meeting(SlotNeeds(region=f"Region {number}"), None).units == ()
    assert len(found._choices) <= KEPT_CHOICES
    assert found.meeting(SlotNeeds(), None).everywhere
