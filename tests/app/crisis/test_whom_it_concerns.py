"""Who is led to a crisis, and to how much of it: a CDMO by its order, a start-up by its lot that gives way."""

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings.models import Booking, BookingStatus
from app.core.database import transaction
from app.core.model import new_id, period
from app.core.tenancy import Tenancy, acting_for
from app.crisis.concern_repository import crises_concerning
from app.crisis.schemas import CrisisNotice
from app.identity.models import Role
from tests.app.crisis.active_crises import EARLY, answer
from tests.app.crisis.conftest import CONTESTED_TARGET, Contested, Crises, Headers, contested, iso, power
from tests.support.explain import plans_of, settle
from tests.support.world import World, day

pytestmark = pytest.mark.database

DISPLACED = """
    INSERT INTO displacements (id, crisis_id, order_id, booking_id, kind, status, compensation_cents)
    SELECT gen_random_uuid(), crisis_id, id, :booking_id, 'displaced', :status, 0 FROM crisis_orders"""
TOLD = """
    INSERT INTO crisis_notices (id, crisis_id, organisation_id, kind, displacement_id, facts)
    SELECT gen_random_uuid(), crisis_id, :organisation_id, 'gave_way', id, '{}' FROM displacements"""


async def activated(crises: Crises, world: World, **given: Any) -> tuple[Contested, str]:
    """Activate a crisis over the first of two lots, beside another crisis that concerns nobody."""
    place = await contested(world)
    crisis_id, _ = await crises.activated(**{"targets": CONTESTED_TARGET, **given})
    await crises.declared(title="Another")
    return place, crisis_id


async def seen(crises: Crises, by: Headers) -> list[Any]:
    return list((await crises.get("", by=by))["items"])


async def sees_nothing(crises: Crises, crisis_id: str, by: Headers) -> None:
    assert await seen(crises, by) == []
    await crises.get(f"/{crisis_id}", by=by, expect=404)


async def test_who_gives_way_is_led_to_the_crisis_as_its_maker_is_and_nobody_else(crises: Crises, world: World) -> None:
    place, crisis_id = await activated(crises, world)
    order = await crises.order_of(crisis_id)
    steps = ((f"/orders/{order['id']}/accept", place.made.headers), ("/stand-down", crises.coordinator), (None, None))
    for following, by in steps:  # while the lot is to give way, when it has, and when its place is offered back
        [told] = await seen(crises, place.first.headers)
        assert told["id"] == crisis_id
        assert told.keys() == CrisisNotice.model_fields.keys()
        assert await crises.get(f"/{crisis_id}", by=place.first.headers) == told
        assert await seen(crises, place.made.headers) == [told]
        await sees_nothing(crises, crisis_id, place.second.headers)
        if following:
            await crises.post(f"/{crisis_id}{following}", by=by)
    for hidden in ("orders", "plans", "trade-off", "report", "score"):
        await crises.get(f"/{crisis_id}/{hidden}", by=place.first.headers, expect=404)
    path = f"/{crisis_id}/orders/{order['id']}/counter"
    await crises.post(path, {"earliest": iso(90), "reason_code": "staff"}, by=place.first.headers, expect=404)


async def test_who_keeps_its_place_after_all_still_finds_the_crisis_that_told_it_so(
    crises: Crises, world: World
) -> None:
    place, crisis_id = await activated(crises, world)
    await answer(crises, crisis_id, place.made, "counter", EARLY)
    [gone] = (await crises.get(f"/{crisis_id}/displacements"))["items"]
    assert gone["status"] == "dropped"
    assert [one["id"] for one in await seen(crises, place.first.headers)] == [crisis_id]


@pytest.mark.parametrize(("status", "is_led"), [("pending", True), ("effective", True), ("dropped", False)])
async def test_a_lot_that_gives_way_is_enough_though_nobody_was_told(
    crises: Crises, world: World, owner: AsyncEngine, status: str, *, is_led: bool
) -> None:
    place, crisis_id = await activated(crises, world)
    async with owner.begin() as connection:
        given = {"booking_id": place.second.booking.id, "status": status}
        await connection.execute(text(DISPLACED), given)
    assert [one["id"] for one in await seen(crises, place.second.headers)] == [crisis_id] * is_led
    await crises.get(f"/{crisis_id}", by=place.second.headers, expect=200 if is_led else 404)


async def test_a_drill_is_seen_by_its_makers_alone(crises: Crises, world: World) -> None:
    place, crisis_id = await activated(crises, world, mode="drill", powers=[power("exercise")])
    assert len((await crises.get(f"/{crisis_id}/notices"))["items"]) == 2
    assert [one["id"] for one in await seen(crises, place.made.headers)] == [crisis_id]
    await sees_nothing(crises, crisis_id, place.first.headers)


async def test_no_whole_table_is_read_for_it(crises: Crises, app: FastAPI, world: World, owner: AsyncEngine) -> None:
    """However many lots of others gave way, and however many notices told of it."""
    place, _ = await activated(crises, world)
    others, _ = await world.startup()
    bookings = [
        {
            "id": new_id(),
            "slot_id": slot.id,
            "unit_id": slot.unit_id,
            "organisation_id": others.id,
            "batches": 1,
            "period": period(day(number), day(number + 1)),
            "delivery_on": day(2_000),
            "reserve": slot.reserve,
            "price_cents": 1,
            "status": BookingStatus.CONFIRMED,
        }
        for slot in [await world.slot(await world.unit(place.made.cdmo), 0, 500) for _ in range(8)]
        for number in range(500)
    ]
    async with owner.begin() as connection:
        await connection.execute(insert(Booking), bookings)
        given = [{"booking_id": one["id"], "status": "effective"} for one in bookings]
        await connection.execute(text(DISPLACED), given)
        await connection.execute(text(TOLD), {"organisation_id": others.id})
    await settle(owner)
    startup_id = place.first.startup.id
    with acting_for(Tenancy(startup_id, Role.STARTUP_MEMBER.value)):
        async with transaction(app.state.sessions) as session:
            plans = await plans_of(session, lambda: crises_concerning(session, startup_id))
    [plan] = plans
    for table in ("bookings", "displacements", "crisis_notices"):
        assert f"Seq Scan on {table}" not in plan, plan
