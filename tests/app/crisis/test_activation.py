"""Activation writes everything or nothing, and nobody gives way before the CDMO has accepted."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings.fees import terms_of
from app.core.vocabulary import Reserve
from app.matching.outcome import Price
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, booked, contested, iso, maker, scalar
from tests.support.locks import locked_in_order
from tests.support.world import World

pytestmark = pytest.mark.database


async def rows(owner: AsyncEngine, query: str) -> list[Any]:
    async with owner.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


BOOKINGS = "SELECT source, status, lower(period)::text FROM bookings ORDER BY source, lower(period), status"


async def test_a_free_place_is_booked_and_awaits_its_cdmo(crises: Crises, world: World, owner: AsyncEngine) -> None:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    crisis_id, plan = await crises.activated()
    order = await crises.order_of(crisis_id)
    assert (order["status"], order["organisation_id"]) == ("issued", str(made.cdmo.id))
    assert (order["output"], order["batches"], order["price_cents"]) == (60_000, 3, 300_000_000)
    assert order["start"] == plan["body"]["campaigns"][0]["start"]
    assert await rows(owner, BOOKINGS) == [("crisis", "awaiting_cdmo", iso(2))]
    authority = "SELECT o.kind FROM bookings b JOIN organisations o ON o.id = b.organisation_id"
    assert await scalar(owner, authority) == "authority"
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
    assert await scalar(owner, "SELECT count(*) FROM charges") == 0
    accepted = await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=made.headers)
    assert (accepted["status"], accepted["booking_id"]) == ("accepted", order["booking_id"])
    assert await rows(owner, BOOKINGS) == [("crisis", "confirmed", iso(2))]
    assert await rows(owner, "SELECT kind, amount_cents FROM charges") == [("crisis_order", 300_000_000)]


async def test_a_displacement_takes_effect_on_acceptance_and_not_before(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id, plan = await crises.activated(targets=CONTESTED_TARGET)
    start = plan["body"]["campaigns"][0]["start"]
    standing = [("direct", "confirmed", iso(20)), ("direct", "confirmed", iso(100))]
    assert await rows(owner, BOOKINGS) == [*standing, ("replacement", "held", iso(143))]
    assert await rows(owner, "SELECT status, kind FROM displacements") == [("pending", "moved")]
    order = await crises.order_of(crisis_id)
    assert order["booking_id"] is None
    assert order["displacements"] == [{"booking_id": str(place.first.booking.id), "kind": "moved", "status": "pending"}]

    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    given_way = [
        ("crisis", "confirmed", start),
        ("direct", "displaced", iso(20)),
        ("direct", "confirmed", iso(100)),
    ]
    assert await rows(owner, BOOKINGS) == [*given_way, ("replacement", "held", iso(143))]
    [effective] = (await crises.get(f"/{crisis_id}/displacements"))["items"]
    assert effective["status"] == "effective"
    await crises.post(f"/{crisis_id}/displacements/{effective['id']}/accept", by=place.first.headers)
    assert await rows(owner, BOOKINGS) == [*given_way, ("replacement", "confirmed", iso(143))]
    replaced = await scalar(owner, "SELECT replaced_by_id::text FROM bookings WHERE status = 'displaced'")
    assert replaced == effective["replacement_id"]
    charges = "SELECT kind, amount_cents FROM charges ORDER BY kind, amount_cents"
    assert await rows(owner, charges) == [
        ("crisis_order", 100_000_000),
        ("displacement_compensation", -10_000_000),
        ("displacement_compensation", 10_000_000),
    ]
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers, expect=409)


async def test_an_acceptance_tells_what_the_order_was_before_its_place_was_booked(crises: Crises, world: World) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    order = await crises.order_of(crisis_id)
    accepted = await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    told = await crises.client.get(f"/v1/audit?object_id={order['id']}", headers=crises.coordinator)
    [one] = [one for one in told.json()["items"] if one["action"] == "crisis_order.accepted"]
    assert (one["before"]["booking_id"], one["after"]["booking_id"]) == (None, accepted["booking_id"])


async def test_a_cdmo_owes_nothing_for_what_a_crisis_displaces_nor_for_what_replaces_it(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    price = Price(batches_cents=100_000_000)
    terms = terms_of(price, "monoclonal_antibody", instant=True, cdmo_cancellation_percent=100)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE bookings SET terms = :terms"), {"terms": terms.model_dump_json()})
        await connection.execute(text("UPDATE production_lines SET cdmo_cancellation_percent = 100"))
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    [given_way] = (await crises.get(f"/{crisis_id}/displacements"))["items"]
    await crises.post(f"/{crisis_id}/displacements/{given_way['id']}/accept", by=place.first.headers)
    replacement = await scalar(owner, "SELECT id::text FROM bookings WHERE source = 'replacement'")
    path, body = f"/v1/bookings/{replacement}/cancel", {"reason_code": "planning"}
    cancelled = await crises.client.post(path, json=body, headers=place.made.headers)
    assert cancelled.json()["status"] == "cancelled"
    kinds = "SELECT DISTINCT kind FROM charges ORDER BY kind"
    assert await rows(owner, kinds) == [("crisis_order",), ("displacement_compensation",)]


async def test_each_sees_only_what_concerns_it(crises: Crises, world: World) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    notice = await crises.get(f"/{crisis_id}", by=place.made.headers)
    assert set(notice) == {"id", "title", "mode", "start", "end", "countermeasure"}
    await crises.get(f"/{crisis_id}/plans", by=place.made.headers, expect=404)
    [own] = (await crises.get(f"/{crisis_id}/displacements", by=place.first.headers))["items"]
    assert own["booking_id"] == str(place.first.booking.id)
    await crises.get(f"/{crisis_id}/displacements", by=place.second.headers, expect=404)
    assert await crises.get(f"/{crisis_id}", by=place.first.headers) == notice
    await crises.get(f"/{crisis_id}", by=place.second.headers, expect=404)
    _, stranger = await world.cdmo()
    order = await crises.order_of(crisis_id)
    for verb, body in (("accept", None), ("counter", {"earliest": iso(30), "reason_code": "staff"})):
        await crises.post(f"/{crisis_id}/orders/{order['id']}/{verb}", body, by=stranger, expect=404)
        await crises.post(f"/{crisis_id}/orders/{order['id']}/{verb}", body, by=crises.coordinator, expect=403)


async def test_a_countered_order_displaces_nobody_and_frees_its_place(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    order = await crises.order_of(crisis_id)
    path = f"/{crisis_id}/orders/{order['id']}/counter"
    await crises.post(path, {"earliest": iso(1), "reason_code": "staff"}, by=place.made.headers, expect=422)
    await crises.post(path, {"earliest": iso(30), "reason_code": "mood"}, by=place.made.headers, expect=422)
    countered = await crises.post(path, {"earliest": iso(30), "reason_code": "staff"}, by=place.made.headers)
    assert (countered["status"], countered["counter_earliest_on"]) == ("countered", iso(30))
    assert countered["counter_reason_code"] == "staff"
    assert await rows(owner, BOOKINGS) == [
        ("direct", "confirmed", iso(20)),
        ("direct", "confirmed", iso(100)),
        ("replacement", "released", iso(143)),
    ]
    assert await rows(owner, "SELECT status FROM displacements") == [("dropped",)]
    assert await scalar(owner, "SELECT count(*) FROM charges") == 0


async def test_a_changed_calendar_sends_it_back_to_planning(crises: Crises, world: World, owner: AsyncEngine) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.signed(targets=CONTESTED_TARGET)
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE bookings SET contract_status = 'signed'")
    answer = await crises.post(f"/{crisis_id}/activate", expect=409)
    assert answer["type"].endswith("plan-outdated")
    assert answer["unit_ids"] == [str(place.made.unit.id)]
    assert (await crises.get(f"/{crisis_id}"))["status"] == "declared"
    assert [plan["status"] for plan in (await crises.get(f"/{crisis_id}/plans"))["items"]] == ["superseded"]
    assert (await crises.get(f"/{crisis_id}/orders"))["items"] == []
    assert await scalar(owner, "SELECT count(*) FROM bookings") == 2
    plan = await crises.plan_by_greed(crisis_id)
    await crises.sign(crisis_id, plan, by=crises.coordinator)
    await crises.sign(crisis_id, plan, by=crises.authority)
    assert (await crises.post(f"/{crisis_id}/activate"))["status"] == "active"


async def test_a_failure_half_way_leaves_nothing(crises: Crises, world: World, owner: AsyncEngine) -> None:
    """The displacements are written last: when they are refused, no order and no booking stays."""
    await contested(world)
    crisis_id, _ = await crises.signed(targets=CONTESTED_TARGET)
    refuse = "ALTER TABLE displacements ADD CONSTRAINT ck_never CHECK (compensation_cents < 0) NOT VALID"
    async with owner.begin() as connection:
        await connection.exec_driver_sql(refuse)
    try:
        await crises.post(f"/{crisis_id}/activate", expect=500)
    finally:
        async with owner.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE displacements DROP CONSTRAINT ck_never")
    assert await scalar(owner, "SELECT count(*) FROM crisis_orders") == 0
    assert await scalar(owner, "SELECT count(*) FROM bookings") == 2
    assert (await crises.get(f"/{crisis_id}"))["status"] == "signed"
    assert (await crises.post(f"/{crisis_id}/activate"))["status"] == "active"


async def test_nobody_books_a_slot_between_plan_and_answer(crises: Crises, world: World, owner: AsyncEngine) -> None:
    place = await contested(world)
    crisis_id = await crises.declared(targets=CONTESTED_TARGET)
    plan = await crises.plan_by_greed(crisis_id)
    startup, headers = await world.startup()
    request = await world.request(await world.product(startup))
    hold = {"slot_id": str(place.slot.id), "request_id": str(request.id), "start": iso(150)}
    frozen = await crises.client.post("/v1/bookings", json=hold, headers=headers)
    assert (frozen.status_code, frozen.json()["type"].rsplit(":", 1)[-1]) == (409, "slot-frozen")
    await crises.sign(crisis_id, plan, by=crises.coordinator)
    await crises.sign(crisis_id, plan, by=crises.authority)
    await crises.post(f"/{crisis_id}/activate")
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE bookings SET status = 'cancelled' WHERE source = 'direct'")
    ordered = await crises.client.post("/v1/bookings", json={**hold, "start": iso(5)}, headers=headers)
    assert (ordered.status_code, ordered.json()["type"].rsplit(":", 1)[-1]) == (409, "under-order")


async def test_a_booking_that_has_gone_by_itself_is_not_displaced(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    path = f"/v1/bookings/{place.first.booking.id}/cancel"
    cancelled = await crises.client.post(path, json={"reason_code": "funding"}, headers=place.first.headers)
    assert cancelled.status_code == 200, cancelled.text
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    assert await rows(owner, "SELECT status FROM displacements") == [("dropped",)]
    assert ("replacement", "released", iso(143)) in await rows(owner, BOOKINGS)
    compensated = "SELECT count(*) FROM charges WHERE kind = 'displacement_compensation'"
    assert await scalar(owner, compensated) == 0


async def test_standing_down_releases_what_has_not_started(crises: Crises, world: World, owner: AsyncEngine) -> None:
    place, other = await contested(world), await maker(world)
    await world.slot(other.unit, 0, 60, reserve=Reserve.CRISIS)
    crisis_id, _ = await crises.activated(targets=[{"by": iso(60), "quantity": 40_000}])
    orders = {one["organisation_id"]: one for one in (await crises.get(f"/{crisis_id}/orders"))["items"]}
    accepted = orders[str(other.cdmo.id)]
    await crises.post(f"/{crisis_id}/orders/{accepted['id']}/accept", by=other.headers)
    done = await crises.post(f"/{crisis_id}/stand-down", {"reason_code": "targets_met"})
    assert (done["status"], done["ended_reason_code"]) == ("stood_down", "targets_met")
    assert await rows(owner, "SELECT DISTINCT status FROM crisis_orders") == [("released",)]
    assert await rows(owner, "SELECT status FROM displacements") == [("dropped",)]
    live = "SELECT source FROM bookings WHERE status IN ('held', 'awaiting_cdmo', 'confirmed') ORDER BY lower(period)"
    assert await rows(owner, live) == [("direct",), ("direct",)]
    assert await scalar(owner, "SELECT sum(amount_cents) FROM charges") == 0
    order = orders[str(place.made.cdmo.id)]
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers, expect=409)
    await crises.post(f"/{crisis_id}/stand-down", expect=409)


async def test_a_plan_not_activated_lets_go_of_its_slots(crises: Crises, world: World, owner: AsyncEngine) -> None:
    await contested(world)
    crisis_id, _ = await crises.signed(targets=CONTESTED_TARGET)
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 1
    await crises.post(f"/{crisis_id}/stand-down")
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0


async def test_two_orders_that_need_one_booking_displace_it_once(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """A lot holds [20, 200) of [0, 220); four batches by day 103 take 91 days and 3, or two campaigns, all over it."""
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 220, reserve=Reserve.OPEN)
    await booked(world, slot, 20, 200)
    targets = [{"by": iso(56), "quantity": 20_000}, {"by": iso(150), "quantity": 80_000}]
    crisis_id, plan = await crises.activated(targets=targets)
    numbers = [one["campaigns"] for one in plan["body"]["displacements"]]
    orders = (await crises.get(f"/{crisis_id}/orders"))["items"]
    assert numbers == [[one["number"] for one in plan["body"]["campaigns"]]]
    for order in orders:
        await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=made.headers)
    assert await rows(owner, "SELECT status FROM displacements") == [("effective",)]
    confirmed = "SELECT count(*) FROM bookings WHERE source = 'crisis' AND status = 'confirmed'"
    assert await scalar(owner, confirmed) == len(orders)


async def test_those_who_give_way_to_an_order_have_their_requests_locked_in_one_order(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """Four batches by day 103 take 91 days and 3: over both lots of [0, 120); the later was asked first."""
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 120, reserve=Reserve.OPEN)
    behind, ahead = await booked(world, slot, 63, 106), await booked(world, slot, 20, 63)
    crisis_id, _ = await crises.activated(targets=[{"by": iso(150), "quantity": 80_000}])
    order = await crises.order_of(crisis_id)
    first, second = (UUID(str(one.booking.request_id)) for one in (behind, ahead))
    accepting = crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=made.headers)
    await locked_in_order(world.sessions, first, second, accepting)
    assert await rows(owner, "SELECT status FROM displacements") == [("effective",), ("effective",)]
