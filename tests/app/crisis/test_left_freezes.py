"""What is held still for no crisis any more is let go of: with its last thaw, or by a sweep of the worker."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.runs import cancel_run
from app.audit.author import Author
from app.capacity import repository
from app.capacity.models import FreezeHolder, SlotFreeze
from app.capacity.service import thaw
from app.core.database import transaction
from app.core.model import new_id
from app.core.vocabulary import Reserve
from app.crisis.giving_up import let_go_of_left
from tests.app.crisis.active_crises import rows
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, maker, scalar
from tests.support.world import World

pytestmark = pytest.mark.database

AUTHOR = Author.of_job("test")
HELD = "SELECT count(*) FROM slot_freezes"
WAITS = text(
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND NOT granted"
)


async def sweep(world: World) -> int:
    async with transaction(world.sessions) as session:
        return await let_go_of_left(session)


async def hold(world: World, holder_id: UUID, holder: FreezeHolder = FreezeHolder.CRISIS) -> None:
    """Have another slot held still, as a split does that copies what has been let go of meanwhile."""
    slot = await world.slot((await maker(world)).unit, 0, 120, reserve=Reserve.CRISIS)
    await world.add(SlotFreeze(slot_id=slot.id, holder=holder, holder_id=holder_id))


async def test_what_a_run_holds_that_has_ended_is_let_go_of(crises: Crises, world: World, owner: AsyncEngine) -> None:
    await contested(world)
    run_id = await crises.run_of(await crises.declared(targets=CONTESTED_TARGET))
    async with transaction(world.sessions) as session:
        await cancel_run(session, AUTHOR, run_id)
    await hold(world, run_id)
    assert (await sweep(world), await scalar(owner, HELD), await sweep(world)) == (1, 0, 0)
    told = "SELECT DISTINCT job FROM audit_records WHERE action = 'slot.thawed' AND job <> 'test'"
    assert await rows(owner, told) == [("crisis_runs_left",)]


async def test_what_a_run_holds_for_too_long_is_let_go_of(crises: Crises, world: World, owner: AsyncEngine) -> None:
    """Whose job is parked, for one; the run itself may still be solved."""
    await contested(world)
    run_id = await crises.run_of(await crises.declared(targets=CONTESTED_TARGET))
    for minutes, left in ((119, 1), (121, 0)):
        async with owner.begin() as connection:
            asked = text("UPDATE runs SET created_at = now() - make_interval(mins => :minutes)")
            await connection.execute(asked, {"minutes": minutes})
        assert await sweep(world) == 1 - left
        assert await scalar(owner, HELD) == left
    assert await scalar(owner, "SELECT state FROM runs WHERE id = :id", id=run_id) == "queued"


async def test_what_a_crisis_holds_that_has_ended_is_let_go_of(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await contested(world)
    crisis_id = await crises.declared(targets=CONTESTED_TARGET)
    await crises.post(f"/{crisis_id}/stand-down")
    await hold(world, UUID(crisis_id))
    assert (await sweep(world), await scalar(owner, HELD)) == (1, 0)


async def test_what_nobody_holds_is_let_go_of_and_nothing_else(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await contested(world)
    planned, _ = await crises.sketched(targets=CONTESTED_TARGET)
    await crises.run_of(await crises.declared(targets=CONTESTED_TARGET))
    await hold(world, new_id(), FreezeHolder.ROUND)
    held = set(await rows(owner, "SELECT id FROM slot_freezes"))
    assert {"round", "crisis"} == {kind for (kind,) in await rows(owner, "SELECT DISTINCT holder FROM slot_freezes")}
    assert await sweep(world) == 0
    await hold(world, new_id())
    assert await sweep(world) == 1
    assert set(await rows(owner, "SELECT id FROM slot_freezes")) == held
    assert (await crises.get(f"/{planned}"))["status"] == "planned"


async def test_a_thaw_waits_for_a_split_and_takes_what_it_has_copied(world: World, owner: AsyncEngine) -> None:
    unit = (await maker(world)).unit
    slot, part = await world.slot(unit, 0, 60), await world.slot(unit, 60, 120)
    holder_id = new_id()
    await world.add(SlotFreeze(slot_id=slot.id, holder=FreezeHolder.CRISIS, holder_id=holder_id))

    async def let_go() -> None:
        async with transaction(world.sessions) as session:
            await thaw(session, AUTHOR, holder_id)

    async with transaction(world.sessions) as session:
        [freeze] = await repository.keep_freezes_of_slots(session, [slot.id])
        session.add(SlotFreeze(slot_id=part.id, holder=freeze.holder, holder_id=freeze.holder_id))
        await session.flush()
        task = asyncio.create_task(let_go())
        async with asyncio.timeout(10):
            while not await session.scalar(WAITS):  # noqa: ASYNC110 - it is the database's word
                await asyncio.sleep(0.02)
    await task
    assert await scalar(owner, HELD) == 0
