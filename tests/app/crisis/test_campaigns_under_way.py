"""Campaigns of orders that fail, end or slip: seen when their crisis is planned anew, and made good."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import today
from app.core.database import transaction
from app.crisis.campaign_ends import end_orders
from tests.app.crisis.active_crises import answer, makers, produce, two_of_three
from tests.app.crisis.conftest import Crises, iso, scalar
from tests.support.world import World

pytestmark = pytest.mark.database


async def test_a_failed_campaign_delivers_nothing_and_is_made_good(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, first, second, spare = await two_of_three(crises, world)
    await answer(crises, crisis_id, second, "accept")
    order = await answer(crises, crisis_id, first, "accept")
    await produce(crises, first, order["booking_id"], "start", actual_start_on=str(today()))
    failure = {"failed_on": str(today()), "reason_code": "contamination", "cause": "cdmo"}
    await produce(crises, first, order["booking_id"], "fail", **failure)
    body = (await crises.amended(crisis_id, reason_code="batch_failed"))["body"]
    ended = [*body["orders"]["lost"], *body["orders"]["changed"]]
    assert [(one["order_id"], one["status"], one["deliveries"]) for one in ended] == [(order["id"], "failed", [])]
    [campaign] = body["campaigns"]
    assert campaign["organisation_id"] in {str(first.cdmo.id), str(spare.cdmo.id)}
    assert (campaign["batches"], body["targets_met"]) == (3, True)
    async with transaction(world.sessions) as session:
        assert await end_orders(session) == 1
    assert (await crises.orders(crisis_id))[str(first.cdmo.id)]["status"] == "failed"
    trail = "SELECT actor FROM audit_records WHERE action = 'crisis_order.failed'"
    assert await scalar(owner, trail) is not None


async def test_a_completed_campaign_completes_its_order(crises: Crises, world: World) -> None:
    [only] = (await makers(world, 1)).values()
    crisis_id, _ = await crises.activated()
    order = await answer(crises, crisis_id, only, "accept")
    await produce(crises, only, order["booking_id"], "start", actual_start_on=str(today()))
    await produce(crises, only, order["booking_id"], "complete", actual_end_on=str(today()), batches_released=2)
    for ended in (1, 0):
        async with transaction(world.sessions) as session:
            assert await end_orders(session) == ended
    assert (await crises.order_of(crisis_id))["status"] == "completed"
    body = (await crises.amended(crisis_id))["body"]
    assert sum(one["doses"] for one in body["orders"]["kept"][0]["deliveries"]) == 40_000
    assert (body["targets"][0]["reached"], len(body["campaigns"])) == (60_000, 1)


async def test_a_slip_is_seen_and_made_good(crises: Crises, world: World) -> None:
    """Ten days late, the third batch comes on day 96: one batch is missing."""
    made = await makers(world, 2)
    crisis_id, _ = await crises.activated()
    order = await crises.order_of(crisis_id)
    late = made[order["organisation_id"]]
    await answer(crises, crisis_id, late, "accept")
    await produce(crises, late, order["booking_id"], "slip", expected_end_on=iso(89), reason_code="equipment_failure")
    body = (await crises.amended(crisis_id, reason_code="production_slipped"))["body"]
    assert [one["on"] for one in body["orders"]["kept"][0]["deliveries"]] == [iso(62), iso(79), iso(96)]
    assert [one["batches"] for one in body["campaigns"]] == [1]
    assert body["targets"][0]["reached"] == 60_000
