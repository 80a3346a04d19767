"""Who gives way to an amended plan."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.vocabulary import Reserve
from tests.app.crisis.active_crises import COUNTER, DISPLACEMENTS, answer, countered_at_once, rows
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, Maker, booked, contested, iso, maker, power
from tests.support.world import World

pytestmark = pytest.mark.database


async def test_a_booking_that_has_not_given_way_is_asked_again(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, place, amendment = await countered_at_once(crises, world)
    first = str(place.first.booking.id)
    assert [one["booking_id"] for one in amendment["body"]["displacements"]] == [first]
    assert iso(9) <= amendment["body"]["campaigns"][0]["start"] <= iso(10)
    assert await rows(owner, DISPLACEMENTS) == [(first, "dropped")]
    await crises.put_into_force(crisis_id, amendment)
    assert await rows(owner, DISPLACEMENTS) == [(first, "dropped"), (first, "pending")]
    await answer(crises, crisis_id, place.made, "accept")
    assert await rows(owner, DISPLACEMENTS) == [(first, "dropped"), (first, "effective")]
    statuses = "SELECT source, status FROM bookings ORDER BY lower(period), id"
    assert await rows(owner, statuses) == [
        ("crisis", "confirmed"),
        ("direct", "displaced"),
        ("direct", "confirmed"),
        ("replacement", "released"),
        ("replacement", "held"),
    ]


async def test_the_database_lets_nobody_give_way_twice(crises: Crises, world: World, owner: AsyncEngine) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    twice = text(
        "INSERT INTO displacements (id, crisis_id, order_id, booking_id, kind, status, compensation_cents)"
        " SELECT gen_random_uuid(), crisis_id, order_id, booking_id, kind, 'pending', 0 FROM displacements"
    )
    with pytest.raises(IntegrityError, match="uq_displacements_crisis_id_booking_id_standing"):
        async with owner.begin() as connection:
            await connection.execute(twice)
    assert await rows(owner, DISPLACEMENTS) == [(str(place.first.booking.id), "pending")]
    assert crisis_id


async def test_what_replaced_a_booking_does_not_give_way_again(crises: Crises, world: World) -> None:
    """The first lot has moved to [143, 186); by day 200 more is wanted than all that is free and both lots give."""
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, rules={"protection_days": 0})
    await answer(crises, crisis_id, place.made, "accept")
    moved = (await crises.get(f"/{crisis_id}/displacements"))["items"][0]["replacement_id"]
    amendment = await crises.amended(crisis_id, targets=[{"by": iso(210), "quantity": 10_000_000}])
    asked = {one["booking_id"] for one in amendment["body"]["displacements"]}
    assert asked <= {str(place.second.booking.id)}
    assert moved not in asked
    assert amendment["body"]["orders"]["kept"][0]["status"] == "accepted"


async def test_who_was_to_give_way_does_so_to_the_order_that_takes_the_place(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """Two batches by day 77 start by day 10 and run for 60 days: in the place of the one ordered, and of its lot."""
    place = await contested(world)
    first = str(place.first.booking.id)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    order = await crises.order_of(crisis_id)
    amendment = await crises.amended(crisis_id, targets=[{"by": iso(77), "quantity": 40_000}])
    body = amendment["body"]
    assert [one["order_id"] for one in body["orders"]["changed"]] == [order["id"]]
    assert body["displacements"] == []
    assert body["pending_displacements"]["passed_on"] == [
        {"booking_id": first, "campaigns": [1], "tier": 6, "start": iso(20)}
    ]
    await crises.put_into_force(crisis_id, amendment)
    new = (await crises.orders(crisis_id))[str(place.made.cdmo.id)]
    assert (new["batches"], new["booking_id"]) == (2, None)
    assert await rows(owner, "SELECT order_id::text, status FROM displacements") == [(new["id"], "pending")]
    await answer(crises, crisis_id, place.made, "accept")
    assert await rows(owner, DISPLACEMENTS) == [(first, "effective")]


async def test_where_no_power_opens_the_place_of_who_was_to_give_way_it_is_planned_around(
    crises: Crises, world: World
) -> None:
    """The act ends with day 8, who is willing goes on: from day 7 on, no order starts before day 9.

    The place of the order that stands, and of its lot, could hold the two batches wanted, but on no power any more.
    """
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 200, reserve=Reserve.OPEN)
    await booked(world, slot, 30, 73)
    powers = [power(end=iso(9)), power("voluntary")]
    crisis_id, plan = await crises.activated(targets=CONTESTED_TARGET, powers=powers)
    assert len(plan["body"]["displacements"]) == 1
    order = await crises.order_of(crisis_id)
    again = {"as_of_on": iso(7), "targets": [{"by": iso(78), "quantity": 40_000}]}
    body = (await crises.amended(crisis_id, **again))["body"]
    assert [one["order_id"] for one in body["orders"]["kept"]] == [order["id"]]
    assert body["campaigns"] == body["pending_displacements"]["passed_on"] == []


async def two_of_a_project(world: World) -> tuple[Maker, Maker]:
    """Store two open slots [0, 200), each with a lot of the same project at [20, 63)."""
    one, other = await maker(world), await maker(world)
    first = await booked(world, await world.slot(one.unit, 0, 200, reserve=Reserve.OPEN), 20, 63)
    slot = await world.slot(other.unit, 0, 200, reserve=Reserve.OPEN)
    await booked(world, slot, 20, 63, product_id=first.booking.product_id, organisation_id=first.startup.id)
    return one, other


@pytest.mark.parametrize("is_accepted", [False, True], ids=["pending", "accepted"])
@pytest.mark.parametrize("mode", ["real", "drill"])
async def test_no_second_lot_of_a_project_gives_way_to_an_amendment(
    crises: Crises, world: World, mode: str, is_accepted: bool
) -> None:
    by_cdmo = {str(one.cdmo.id): one for one in await two_of_a_project(world)}
    kind = "exercise" if mode == "drill" else "requisition_or_order"
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, mode=mode, powers=[power(kind)])
    if is_accepted:
        order = await crises.order_of(crisis_id)
        await answer(crises, crisis_id, by_cdmo[order["organisation_id"]], "accept")
    amendment = await crises.amended_by_greed(crisis_id, targets=[{"by": iso(60), "quantity": 40_000}])
    assert amendment["body"]["displacements"] == []


async def test_no_second_lot_of_a_project_gives_way_to_another_crisis(crises: Crises, world: World) -> None:
    """Until its first lot gives way: once that is dropped, the project may be asked again."""
    by_cdmo = {str(one.cdmo.id): one for one in await two_of_a_project(world)}
    crisis_id, plan = await crises.activated(targets=CONTESTED_TARGET)
    assert len(plan["body"]["displacements"]) == 1
    _, later = await crises.sketched(targets=CONTESTED_TARGET)
    assert later["body"]["displacements"] == []
    order = await crises.order_of(crisis_id)
    await answer(crises, crisis_id, by_cdmo[order["organisation_id"]], "counter", COUNTER)
    _, freed = await crises.sketched(targets=CONTESTED_TARGET)
    assert len(freed["body"]["displacements"]) == 1
