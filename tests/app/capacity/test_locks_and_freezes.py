"""Locks of units, versions of calendars, and slots held still."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from app.audit.author import Author
from app.audit.models import AuditRecord
from app.capacity import service
from app.capacity.errors import SlotFrozen
from app.capacity.models import FreezeHolder, SlotFreeze
from app.core.constraints import LOCK_NOT_AVAILABLE, sqlstate_of
from app.core.database import transaction
from app.core.errors import NotFound
from tests.support.world import World

AUTHOR = Author.of_job("test")


async def test_a_second_transaction_waits_for_a_locked_unit_and_gives_up(world: World) -> None:
    cdmo, _ = await world.cdmo()
    first, second = await world.unit(cdmo), await world.unit(cdmo)
    async with transaction(world.sessions) as holding:
        await service.lock_units(holding, [first.id])
        async with transaction(world.sessions) as other:
            await service.lock_units(other, [second.id])
        async with transaction(world.sessions) as other:
            await other.execute(select(func.set_config("lock_timeout", "100ms", True)))
            with pytest.raises(DBAPIError) as refusal:
                await service.lock_units(other, [second.id, first.id])
    assert sqlstate_of(refusal.value) == LOCK_NOT_AVAILABLE


async def test_locks_asked_for_in_opposite_orders_never_deadlock(world: World) -> None:
    unit_ids = [uuid4() for _ in range(8)]
    locked = 0

    async def lock(order: int) -> None:
        nonlocal locked
        for _ in range(25):
            async with transaction(world.sessions) as session:
                await service.lock_units(session, unit_ids[::order])
            locked += 1

    await asyncio.gather(*(lock(order) for order in (1, -1, 1, -1)))
    assert locked == 100


async def test_no_unit_is_no_lock(world: World) -> None:
    async with transaction(world.sessions) as session:
        await service.lock_units(session, [])
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert await session.scalar(text(held)) == 0
        await service.lock_units(session, [uuid4()])
        assert await session.scalar(text(held)) == 1


async def test_a_calendars_version_rises_with_its_slots_alone(world: World) -> None:
    cdmo, _ = await world.cdmo()
    touched, untouched = await world.unit(cdmo), await world.unit(cdmo)
    async with transaction(world.sessions) as session:
        before = await service.calendar_versions(session, [touched.id, untouched.id])
    await world.slot(touched)
    async with transaction(world.sessions) as session:
        after = await service.calendar_versions(session, [touched.id, untouched.id])
    assert after == {touched.id: before[touched.id] + 1, untouched.id: before[untouched.id]}


async def test_a_round_holds_slots_once_and_lets_them_go(world: World) -> None:
    cdmo, _ = await world.cdmo()
    unit = await world.unit(cdmo)
    slots = [(await world.slot(unit, start, start + 10)).id for start in (0, 20, 40)]
    holder = uuid4()
    async with transaction(world.sessions) as session:
        await service.freeze_slots(session, AUTHOR, FreezeHolder.ROUND, holder, slots[:2])
        await service.freeze_slots(session, AUTHOR, FreezeHolder.ROUND, holder, slots)
    async with transaction(world.sessions) as session:
        assert set(await session.scalars(select(col(SlotFreeze.slot_id)))) == set(slots)
        await service.thaw(session, AUTHOR, holder)
        await service.thaw(session, AUTHOR, holder)
    async with transaction(world.sessions) as session:
        assert (await session.scalars(select(SlotFreeze))).all() == []
        actions = (await session.scalars(select(col(AuditRecord.action)).order_by(col(AuditRecord.id)))).all()
        last = (await session.scalars(select(AuditRecord).where(col(AuditRecord.action) == "slot.thawed"))).first()
    assert actions == ["slot.frozen"] * 3 + ["slot.thawed"] * 3
    assert last is not None
    assert last.after is None
    assert last.before is not None
    assert last.before["holder_id"] == str(holder)


async def test_a_crisis_holds_what_a_round_holds_but_another_round_does_not(world: World) -> None:
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo))
    async with transaction(world.sessions) as session:
        await service.freeze_slots(session, AUTHOR, FreezeHolder.ROUND, uuid4(), [slot.id])
        await service.freeze_slots(session, AUTHOR, FreezeHolder.CRISIS, uuid4(), [slot.id])
        with pytest.raises(SlotFrozen) as refusal:
            await service.freeze_slots(session, AUTHOR, FreezeHolder.ROUND, uuid4(), [slot.id])
    assert refusal.value.facts == {"slot_ids": [str(slot.id)]}


async def test_a_slot_that_does_not_exist_is_not_found(world: World) -> None:
    async with transaction(world.sessions) as session:
        with pytest.raises(NotFound):
            await service.get_slot(session, uuid4())
