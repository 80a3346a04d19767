"""An active crisis is planned anew with least change, and its amendment is signed and activated as the plan was.

A line of 2,000 L makes 20,000 doses a batch; three batches that start on day 2 are released on days 52, 69 and 86, and
take [2, 79). A line that is free to start on day 30 releases one batch by day 86, on day 80.
"""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.crisis.active_crises import COUNTER, answer, makers, rows, two_of_three
from tests.app.crisis.conftest import Crises, iso, scalar
from tests.support.world import World

pytestmark = pytest.mark.database


async def test_a_counter_is_made_good_elsewhere_and_what_is_accepted_stays(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, first, second, spare = await two_of_three(crises, world)
    accepted = await answer(crises, crisis_id, second, "accept")
    countered = await answer(crises, crisis_id, first, "counter", COUNTER)
    amendment = await crises.amended(crisis_id, reason_code="order_countered")
    body = amendment["body"]
    assert [one["order_id"] for one in body["orders"]["kept"]] == [accepted["id"]]
    assert [one["order_id"] for one in body["orders"]["lost"]] == [countered["id"]]
    assert (body["orders"]["new"], body["orders"]["changed"], body["orders"]["released"]) == ([1], [], [])
    assert body["changed_orders"] == 1
    [campaign] = body["campaigns"]
    assert (campaign["organisation_id"], campaign["batches"]) == (str(spare.cdmo.id), 3)
    assert body["targets"][0]["reached"] == 120_000
    assert body["doses"][-1]["cumulative"] == 120_000
    assert body["totals"] == {"low": 60_000, "expected": 120_000, "high": 240_000}
    assert body["cost_added"] == {"orders_cents": 300_000_000, "compensation_cents": 0, "total_cents": 300_000_000}
    assert (await crises.get(f"/{crisis_id}"))["status"] == "active"
    frozen = "SELECT s.unit_id::text FROM slot_freezes f JOIN slots s ON s.id = f.slot_id"
    assert await rows(owner, frozen) == [(str(spare.unit.id),)]

    await crises.signed_by_both(crisis_id, amendment)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "active"
    assert (await crises.post(f"/{crisis_id}/activate"))["status"] == "active"
    orders = await crises.orders(crisis_id)
    assert orders[str(second.cdmo.id)] == accepted
    new = orders[str(spare.cdmo.id)]
    assert (new["status"], new["output"]) == ("issued", 60_000)
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
    plans = (await crises.get(f"/{crisis_id}/plans"))["items"]
    assert [(one["status"], one["amends_id"]) for one in plans] == [
        ("activated", None),
        ("activated", plans[0]["id"]),
    ]
    assert (await answer(crises, crisis_id, spare, "accept"))["status"] == "accepted"
    live = "SELECT status FROM bookings WHERE source = 'crisis' AND status IN ('awaiting_cdmo', 'confirmed')"
    assert await rows(owner, live) == [("confirmed",), ("confirmed",)]
    assert await scalar(owner, "SELECT sum(amount_cents) FROM charges") == 600_000_000
    again = await crises.post(f"/{crisis_id}/replan", expect=409)
    assert again["type"].endswith("nothing-to-replan")


async def test_a_line_that_countered_runs_from_the_day_that_its_cdmo_named(crises: Crises, world: World) -> None:
    [only] = (await makers(world, 1)).values()
    crisis_id, _ = await crises.activated()
    countered = await answer(crises, crisis_id, only, "counter", COUNTER)
    body = (await crises.amended(crisis_id))["body"]
    [campaign] = body["campaigns"]
    assert campaign["start"] >= iso(30)
    assert (campaign["batches"], body["targets"][0]["reached"], body["targets_met"]) == (1, 20_000, False)
    [changed] = body["orders"]["changed"]
    assert (changed["order_id"], changed["campaign"], body["changed_orders"]) == (countered["id"], 1, 1)


async def test_where_orders_suffice_the_answer_says_so(crises: Crises, world: World) -> None:
    await makers(world, 2)
    crisis_id, _ = await crises.activated()
    told = await crises.post(f"/{crisis_id}/replan", expect=409)
    assert told["type"].endswith("nothing-to-replan")
    assert (told["orders_kept"], told["doses_ordered"]) == (1, 60_000)


async def test_only_an_active_crisis_is_planned_anew(crises: Crises, world: World) -> None:
    await makers(world, 1)
    crisis_id = await crises.declared()
    told = await crises.post(f"/{crisis_id}/replan", expect=409)
    assert told["type"].endswith("wrong-status")
    await crises.post(f"/{crisis_id}/replan", by=crises.authority, expect=403)


async def test_what_cannot_be_planned_for_names_its_field(crises: Crises, world: World) -> None:
    await makers(world, 1)
    crisis_id, _ = await crises.activated()
    nowhere = "00000000-0000-0000-0000-000000000001"
    for body, pointer in (
        ({"targets": [{"by": iso(0), "quantity": 1}]}, "/targets/0/by"),
        ({"targets": [{"by": iso(9), "quantity": 2}, {"by": iso(10), "quantity": 1}]}, "/targets/1/quantity"),
        ({"as_of_on": iso(-1)}, "/as_of_on"),
        ({"as_of_on": iso(300)}, "/as_of_on"),
        ({"unavailable_unit_ids": [nowhere]}, "/unavailable_unit_ids/0"),
        ({"unavailable_organisation_ids": [nowhere]}, "/unavailable_organisation_ids/0"),
        ({"reason_code": "mood"}, "/reason_code"),
    ):
        refused = await crises.post(f"/{crisis_id}/replan", body, expect=422)
        assert pointer in {fault["pointer"] for fault in refused["errors"]}, refused


async def test_an_amendment_that_nobody_wants_any_more_lets_its_slots_go(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """A unit that was said to be gone is not: to plan anew without a word changes nothing, and supersedes it."""
    first, _ = (await makers(world, 2)).values()
    crisis_id, _ = await crises.activated()
    await crises.amended(crisis_id, unavailable_unit_ids=[str(first.unit.id)])
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 1
    anew = await crises.amended(crisis_id)
    assert (anew["body"]["campaigns"], anew["body"]["changed_orders"]) == ([], 0)
    plans = (await crises.get(f"/{crisis_id}/plans"))["items"]
    assert [one["status"] for one in plans] == ["activated", "superseded", "proposed"]
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
    await crises.put_into_force(crisis_id, anew)
    assert (await crises.post(f"/{crisis_id}/replan", expect=409))["type"].endswith("nothing-to-replan")


async def test_new_targets_are_the_crisis_s_own_once_the_amendment_is_activated(crises: Crises, world: World) -> None:
    await makers(world, 2)
    crisis_id, _ = await crises.activated()
    before = (await crises.get(f"/{crisis_id}"))["targets"]
    targets = [{"by": iso(60), "quantity": 20_000}, {"by": iso(86), "quantity": 100_000}]
    amendment = await crises.amended(crisis_id, targets=targets, reason_code="targets_changed")
    body = amendment["body"]
    assert [(one["quantity"], one["reached"]) for one in body["targets"]] == [(20_000, 40_000), (100_000, 100_000)]
    assert [one["batches"] for one in body["campaigns"]] == [2]
    assert body["declared_targets"] == targets
    assert (await crises.get(f"/{crisis_id}"))["targets"] == before
    await crises.put_into_force(crisis_id, amendment)
    assert (await crises.get(f"/{crisis_id}"))["targets"] == targets


async def test_lower_targets_change_no_order(crises: Crises, world: World) -> None:
    await makers(world, 1)
    crisis_id, _ = await crises.activated()
    order = await crises.order_of(crisis_id)
    amendment = await crises.amended(crisis_id, targets=[{"by": iso(86), "quantity": 1}])
    assert (amendment["body"]["changed_orders"], amendment["body"]["campaigns"]) == (0, [])
    await crises.put_into_force(crisis_id, amendment)
    assert await crises.order_of(crisis_id) == order
    assert (await crises.get(f"/{crisis_id}"))["targets"] == [{"by": iso(86), "quantity": 1}]


async def test_an_unanswered_order_is_given_up_only_where_the_targets_cannot_be_met_with_it(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """One line: a batch is ordered at [s, s + 43); three by day 86 must start on day 2, and take its place."""
    await makers(world, 1)
    crisis_id, _ = await crises.activated(targets=[{"by": iso(86), "quantity": 20_000}])
    order = await crises.order_of(crisis_id)
    amendment = await crises.amended(crisis_id, targets=[{"by": iso(86), "quantity": 60_000}])
    body = amendment["body"]
    [changed] = body["orders"]["changed"]
    assert (changed["order_id"], body["orders"]["kept"], body["changed_orders"]) == (order["id"], [], 1)
    assert [(one["start"], one["batches"]) for one in body["campaigns"]] == [(iso(2), 3)]
    assert body["cost_added"]["orders_cents"] == 200_000_000
    await crises.put_into_force(crisis_id, amendment)
    assert await rows(owner, "SELECT status, batches FROM crisis_orders ORDER BY id") == [
        ("released", 1),
        ("issued", 3),
    ]
    bookings = "SELECT status, batches FROM bookings WHERE source = 'crisis' ORDER BY id"
    assert await rows(owner, bookings) == [("cancelled", 1), ("awaiting_cdmo", 3)]
    told = "SELECT order_id::text, kind FROM crisis_notices ORDER BY id"
    assert [kind for about, kind in await rows(owner, told) if about == order["id"]] == [
        "order_issued",
        "order_released",
    ]


async def test_an_accepted_order_stays_even_where_the_targets_cannot_be_met_with_it(
    crises: Crises, world: World
) -> None:
    [only] = (await makers(world, 1)).values()
    crisis_id, _ = await crises.activated(targets=[{"by": iso(86), "quantity": 20_000}])
    accepted = await answer(crises, crisis_id, only, "accept")
    body = (await crises.amended(crisis_id, targets=[{"by": iso(86), "quantity": 60_000}]))["body"]
    assert [one["order_id"] for one in body["orders"]["kept"]] == [accepted["id"]]
    assert body["orders"]["changed"] == body["orders"]["released"] == []
    assert not body["targets_met"]
