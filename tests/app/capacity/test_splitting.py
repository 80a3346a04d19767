"""One slot becomes several that touch: what is booked, held still, promised and opened goes with its part."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import select, text
from sqlmodel import col

from app.audit.models import AuditRecord
from app.bookings.models import Booking, BookingStatus, FreedPeriod
from app.capacity.models import FreezeHolder, Slot, SlotFreeze, SlotOpening
from app.core.database import transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from app.crisis.models import CrisisMode
from tests.app.capacity.rows import agreement, book
from tests.app.capacity.test_slot_guards import freeze, order
from tests.support.world import World, day


async def split(
    client: httpx.AsyncClient, slot: Slot, at: list[int], headers: Any, *, expect: int = 200
) -> list[dict[str, Any]]:
    answer = await client.post(
        f"/v1/slots/{slot.id}/split", json={"at": [str(day(one)) for one in at]}, headers=headers
    )
    assert answer.status_code == expect, answer.text
    read: dict[str, Any] = answer.json()
    return list(read["parts"]) if expect == 200 else [read]


async def test_parts_touch_keep_all_terms_and_take_their_bookings(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    promise = await agreement(world, cdmo)
    terms: dict[str, Any] = {
        "reserve": Reserve.STARTUP,
        "releases_on": day(-90),
        "agreement_id": promise.id,
        "price_cents": 7,
        "approval": "instant",
    }
    slot = await world.slot(await world.unit(cdmo), 0, 100, **terms)
    await freeze(world, slot, FreezeHolder.CRISIS)
    stale = datetime.now(UTC) - timedelta(minutes=1)
    made = [
        await book(world, slot, buyer, 0, 10, source="replacement"),
        await book(world, slot, buyer, 30, 60, source="replacement"),
        await book(world, slot, buyer, 80, 90, source="replacement"),
        await book(world, slot, buyer, 62, 70, status=BookingStatus.CANCELLED),
        await book(world, slot, buyer, 20, 40, status=BookingStatus.CANCELLED),
    ]
    over_the_cut = {"status": BookingStatus.HELD, "source": "replacement", "hold_expires_at": stale}
    run_out = await book(world, slot, buyer, 20, 30, **over_the_cut)
    parts = await split(client, slot, [60, 25], own)
    assert [(one["start"], one["end"]) for one in parts] == [
        (str(day(0)), str(day(25))),
        (str(day(25)), str(day(60))),
        (str(day(60)), str(day(100))),
    ]
    assert parts[0]["id"] == str(slot.id)
    for name, value in terms.items():
        assert {part[name] for part in parts} == {str(value) if name.endswith(("_on", "_id")) else value}, name
    async with transaction(world.sessions) as session:
        homes = {one.id: str(one.slot_id) for one in await session.scalars(select(Booking))}
        frozen = {str(one) for one in await session.scalars(select(col(SlotFreeze.slot_id)))}
        actions = set(await session.scalars(select(col(AuditRecord.action))))
        expired = await session.get_one(Booking, run_out.id)
    first, second, third = (part["id"] for part in parts)
    assert [homes[one.id] for one in made] == [first, second, third, third, first]
    assert expired.status is BookingStatus.EXPIRED
    assert frozen == {first, second, third}
    assert {"slot.split", "slot.parted", "booking.slot_split", "slot.frozen"} <= actions


async def test_no_cut_goes_through_a_booking(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    await book(world, slot, buyer, 10, 30)
    await book(world, slot, buyer, 40, 60)
    (refused,) = await split(client, slot, [30, 50], own, expect=409)
    assert refused["type"] == "urn:creneau:problem:slot-booked"
    assert refused["booked"] == [{"start": str(day(40)), "end": str(day(60))}]
    async with transaction(world.sessions) as session:
        assert len(list(await session.scalars(select(Slot)))) == 1
    assert len(await split(client, slot, [30, 40, 60], own)) == 4


async def test_cuts_lie_inside_a_slot_of_ones_own(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, 0, 100)
    for at, pointer in (([50, 0], "/at/1"), ([100], "/at/0"), ([], "/at"), ([-5], "/at/0")):
        (refused,) = await split(client, slot, at, own, expect=422)
        assert refused["errors"][0]["pointer"] == pointer
    for headers, status in (((await world.cdmo())[1], 404), ((await world.startup())[1], 403)):
        await split(client, slot, [50], headers, expect=status)
    gone = await world.slot(unit, 200, 300, status="withdrawn")
    (refused,) = await split(client, gone, [250], own, expect=409)
    assert refused["type"] == "urn:creneau:problem:wrong-status"
    await order(world, cdmo, slot, CrisisMode.REAL)
    (refused,) = await split(client, slot, [70], own, expect=409)
    assert refused["ordered"] == [{"start": str(day(20)), "end": str(day(60))}]


async def test_a_part_is_a_slot_like_any_other(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    await book(world, slot, buyer, 60, 90)
    _, second = await split(client, slot, [50], own)
    assert (await client.delete(f"/v1/slots/{slot.id}", headers=own)).status_code == 204
    kept = await client.delete(f"/v1/slots/{second['id']}", headers=own)
    assert (kept.status_code, kept.json()["booked"]) == (409, [{"start": str(day(60)), "end": str(day(90))}])
    shrunk = await client.patch(f"/v1/slots/{second['id']}", json={"end": str(day(90))}, headers=own)
    assert shrunk.json()["free"] == [{"start": str(day(50)), "end": str(day(60))}]


async def test_a_draft_is_split_too(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), 0, 100, status="draft")
    assert [one["status"] for one in await split(client, slot, [50], own)] == ["draft", "draft"]


async def test_a_split_opens_nothing_that_was_not_opening(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    pending = select(col(SlotOpening.slot_id)).where(col(SlotOpening.evaluated_at).is_(None))
    parts = await split(client, slot, [50], own)
    async with transaction(world.sessions) as session:
        waiting = {str(one) for one in await session.scalars(pending)}
        await session.execute(text("UPDATE slot_openings SET evaluated_at = now()"))
    assert waiting == {part["id"] for part in parts}
    await split(client, slot, [25], own)
    async with transaction(world.sessions) as session:
        assert list(await session.scalars(pending)) == []


async def test_freed_days_that_nobody_was_asked_about_go_with_their_part(
    client: httpx.AsyncClient, world: World
) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    for start, end in ((10, 20), (60, 70)):
        ended = await book(world, slot, buyer, start, end, status=BookingStatus.CANCELLED)
        await world.add(
            FreedPeriod(
                unit_id=slot.unit_id,
                slot_id=slot.id,
                period=period(day(start), day(end)),
                booking_id=ended.id,
                reason_code="funding",
            )
        )
    first, second = (part["id"] for part in await split(client, slot, [50], own))
    async with transaction(world.sessions) as session:
        freed = await session.scalars(select(FreedPeriod).order_by(col(FreedPeriod.period)))
        assert [str(one.slot_id) for one in freed] == [first, second]
