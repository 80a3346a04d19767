"""One calendar, many writers: the constraint is the truth, the lock makes the refusal clear."""

import asyncio
from collections import Counter

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from app.capacity import calendar_repository
from app.capacity.errors import CommitmentOverlap, SlotBooked, SlotOverlap
from app.capacity.models import Commitment, Slot, SlotStatus
from app.core.database import transaction
from app.core.errors import Conflict
from app.core.model import period
from tests.app.capacity.rows import book
from tests.support.world import World, day


async def test_of_many_overlapping_slots_and_commitments_one_is_stored(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    for attempt in range(4):
        first = attempt * 100
        period_ = {"unit_id": str(unit.id), "start": str(day(first)), "end": str(day(first + 50))}
        paths = ["/v1/slots", "/v1/commitments"] if attempt % 2 else ["/v1/slots"]
        calls = [client.post(path, json=period_, headers=own) for _ in range(6) for path in paths]
        answers = await asyncio.gather(*calls)
        statuses = Counter((str(one.request.url.path), one.status_code) for one in answers)
        assert {status for _, status in statuses} == {201, 409}, statuses
        assert statuses["/v1/slots", 201] in ({0, 1} if attempt % 2 else {1})
        assert all("start" in one.json() for one in answers if one.status_code == 409), "a loser learns what won"
        assert not (statuses["/v1/slots", 201] and statuses["/v1/commitments", 201])


async def test_a_withdrawal_and_a_change_of_one_slot_leave_one_state(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    slots = [await world.slot(unit, start, start + 10) for start in range(0, 60, 20)]
    calls = []
    for slot in slots:
        url = f"/v1/slots/{slot.id}"
        calls += [client.delete(url, headers=own), client.patch(url, json={"price_cents": 7}, headers=own)]
    answers = await asyncio.gather(*calls)
    assert {one.status_code for one in answers} <= {200, 204}
    async with transaction(world.sessions) as session:
        stored = list(await session.scalars(select(Slot)))
    assert {(one.status, one.price_cents, one.version) for one in stored} == {(SlotStatus.WITHDRAWN, 7, 3)}


@pytest.mark.parametrize("kind", ["slot", "commitment", "withdrawal"])
async def test_what_slips_past_the_checks_is_refused_by_a_constraint_under_its_own_name(
    world: World, kind: str
) -> None:
    cdmo, _ = await world.cdmo()
    buyer, _ = await world.startup()
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, 0, 50)
    await book(world, slot, buyer, 10, 20)
    expected: type[Conflict] = {"slot": SlotOverlap, "commitment": CommitmentOverlap, "withdrawal": SlotBooked}[kind]
    with pytest.raises(expected):
        await _write_unchecked(world, kind, slot)
    async with transaction(world.sessions) as session:
        assert list(await session.scalars(select(col(Slot.status)))) == [SlotStatus.PUBLISHED]
        assert list(await session.scalars(select(Commitment))) == []


async def _write_unchecked(world: World, kind: str, slot: Slot) -> None:
    """Write what contradicts the calendar, without asking first."""
    async with transaction(world.sessions) as session:
        if kind == "slot":
            session.add(Slot(unit_id=slot.unit_id, period=period(day(49), day(60))))
        elif kind == "commitment":
            session.add(Commitment(unit_id=slot.unit_id, period=period(day(49), day(60))))
        else:
            (await session.get_one(Slot, slot.id)).status = SlotStatus.WITHDRAWN
        await calendar_repository.flush_calendar(session)
