"""What an import and an export ask of the database reads an index, however many slots others have."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.capacity import import_repository
from app.capacity.import_repository import Entry
from app.capacity.import_schemas import CalendarFilter
from app.capacity.models import Commitment, Slot
from app.capacity.supply import Span
from app.core.database import transaction
from app.core.model import new_id, period
from app.core.vocabulary import Reserve
from tests.support.explain import plan_of, plans_of, settle
from tests.support.world import World, day

UNITS, ENTRIES, DAYS = 20, 200, 9


async def plans(world: World, owner: AsyncEngine, kind: type[Entry], **given: object) -> list[str]:
    """Return the plans of reading one calendar among twenty."""
    others, _ = await world.cdmo()
    own, _ = await world.cdmo()
    units = [await world.unit(others if number else own) for number in range(UNITS)]
    ids = [new_id() for _ in range(UNITS * ENTRIES)]
    rows = [
        {
            "id": one,
            "unit_id": units[number % UNITS].id,
            "period": period(day(number // UNITS * DAYS), day(number // UNITS * DAYS + DAYS)),
            **given,
        }
        for number, one in enumerate(ids)
    ]
    async with owner.begin() as connection:
        await connection.execute(insert(kind), rows)
    await settle(owner)
    window = Span(day(0), day(900))
    async with transaction(world.sessions) as session:

        async def read() -> None:
            await import_repository.entries_by_id(session, kind, ids[:10])
            await import_repository.entries_within(session, kind, [units[0].id], window)

        found = await plans_of(session, read)
        found.append(await plan_of(session, import_repository.own_calendar(kind, CalendarFilter(), own.id)))
    return found


async def test_slots_are_read_by_their_units(world: World, owner: AsyncEngine) -> None:
    found = await plans(world, owner, Slot, reserve=Reserve.OPEN)
    assert len(found) == 3
    assert not any("Seq Scan on slots" in plan for plan in found), found


async def test_commitments_are_read_by_their_units(world: World, owner: AsyncEngine) -> None:
    found = await plans(world, owner, Commitment)
    assert len(found) == 3
    assert not any("Seq Scan on commitments" in plan for plan in found), found
