"""Making bookings and changing their status, on the real constraints."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import col

from app.audit.author import Author
from app.audit.models import AuditRecord
from app.bookings import service
from app.bookings.errors import HoldExpired, OutsideSlot, SlotFrozen, SlotNotPublished, SlotTaken, SlotWhole
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.bookings.service import BookingDraft
from app.capacity.models import FreezeHolder, Slot, SlotFreeze, SlotStatus
from app.core.clock import now
from app.core.database import SessionFactory, transaction
from app.core.errors import StateConflict
from app.core.model import new_id, period
from tests.support.world import World, day

AUTHOR = Author.of_job("test")


@pytest.fixture
def sessions(app: FastAPI) -> SessionFactory:
    """Sessions of the application's role."""
    made: SessionFactory = app.state.sessions
    return made


@pytest.fixture
async def draft(world: World) -> BookingDraft:
    """Days 20 to 60 of a slot over days 0 to 120."""
    startup, _ = await world.startup()
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo))
    return BookingDraft(
        slot_id=slot.id,
        organisation_id=startup.id,
        period=period(day(20), day(60)),
        delivery_on=day(99),
        batches=1,
        price_cents=100,
        source=BookingSource.DIRECT,
        hold_expires_at=now() + timedelta(minutes=5),
    )


def over(draft: BookingDraft, start: int, end: int) -> BookingDraft:
    return replace(draft, period=period(day(start), day(end)))


async def make(sessions: SessionFactory, *drafts: BookingDraft) -> list[Booking]:
    async with transaction(sessions) as session:
        return await service.create_bookings(session, AUTHOR, drafts)


async def test_a_refusal_tells_what_is_in_the_way_and_the_nearest_free_period(
    sessions: SessionFactory, draft: BookingDraft
) -> None:
    await make(sessions, draft)
    with pytest.raises(SlotTaken) as refused:
        await make(sessions, over(draft, 50, 90))
    assert refused.value.facts["in_the_way"] == [{"start": str(day(20)), "end": str(day(60))}]
    # 40 days fit from day 60 on, ten days later than wanted, and nowhere before day 20.
    nearest = {"slot_id": str(draft.slot_id), "start": str(day(60)), "end": str(day(100))}
    assert refused.value.facts["nearest_free"] == nearest
    assert refused.value.faults[0].pointer == "/start"


async def test_another_slot_of_the_unit_serves_when_its_own_is_full(
    world: World, sessions: SessionFactory, draft: BookingDraft
) -> None:
    async with transaction(sessions) as session:
        slot = await session.get_one(Slot, draft.slot_id)
        later = Slot(unit_id=slot.unit_id, period=period(day(200), day(300)))
        session.add(later)
    await make(sessions, over(draft, 0, 100))
    with pytest.raises(SlotTaken) as refused:
        await make(sessions, draft)
    nearest = {"slot_id": str(later.id), "start": str(day(200)), "end": str(day(240))}
    assert refused.value.facts["nearest_free"] == nearest


async def test_adjacent_periods_do_not_meet(sessions: SessionFactory, draft: BookingDraft) -> None:
    made = await make(sessions, over(draft, 0, 20), draft, over(draft, 60, 120))
    assert [one.status for one in made] == [BookingStatus.HELD] * 3


@pytest.mark.parametrize(("start", "end"), [(-1, 30), (90, 121), (130, 150)])
async def test_a_period_outside_the_slot_is_refused(
    sessions: SessionFactory, draft: BookingDraft, start: int, end: int
) -> None:
    with pytest.raises(OutsideSlot):
        await make(sessions, over(draft, start, end))


