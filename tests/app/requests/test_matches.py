"""The matches of a request through the API: options worked out by hand, and every other line with its reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

import app.tables  # noqa: F401 - bookings refer to the tables of every capability
from app.bookings.models import Booking, BookingStatus
from app.capacity.facts import slot_facts, unit_facts
from app.capacity.models import Slot
from app.core.database import make_session_factory, transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from app.identity.models import Organisation
from app.requests.facts import request_facts
from tests.support.world import World, day


async def booking(world: World, slot: Slot, owner: Organisation, start: int, end: int, **given: Any) -> Booking:
    """Store a confirmed booking over the days [start, end)."""
    defaults: dict[str, Any] = {
        "slot_id": slot.id,
        "unit_id": slot.unit_id,
        "organisation_id": owner.id,
        "batches": 1,
        "period": period(day(start), day(end)),
        "delivery_on": day(end + 42),
        "reserve": slot.reserve,
        "status": BookingStatus.CONFIRMED,
        "price_cents": 1,
    }
    return await world.add(Booking(**(defaults | given)))


async def test_an_option_has_its_dates_and_its_price(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo, cdmo_cancellation_percent=15))
    request = await world.request(await world.product(startup), batches=2)
    found = (await client.get(f"/v1/requests/{request.id}/matches", headers=key)).json()
    (option,) = found["options"]
    # Two batches: 40 + 17 days of production, 3 of changeover; 42 of release after production.
    expected = {
        "rank": 1,
        "slot_id": str(slot.id),
        "batches": 2,
        "production_days": 57,
        "duration_days": 60,
        "earliest_start_on": day(0).isoformat(),
        "latest_start_on": day(60).isoformat(),
        "delivery_on": day(57 + 42).isoformat(),
        "package_price_cents": 200_000_000,
        "cdmo_cancellation_percent": 15,
        "basis": "declared",
        "origin": "real",
        "recallable": False,
    }
    assert expected.items() <= option.items()
    assert found["reasons"] == []


async def test_live_bookings_occupy_and_stale_holds_do_not(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    stranger, _ = await world.startup()
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo))
    now = datetime.now(UTC)
    await booking(world, slot, stranger, 44, 60)
    held = {"status": BookingStatus.HELD}
    await booking(world, slot, stranger, 0, 10, **held, hold_expires_at=now - timedelta(minutes=1))
    await booking(world, slot, stranger, 103, 120, **held, hold_expires_at=now + timedelta(minutes=30))
    await booking(world, slot, stranger, 60, 103, status=BookingStatus.CANCELLED)
    request = await world.request(await world.product(startup))
    found = (await client.get(f"/v1/requests/{request.id}/matches", headers=key)).json()
    (option,) = found["options"]
    # Free: [0, 44) and [60, 103); a batch and its changeover take 43 days.
    assert option["start_windows"] == [
        {"first": day(0).isoformat(), "last": day(1).isoformat()},
        {"first": day(60).isoformat(), "last": day(60).isoformat()},
    ]
    assert str(stranger.id) not in str(found)


async def test_what_no_line_can_serve_is_accepted_and_told_why(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    cdmo, _ = await world.cdmo()
    await world.slot(await world.unit(cdmo))
    await world.unit(cdmo, working_volume_l=None, not_bookable_reason="captive")
    body = {
        "product_id": str((await world.product(startup)).id),
        "batches": 1,
        "gmp_phase": "phase_1",
        "volume_min_l": 5000,
        "earliest_on": day(0).isoformat(),
        "latest_delivery_on": day(365).isoformat(),
    }
    made = await client.post("/v1/requests", json=body, headers=key)
    assert made.status_code == 201
    found = (await client.get(f"/v1/requests/{made.json()['id']}/matches", headers=key)).json()
    assert found["options"] == []
    told = [[reason["code"] for reason in line["reasons"]] for line in found["reasons"]]
    assert told == [["volume_too_small"], ["not_bookable", "volume_unknown", "no_slot"]]
    (reason,) = found["reasons"][0]["reasons"]
    assert (reason["asked"], reason["offered"]) == (5000, 2000)
    assert reason["message"] == "You ask for at least 5000 L; this line works at 2000 L."
    assert reason["message_fr"] == "Vous demandez au moins 5000 L ; cette ligne travaille à 2000 L."


async def test_among_equals_a_line_of_the_right_modality_comes_first(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    cdmo, _ = await world.cdmo()
    await world.slot(await world.unit(cdmo, site={"name": "A", "modalities": []}, modalities=["viral_vector_aav"]))
    await world.slot(await world.unit(cdmo, site={"name": "B"}, platforms=["Vero"]))
    request = await world.request(await world.product(startup))
    found = (await client.get(f"/v1/requests/{request.id}/matches", headers=key)).json()
    told = [[reason["code"] for reason in line["reasons"]] for line in found["reasons"]]
    assert told == [["platform"], ["modality"]]


async def test_a_line_is_named_once_however_many_units_it_has(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    cdmo, _ = await world.cdmo()
    unit = await world.unit(cdmo)
    await world.add(type(unit)(line_id=unit.line_id, name="Unit 2"))
    request = await world.request(await world.product(startup))
    without = (await client.get(f"/v1/requests/{request.id}/matches", headers=key)).json()
    assert [line["line_id"] for line in without["reasons"]] == [str(unit.line_id)]
    await world.slot(unit)
    served = (await client.get(f"/v1/requests/{request.id}/matches", headers=key)).json()
    assert (len(served["options"]), served["reasons"]) == (1, [])


async def test_the_startup_reserve_is_for_french_startups(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    await world.slot(await world.unit(cdmo), reserve=Reserve.STARTUP)
    for country, codes in (("FR", []), ("DE", ["reserved_for_startups"])):
        startup, key = await world.startup(country=country)
        request = await world.request(await world.product(startup))
        found = (await client.get(f"/v1/requests/{request.id}/matches", headers=key)).json()
        assert [reason["code"] for line in found["reasons"] for reason in line["reasons"]] == codes


async def test_an_unpublished_slot_is_shown_to_nobody(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    cdmo, _ = await world.cdmo()
    await world.slot(await world.unit(cdmo), status="draft")
    request = await world.request(await world.product(startup))
    found = (await client.get(f"/v1/requests/{request.id}/matches", headers=key)).json()
    assert [reason["code"] for line in found["reasons"] for reason in line["reasons"]] == ["no_slot"]


async def test_facts_take_as_many_queries_for_one_as_for_many(owner: AsyncEngine, world: World) -> None:
    startup, _ = await world.startup()
    cdmo, _ = await world.cdmo()
    product = await world.product(startup)

    async def queries() -> int:
        counted: list[str] = []
        listener = lambda *args: counted.append(args[2])  # noqa: E731
        event.listen(owner.sync_engine, "before_cursor_execute", listener)
        async with transaction(make_session_factory(owner)) as session:
            await request_facts(session, [one.id for one in requests])
            await unit_facts(session)
            await slot_facts(session)
        event.remove(owner.sync_engine, "before_cursor_execute", listener)
        return len(counted)

    requests = [await world.request(product)]
    await world.slot(await world.unit(cdmo))
    few = await queries()
    for _ in range(3):
        requests.append(await world.request(await world.product(startup)))
        await world.slot(await world.unit(cdmo))
    assert await queries() == few
