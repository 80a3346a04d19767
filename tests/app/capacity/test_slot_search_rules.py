"""The search for slots: single rules of it, what it refuses, and the indexes behind it."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from app.capacity.directory import Directory, with_directory
from app.capacity.facts_repository import catalogue_state
from app.capacity.models import Slot
from app.capacity.schemas import SlotFilter
from app.capacity.search_repository import page_of
from app.capacity.search_rules import Search, search_of
from app.capacity.slot_views import slot_read
from app.catalogue.models import LineModality
from app.core.clock import today
from app.core.database import SessionFactory, make_engine, make_session_factory, transaction
from app.core.driver import driver_of
from app.core.model import new_id, period
from app.core.settings import Settings
from app.core.tenancy import EVERYBODY, Tenancy, acting_for
from app.identity.models import Role
from tests.app.capacity.searching import all_found
from tests.support.explain import general_plan, prepared_plan, settle
from tests.support.world import World, day


async def test_a_line_without_terms_for_a_modality_is_not_found_by_it(
    client: httpx.AsyncClient, world: World, owner: AsyncEngine
) -> None:
    cdmo, _ = await world.cdmo()
    _, headers = await world.startup()
    await world.slot(await world.unit(cdmo))
    assert len(await all_found(client, {"modality": "monoclonal_antibody"}, headers)) == 1
    async with owner.begin() as connection:
        await connection.execute(delete(LineModality))
    assert await all_found(client, {"modality": "monoclonal_antibody"}, headers) == []
    assert len(await all_found(client, {}, headers)) == 1


@pytest.mark.parametrize("named", ["unit_id", "line_id", "site_id"])
async def test_slots_are_found_by_where_they_are(client: httpx.AsyncClient, world: World, named: str) -> None:
    cdmo, own = await world.cdmo()
    _, headers = await world.startup()
    slots = [await world.slot(await world.unit(cdmo)) for _ in range(3)]
    shown = {one["id"]: one for one in await all_found(client, {}, headers)}
    for slot in slots:
        place = {named: shown[str(slot.id)][named]}
        for reader in (headers, own):
            assert [one["id"] for one in await all_found(client, place, reader)] == [str(slot.id)]
    assert await all_found(client, {named: str(new_id())}, headers) == []


async def test_answers_do_not_depend_on_how_the_server_writes_dates(
    world: World, owner: AsyncEngine, settings: Settings
) -> None:
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), 0, 10)
    assert settings.database_url is not None
    async with owner.begin() as connection:
        name = await connection.scalar(text("SELECT current_database()"))
        await connection.execute(text(f"ALTER DATABASE {name} SET datestyle = 'SQL, DMY'"))
    engine = make_engine(settings.database_url, settings)
    try:
        async with transaction(make_session_factory(engine)) as session:
            read = await slot_read(session, await session.get_one(Slot, slot.id))
    finally:
        await engine.dispose()
        async with owner.begin() as connection:
            await connection.execute(text(f"ALTER DATABASE {name} RESET datestyle"))
    assert [(one.start, one.end) for one in read.free] == [(day(0), day(10))]


async def test_a_cdmo_searches_among_its_own_in_any_status(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    other, _ = await world.cdmo()
    unit = await world.unit(cdmo)
    mine = [await world.slot(unit, 0, 10), await world.slot(unit, 5, 30, status="draft")]
    await world.slot(await world.unit(other), 0, 10)
    assert [one["id"] for one in await all_found(client, {}, own)] == [str(one.id) for one in mine]
    assert [one["id"] for one in await all_found(client, {"status": "draft"}, own)] == [str(mine[1].id)]
    assert await all_found(client, {"status": "published", "min_days": 11}, own) == []


async def test_what_has_passed_is_not_free(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    _, startup = await world.startup()
    unit, now = await world.unit(cdmo), today()
    running = await world.add(Slot(unit_id=unit.id, period=period(now - timedelta(days=20), now + timedelta(days=5))))
    (found,) = await all_found(client, {"min_days": 5, "available": "true"}, startup)
    assert found["id"] == str(running.id)
    assert found["free"] == [{"start": str(now), "end": str(now + timedelta(days=5))}]
    assert await all_found(client, {"min_days": 6, "available": "true"}, startup) == []


@pytest.mark.parametrize(
    ("further", "found"),
    [
        ({}, True),
        ({"available": False}, True),
        ({"available": True}, False),
        ({"min_days": 1}, False),
        ({"deliver_by": day(0)}, False),
    ],
    ids=str,
)
async def test_an_end_that_has_passed_leaves_nothing_that_could_be_used(
    client: httpx.AsyncClient, world: World, further: dict[str, object], *, found: bool
) -> None:
    cdmo, _ = await world.cdmo()
    _, headers = await world.startup()
    ended = (today() - day(0)).days - 30
    slot = await world.slot(await world.unit(cdmo), ended - 10, ended + 60)
    query = {"end": day(ended)} | further
    items = await all_found(client, query, headers)
    assert [one["id"] for one in items] == [str(slot.id)] * found


async def test_the_price_shown_is_that_of_the_modality_asked_for(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    _, startup = await world.startup()
    unit = await world.unit(cdmo)
    await world.slot(unit)
    (found,) = await all_found(client, {"modality": "monoclonal_antibody"}, startup)
    assert found["price_cents"] == found["prices"][0]["price_cents"] == 100_000_000


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("modality=alchemy", "query/modality"),
        ("phase=phase_9", "query/phase"),
        ("start=2030-02-01&end=2030-02-01", "query/end"),
        ("start=tomorrow", "query/start"),
        ("deliver_by=infinity", "query/deliver_by"),
        ("min_days=0", "query/min_days"),
        ("volume_min=2&volume_max=1", "query/volume_max"),
        ("volume_min=inf", "query/volume_min"),
        ("reserve=everyone", "query/reserve"),
        ("available=perhaps", "query/available"),
        ("cursor=nonsense", "query/cursor"),
    ],
)
async def test_bad_filters_are_refused_by_name(
    client: httpx.AsyncClient, world: World, query: str, pointer: str
) -> None:
    _, headers = await world.startup()
    answer = await client.get(f"/v1/slots?{query}", headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


UNDER_WAY = "ix_slots_published_period|ex_slots_published_overlap"
TO_COME = "ix_slots_published_start"
BY_UNIT = "ix_slots_unit_start"


SEARCHES: dict[str, tuple[dict[str, object], bool]] = {
    "all": ({}, False),
    "few units": ({"region": "Bretagne"}, True),
    "many units": ({"region": "Grand Est", "modality": "monoclonal_antibody", "phase": "phase_1"}, False),
    "delivery": ({"region": "Grand Est", "deliver_by": day(2200)}, False),
    "stretch": ({"reserve": "open", "min_days": 5}, False),
}
"""By name: the filters, and whether they leave few units."""


SIZES = [60, pytest.param(480, marks=[pytest.mark.prove, pytest.mark.timeout(1800)])]
"""Units of 210 slots each: 12,600 slots, and 100,800 under `make prove`."""

READERS = {"start-up": Tenancy(uuid4(), Role.STARTUP_MEMBER, uuid4()), "coordinator": EVERYBODY}
"""For row-level security keeps an index on periods from being used, unless the search goes round it."""


@pytest.mark.parametrize("units", SIZES)
@pytest.mark.parametrize("reader", READERS)
async def test_the_search_reads_indexes_and_no_whole_table(
    world: World, owner: AsyncEngine, settings: Settings, reader: str, units: int
) -> None:
    """With the values of the search and without: by unit where they are few, else by day, and never from the start."""
    assert settings.database_url is not None
    engine = make_engine(settings.database_url, settings, poolclass=NullPool)
    sessions = make_session_factory(engine)
    cdmo, _ = await world.cdmo()
    # Among few units, to walk all slots by their day until a page is full of those of one would be nearly as short.
    for number in range(units):
        unit = await world.unit(cdmo, site={"region": "Bretagne" if number < 3 else "Grand Est"})
        # From years before today, when some are under way, to years after it.
        starts = range(-2_200, 2_000, 20)
        rows = [{"unit_id": unit.id, "period": period(day(start), day(start + 19))} for start in starts]
        async with owner.begin() as connection:
            await connection.execute(insert(Slot), rows)
    await settle(owner)
    narrow = {"start": day(1600), "end": day(1700)}
    for name, (wanted, few) in SEARCHES.items():
        for query in (wanted, narrow | wanted, narrow | wanted | {"available": True}):
            begins = "start" in query or not wanted.keys().isdisjoint({"min_days", "deliver_by"})
            with acting_for(READERS[reader]):
                plans = await _plans(sessions, SlotFilter.model_validate(query))
            for further, plan in plans:
                assert "Seq Scan on slots" not in plan, f"{name}\n{plan}"
                # Of few units the slots of a hundred days may be fewer still: either index reads little.
                by_unit = f"{BY_UNIT}|{UNDER_WAY}" if "start" in query else BY_UNIT
                assert re.search(by_unit if few else TO_COME, plan), f"{name}\n{plan}"
                if begins and not further and not few:
                    assert re.search(UNDER_WAY, plan), f"{name}\n{plan}"
                    assert not re.search(r"Filter: .*period @>", plan), f"{name}\n{plan}"


async def _plans(sessions: SessionFactory, query: SlotFilter) -> list[tuple[bool, str]]:
    """Return the plans of the first page of a search and of one past the slots under way, with its values and without.

    Each with whether it is that of the further page.
    """
    async with transaction(sessions) as session:
        await session.execute(text("SELECT 1"))
        driver = await driver_of(session)

        async def ask(directory: Directory) -> tuple[UUID | None, list[Search]]:
            pages = [None, (query.start or day(1000), new_id())]
            searches = [search_of(directory, query, None, today(), after=after) for after in pages]
            return await catalogue_state(driver), searches

        _, searches = await with_directory(driver, ask)
        plans = []
        for further, (shape, values) in zip([False, True], searches, strict=True):
            statement = page_of(shape)
            known = await prepared_plan(session, statement, {**values, "examined": 51, "limit": 51})
            plans += [(further, known), (further, await general_plan(session, statement))]
        return plans
