"""What every sweep asks of the database when there is nothing to tell reads an index, however many slots there are."""

from datetime import timedelta

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.capacity import opening_repository
from app.capacity.models import Slot
from app.core.clock import today
from app.core.database import transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from tests.support.explain import plan_of, plans_of, settle
from tests.support.world import World, day


async def test_a_sweep_with_nothing_to_tell_reads_no_whole_table(world: World, owner: AsyncEngine) -> None:
    cdmo, _ = await world.cdmo()
    units = [await world.unit(cdmo) for _ in range(5)]
    rows = [
        {
            "unit_id": unit.id,
            "period": period(day(10 * number), day(10 * number + 9)),
            "reserve": Reserve.STARTUP,
            "releases_on": today() + timedelta(days=number + 1) if number % 2 else None,
        }
        for unit in units
        for number in range(600)
    ]
    async with owner.begin() as connection:
        await connection.execute(insert(Slot), rows)
        noted = await connection.scalar(text("SELECT count(*) FROM slot_openings WHERE evaluated_at IS NULL"))
        await connection.execute(text("UPDATE slot_openings SET evaluated_at = now()"))
    assert noted == len(rows)
    await settle(owner)
    async with transaction(world.sessions) as session:
        assert await opening_repository.note_releases(session, today(), 200) == 0
        assert await opening_repository.pending(session, 200) == []
        plans = [
            *await plans_of(session, lambda: opening_repository.pending(session, 200)),
            await plan_of(session, opening_repository.due_releases(today()).limit(200)),
        ]
    assert len(plans) == 2
    for plan in plans:
        assert "Seq Scan" not in plan, plan
