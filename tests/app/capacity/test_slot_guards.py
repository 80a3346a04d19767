"""What keeps a slot as it is beside confirmed bookings: offers, days released, plans of rounds and crises, orders."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.allocation.models import Run, RunKind
from app.audit.author import Author
from app.bookings.models import BookingSource, BookingStatus
from app.capacity.models import FreezeHolder, Slot
from app.capacity.service import freeze_slots
from app.core.clock import today
from app.core.database import transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from app.crisis.models import Crisis, CrisisMode, CrisisOrder, CrisisPlan
from app.identity.models import Organisation
from tests.app.capacity.rows import book
from tests.support.world import World, day

TAKES: tuple[dict[str, Any], ...] = (
    {"status": "withdrawn"},
    {"reserve": "startup"},
    {"start": str(day(1))},
    {"end": str(day(99))},
)
GIVES: tuple[dict[str, Any], ...] = (
    {"start": str(day(-10)), "end": str(day(130))},
    {"price_cents": 7},
    {"approval": "instant"},
)


async def freeze(world: World, slot: Slot, holder: FreezeHolder) -> None:
    async with transaction(world.sessions) as session:
        await freeze_slots(session, Author.of_job("test"), holder, uuid4(), [slot.id])


async def order(world: World, cdmo: Organisation, slot: Slot, mode: CrisisMode) -> CrisisOrder:
    """Store an order over the days [20, 60) of a slot that its CDMO has not answered."""
    whole = period(day(0), day(300))
    crisis = await world.add(Crisis(title="C", mode=mode, validity=whole, as_of_on=day(0)))
    run = await world.add(Run(kind=RunKind.CRISIS, crisis_id=crisis.id))
    plan = await world.add(CrisisPlan(crisis_id=crisis.id, run_id=run.id, tier=1, plan_hash="0" * 64))
    return await world.add(
        CrisisOrder(
            crisis_id=crisis.id,
            plan_id=plan.id,
            organisation_id=cdmo.id,
            slot_id=slot.id,
            unit_id=slot.unit_id,
            period=period(day(20), day(60)),
            batches=1,
            output=1,
            delivery_on=day(100),
            price_cents=1,
            tier=1,
            respond_by_at=datetime.now(UTC) + timedelta(hours=8),
        )
    )


async def change(client: httpx.AsyncClient, slot: Slot, body: dict[str, Any], headers: Any) -> httpx.Response:
    return await client.patch(f"/v1/slots/{slot.id}", json=body, headers=headers)


async def test_what_a_plan_counts_on_is_kept_until_it_is_decided(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    held_by: list[str] = []
    for holder in (FreezeHolder.ROUND, FreezeHolder.CRISIS):
        await freeze(world, slot, holder)
        held_by = sorted([*held_by, holder.value])
        for body in TAKES:
            refused = await change(client, slot, body, own)
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:creneau:problem:slot-frozen"), body
            assert refused.json()["held_by"] == held_by
    assert (await client.delete(f"/v1/slots/{slot.id}", headers=own)).status_code == 409
    for body in GIVES:
        assert (await change(client, slot, body, own)).status_code == 200, body


async def test_an_order_is_answered_before_its_days_are_taken_away(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    await order(world, cdmo, slot, CrisisMode.REAL)
    for body in ({"status": "withdrawn"}, {"reserve": "crisis"}, {"start": str(day(21))}, {"end": str(day(59))}):
        refused = await change(client, slot, body, own)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:creneau:problem:slot-ordered"), body
        assert refused.json()["ordered"] == [{"start": str(day(20)), "end": str(day(60))}]
    around = await change(client, slot, {"start": str(day(20)), "end": str(day(60))}, own)
    assert around.status_code == 200, around.text


async def test_an_exercise_keeps_no_slot(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    await order(world, cdmo, slot, CrisisMode.DRILL)
    assert (await client.delete(f"/v1/slots/{slot.id}", headers=own)).status_code == 204


@pytest.mark.parametrize("body", TAKES[:2])
async def test_a_place_that_is_offered_keeps_its_slot(
    client: httpx.AsyncClient, world: World, body: dict[str, Any]
) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    offered = {"status": BookingStatus.HELD, "source": BookingSource.ROUND, "hold_expires_at": tomorrow}
    await book(world, slot, buyer, 10, 30, **offered)
    refused = await change(client, slot, body, own)
    assert (refused.status_code, refused.json()["booked"]) == (409, [{"start": str(day(10)), "end": str(day(30))}])


async def test_what_was_booked_once_released_keeps_the_slot_released(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup(country="DE")
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, 0, 100, reserve=Reserve.STARTUP, releases_on=today())
    tomorrow = str(today() + timedelta(days=1))
    earlier = await change(client, slot, {"releases_on": str(today() - timedelta(days=1))}, own)
    assert earlier.status_code == 200, earlier.text
    await book(world, slot, buyer, 10, 30, reserve=Reserve.OPEN)
    for releases_on in (None, tomorrow):
        refused = await change(client, slot, {"releases_on": releases_on}, own)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:creneau:problem:slot-booked")
        assert refused.json()["booked"] == [{"start": str(day(10)), "end": str(day(30))}]
    assert (await change(client, slot, {"releases_on": str(today())}, own)).status_code == 200
    kept = await world.slot(unit, 100, 200, reserve=Reserve.STARTUP, releases_on=today())
    await book(world, kept, buyer, 110, 130, reserve=Reserve.STARTUP)
    assert (await change(client, kept, {"releases_on": tomorrow}, own)).status_code == 200