async def test_a_slot_that_is_withdrawn_frozen_or_whole_is_refused(
    world: World, sessions: SessionFactory, draft: BookingDraft
) -> None:
    async with transaction(sessions) as session:
        slot = await session.get_one(Slot, draft.slot_id)
        withdrawn, whole = (
            Slot(unit_id=slot.unit_id, period=period(day(200), day(300)), status=SlotStatus.WITHDRAWN),
            Slot(unit_id=slot.unit_id, period=period(day(300), day(400)), divisible=False),
        )
        session.add_all([withdrawn, whole])
        session.add(SlotFreeze(slot_id=slot.id, holder=FreezeHolder.ROUND, holder_id=new_id()))
    with pytest.raises(SlotFrozen):
        await make(sessions, draft)
    with pytest.raises(SlotNotPublished):
        await make(sessions, replace(over(draft, 210, 250), slot_id=withdrawn.id))
    await make(sessions, replace(over(draft, 300, 340), slot_id=whole.id))
    with pytest.raises(SlotWhole):
        await make(sessions, replace(over(draft, 350, 390), slot_id=whole.id))


async def test_a_refusal_undoes_no_booking_before_it(sessions: SessionFactory, draft: BookingDraft) -> None:
    async with transaction(sessions) as session:
        await service.create_booking(session, AUTHOR, draft)
        with pytest.raises(SlotTaken):
            await service.create_booking(session, AUTHOR, draft)
        second = await service.create_booking(session, AUTHOR, over(draft, 60, 80))
    async with transaction(sessions) as session:
        assert await session.get(Booking, second.id) is not None


async def test_a_stale_hold_is_never_in_the_way(sessions: SessionFactory, draft: BookingDraft) -> None:
    [stale] = await make(sessions, replace(draft, hold_expires_at=now() - timedelta(seconds=1)))
    [made] = await make(sessions, draft)
    async with transaction(sessions) as session:
        before, after = await session.get_one(Booking, stale.id), await session.get_one(Booking, made.id)
        assert (before.status, after.status) == (BookingStatus.EXPIRED, BookingStatus.HELD)
        actions = await session.scalars(
            select(col(AuditRecord.action)).where(col(AuditRecord.object_id) == stale.id).order_by(col(AuditRecord.id))
        )
        assert list(actions) == ["booking.held", "booking.expired"]


async def test_the_sweep_expires_what_has_run_out_and_nothing_else(
    sessions: SessionFactory, draft: BookingDraft
) -> None:
    live, stale = await make(
        sessions, over(draft, 60, 80), replace(draft, hold_expires_at=now() - timedelta(seconds=1))
    )
    async with transaction(sessions) as session:
        assert await service.expire_stale_holds(session, AUTHOR) == 1
        assert await service.expire_stale_holds(session, AUTHOR) == 0
    async with transaction(sessions) as session:
        assert (await session.get_one(Booking, stale.id)).status is BookingStatus.EXPIRED
        assert (await session.get_one(Booking, live.id)).status is BookingStatus.HELD


async def test_a_hold_that_has_run_out_is_not_confirmed(sessions: SessionFactory, draft: BookingDraft) -> None:
    [stale] = await make(sessions, replace(draft, hold_expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(HoldExpired):
        async with transaction(sessions) as session:
            await service.confirm(session, AUTHOR, stale)
    async with transaction(sessions) as session:
        await service.expire_stale_holds(session, AUTHOR)
    with pytest.raises(HoldExpired):
        async with transaction(sessions) as session:
            await service.confirm(session, AUTHOR, stale)


async def test_a_hold_cannot_skip_its_confirmation(sessions: SessionFactory, draft: BookingDraft) -> None:
    [held] = await make(sessions, draft)
    with pytest.raises(StateConflict):
        async with transaction(sessions) as session:
            await service.approve(session, AUTHOR, held)
    with pytest.raises(StateConflict):
        async with transaction(sessions) as session:
            await service.end_booking(session, AUTHOR, held, BookingStatus.DISPLACED, reason_code="crisis")


async def test_an_ended_booking_frees_its_period_and_raises_its_version(
    sessions: SessionFactory, draft: BookingDraft
) -> None:
    [held] = await make(sessions, draft)
    async with transaction(sessions) as session:
        ended = await service.end_booking(session, AUTHOR, held, BookingStatus.RELEASED, reason_code="not_needed")
        assert (ended.version, ended.ended_reason_code, ended.hold_expires_at) == (2, "not_needed", None)
    await make(sessions, draft)
