"""Who gives way to an amended plan, what makes an amendment out of date, and that a drill's is without effect."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import today
from app.core.vocabulary import Reserve
from tests.app.crisis.conftest import (
    CONTESTED_TARGET,
    Contested,
    Crises,
    Maker,
    booked,
    contested,
    iso,
    maker,
    power,
    scalar,
)
from tests.app.crisis.test_drill import contents
from tests.app.crisis.test_replanning import COUNTER, TWO_LINES, answer, makers, produce, rows, two_of_three
from tests.support.world import World

pytestmark = pytest.mark.database

EARLY = {"earliest": iso(9), "reason_code": "staff"}
DISPLACEMENTS = "SELECT booking_id::text, status FROM displacements ORDER BY id"


async def countered_at_once(crises: Crises, world: World, **given: Any) -> tuple[str, Contested, Any]:
    """Have the order over a booking countered to day 9, which still delivers by day 60, and plan anew."""
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, **given)
    await answer(crises, crisis_id, place.made, "counter", EARLY)
    return crisis_id, place, await crises.amended(crisis_id)


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


async def test_a_calendar_that_changes_makes_an_amendment_out_of_date(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, first, second, spare = await two_of_three(crises, world)
    await answer(crises, crisis_id, first, "counter", COUNTER)
    amendment = await crises.amended(crisis_id)
    await crises.signed_by_both(crisis_id, amendment)
    touch = text("UPDATE slots SET price_cents = 7 WHERE unit_id = :unit_id")
    async with owner.begin() as connection:
        await connection.execute(touch, {"unit_id": spare.unit.id})
    told = await crises.post(f"/{crisis_id}/activate", expect=409)
    assert told["type"].endswith("plan-outdated")
    assert (told["unit_ids"], told["crisis_status"]) == ([str(spare.unit.id)], "active")
    plans = (await crises.get(f"/{crisis_id}/plans"))["items"]
    assert [one["status"] for one in plans] == ["activated", "superseded"]
    assert (await crises.get(f"/{crisis_id}"))["status"] == "active"
    assert len((await crises.get(f"/{crisis_id}/orders"))["items"]) == 2
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
    await answer(crises, crisis_id, second, "accept")
    await crises.put_into_force(crisis_id, await crises.amended(crisis_id))
    assert len((await crises.get(f"/{crisis_id}/orders"))["items"]) == 3


@pytest.mark.parametrize(
    ("verb", "body", "status"), [("accept", None, 200), ("counter", COUNTER, 409)], ids=["accepted", "countered"]
)
async def test_an_acceptance_of_what_is_kept_changes_nothing_and_a_counter_all(
    crises: Crises, world: World, verb: str, body: Any, status: int
) -> None:
    crisis_id, first, second, _ = await two_of_three(crises, world)
    await answer(crises, crisis_id, first, "counter", COUNTER)
    amendment = await crises.amended(crisis_id)
    await crises.signed_by_both(crisis_id, amendment)
    await answer(crises, crisis_id, second, verb, body)
    await crises.post(f"/{crisis_id}/activate", expect=status)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "active"


async def test_a_campaign_that_has_begun_is_not_released(crises: Crises, world: World, owner: AsyncEngine) -> None:
    """Its CDMO was said to drop out, and starts all the same before that is in force."""
    crisis_id, first, second, _ = await two_of_three(crises, world)
    await answer(crises, crisis_id, second, "accept")
    order = await answer(crises, crisis_id, first, "accept")
    amendment = await crises.amended(crisis_id, unavailable_organisation_ids=[str(first.cdmo.id)])
    await crises.signed_by_both(crisis_id, amendment)
    await produce(crises, first, order["booking_id"], "start", actual_start_on=str(today()))
    told = await crises.post(f"/{crisis_id}/activate", expect=409)
    assert (told["type"].rpartition(":")[2], told["crisis_status"]) == ("plan-outdated", "active")
    assert (await crises.orders(crisis_id))[str(first.cdmo.id)]["status"] == "accepted"
    assert await scalar(owner, "SELECT sum(amount_cents) FROM charges") == 600_000_000
    assert (await crises.get(f"/{crisis_id}/plans"))["items"][-1]["status"] == "superseded"


async def test_a_counter_while_it_is_solved_fails_the_run(crises: Crises, world: World) -> None:
    crisis_id, first, second, _ = await two_of_three(crises, world)
    await answer(crises, crisis_id, first, "counter", COUNTER)
    run_id = await crises.replan_of(crisis_id)
    await crises.post(f"/{crisis_id}/replan", expect=409)
    await crises.begun(run_id)
    await answer(crises, crisis_id, second, "counter", COUNTER)
    run = await crises.solve(run_id)  # by another worker, on the orders that the first one has read
    assert (run["state"], "answered" in run["error"]) == ("failed", True)
    assert len((await crises.get(f"/{crisis_id}/plans"))["items"]) == 1


async def test_a_new_amendment_supersedes_the_last_and_unsigned_ones_are_not_activated(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, first, _, _ = await two_of_three(crises, world)
    await answer(crises, crisis_id, first, "counter", COUNTER)
    older = await crises.amended(crisis_id)
    await crises.sign(crisis_id, older, by=crises.coordinator)
    newer = await crises.amended(crisis_id)
    await crises.sign(crisis_id, older, by=crises.authority, expect=409)
    await crises.sign(crisis_id, newer, by=crises.authority)
    await crises.post(f"/{crisis_id}/activate", expect=409)
    await crises.sign(crisis_id, newer, by=crises.coordinator)
    await crises.post(f"/{crisis_id}/activate")
    await crises.post(f"/{crisis_id}/activate", expect=409)
    with pytest.raises(IntegrityError, match="uq_crisis_plans_amends_id_activated"):
        async with owner.begin() as connection:
            await connection.exec_driver_sql("UPDATE crisis_plans SET status = 'activated'")


DRILL = {"mode": "drill", "powers": [power("exercise")]}


async def test_a_drill_is_planned_anew_without_effect_outside_its_own_records(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    made = await makers(world, 3)
    before = await contents(owner)
    crisis_id, _ = await crises.activated(**DRILL, targets=TWO_LINES)
    first, second = (made.pop(cdmo) for cdmo in await crises.orders(crisis_id))
    [spare] = made.values()
    accepted = await answer(crises, crisis_id, first, "accept")
    await answer(crises, crisis_id, second, "counter", COUNTER)
    amendment = await crises.amended_by_greed(crisis_id)
    assert [one["order_id"] for one in amendment["body"]["orders"]["kept"]] == [accepted["id"]]
    assert [one["unit_id"] for one in amendment["body"]["campaigns"]] == [str(spare.unit.id)]
    await crises.put_into_force(crisis_id, amendment)
    assert (await answer(crises, crisis_id, spare, "accept"))["booking_id"] is None
    assert await contents(owner) == before


async def test_a_drill_s_amendment_stands_though_its_calendar_is_in_use(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, first, _, spare = await two_of_three(crises, world, **DRILL)
    await answer(crises, crisis_id, first, "counter", COUNTER)
    amendment = await crises.amended(crisis_id)
    assert [one["kind"] for one in amendment["body"]["legal_grounds"]] == ["exercise"]
    await crises.signed_by_both(crisis_id, amendment)
    async with owner.begin() as connection:
        await connection.execute(
            text("UPDATE slots SET price_cents = 7 WHERE unit_id = :unit_id"), {"unit_id": spare.unit.id}
        )
    await crises.post(f"/{crisis_id}/activate")
    assert len((await crises.get(f"/{crisis_id}/orders"))["items"]) == 3


async def test_a_drill_is_scored_on_all_that_is_in_force_and_planned_anew_as_modestly_as_before(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, first, second, spare = await two_of_three(crises, world, **DRILL)
    await answer(crises, crisis_id, second, "accept")
    before = await crises.get(f"/{crisis_id}/score")
    await answer(crises, crisis_id, first, "counter", COUNTER)
    await crises.put_into_force(crisis_id, await crises.amended(crisis_id))
    solved = "SELECT DISTINCT parameters ->> 'workers', parameters ->> 'niceness' FROM runs"
    assert await rows(owner, solved) == [("1", "19")]
    await answer(crises, crisis_id, spare, "accept")
    after = await crises.get(f"/{crisis_id}/score")
    assert after["targets"][-1]["accepted"] == 2 * before["targets"][-1]["accepted"] > 0
    assert (after["planned_cost_cents"], after["targets_met"]) == (before["planned_cost_cents"], 1)


async def test_in_a_drill_who_has_given_way_is_gone_and_the_place_taken_for_it_is_not_free(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """One lot has moved from [20, 63) to [143, 186), the order starts by day 10: [53, 100) is free, and holds a batch.

    It would not be without the move, which in a drill no booking shows; nothing but [186, 200) is left behind it.
    """
    place = await contested(world)
    before = await contents(owner)
    crisis_id, _ = await crises.activated(**DRILL, targets=CONTESTED_TARGET)
    await answer(crises, crisis_id, place.made, "accept")
    body = (await crises.amended_by_greed(crisis_id, targets=[{"by": iso(240), "quantity": 40_000}]))["body"]
    [campaign] = body["campaigns"]
    assert body["displacements"] == []
    assert body["orders"]["kept"][0]["end"] <= campaign["start"]
    assert campaign["end"] <= iso(100)
    assert await contents(owner) == before
