"""CDMOs that drop out of an active crisis, and come back: planned without them, and counted on again."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.crisis.active_crises import COUNTER, answer, two_of_three
from tests.app.crisis.conftest import Crises, scalar
from tests.support.world import World

pytestmark = pytest.mark.database


async def test_a_cdmo_that_drops_out_is_released_and_offers_nothing_any_more(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, first, second, spare = await two_of_three(crises, world)
    kept = await answer(crises, crisis_id, second, "accept")
    gone = await answer(crises, crisis_id, first, "accept")
    amendment = await crises.amended(
        crisis_id, unavailable_organisation_ids=[str(first.cdmo.id)], reason_code="cdmo_dropped_out"
    )
    body = amendment["body"]
    assert [one["order_id"] for one in body["orders"]["released"]] == [gone["id"]]
    assert [one["order_id"] for one in body["orders"]["kept"]] == [kept["id"]]
    assert [one["organisation_id"] for one in body["campaigns"]] == [str(spare.cdmo.id)]
    assert (body["changed_orders"], body["targets_met"], body["cost_added"]["orders_cents"]) == (2, True, 0)
    await crises.put_into_force(crisis_id, amendment)
    assert (await crises.orders(crisis_id))[str(first.cdmo.id)]["status"] == "released"
    assert await scalar(owner, "SELECT sum(amount_cents) FROM charges") == 300_000_000
    await answer(crises, crisis_id, spare, "counter", COUNTER)
    later = (await crises.amended(crisis_id))["body"]
    assert {one["organisation_id"] for one in later["campaigns"]} == {str(spare.cdmo.id)}, "the first stays out"


async def test_a_cdmo_that_withdraws_is_made_good_elsewhere(crises: Crises, world: World) -> None:
    crisis_id, first, second, spare = await two_of_three(crises, world)
    kept = await answer(crises, crisis_id, second, "accept")
    gone = await answer(crises, crisis_id, first, "accept")
    await answer(crises, crisis_id, first, "withdraw", {"reason_code": "staff"})
    body = (await crises.amended(crisis_id, reason_code="cdmo_dropped_out"))["body"]
    assert [one["order_id"] for one in body["orders"]["kept"]] == [kept["id"]]
    assert [(one["order_id"], one["status"]) for one in body["orders"]["lost"]] == [(gone["id"], "withdrawn")]
    assert [one["organisation_id"] for one in body["campaigns"]] == [str(spare.cdmo.id)]
    assert (body["targets_met"], body["unavailable_unit_ids"]) == (True, [str(first.unit.id)])


async def test_a_cdmo_that_is_back_is_counted_on_again(crises: Crises, world: World) -> None:
    """Whether it was said to be out of service, or had withdrawn; nothing but the word that it is back is needed."""
    crisis_id, first, second, spare = await two_of_three(crises, world)
    await answer(crises, crisis_id, second, "accept")
    await answer(crises, crisis_id, first, "accept")
    await answer(crises, crisis_id, first, "withdraw", {"reason_code": "equipment"})
    gone = await crises.amended(crisis_id, unavailable_unit_ids=[str(spare.unit.id)])
    assert set(gone["body"]["unavailable_unit_ids"]) == {str(first.unit.id), str(spare.unit.id)}
    assert gone["body"]["campaigns"] == []
    await crises.put_into_force(crisis_id, gone)
    back = await crises.amended(crisis_id, available_unit_ids=[str(first.unit.id)])
    body = back["body"]
    assert (body["unavailable_unit_ids"], body["available_unit_ids"]) == ([str(spare.unit.id)], [str(first.unit.id)])
    assert [one["organisation_id"] for one in body["campaigns"]] == [str(first.cdmo.id)]
    await crises.put_into_force(crisis_id, back)
    later = await crises.amended(crisis_id, available_organisation_ids=[str(spare.cdmo.id)])
    assert (later["body"]["unavailable_unit_ids"], later["body"]["changed_orders"]) == ([], 0)
    await crises.put_into_force(crisis_id, later)
    await answer(crises, crisis_id, first, "accept")
    await answer(crises, crisis_id, first, "withdraw", {"reason_code": "equipment"})
    again = (await crises.amended(crisis_id))["body"]
    assert again["unavailable_unit_ids"] == [str(first.unit.id)], "withdrawn once more, it is out once more"
    assert [one["organisation_id"] for one in again["campaigns"]] == [str(spare.cdmo.id)]


async def test_only_what_is_out_of_service_comes_back(crises: Crises, world: World) -> None:
    crisis_id, first, _, _ = await two_of_three(crises, world)
    unit, cdmo = str(first.unit.id), str(first.cdmo.id)
    nowhere = "00000000-0000-0000-0000-000000000001"
    for body, pointer in (
        ({"available_unit_ids": [unit]}, "/available_unit_ids/0"),
        ({"available_unit_ids": [nowhere]}, "/available_unit_ids/0"),
        ({"available_organisation_ids": [cdmo]}, "/available_organisation_ids/0"),
        ({"available_organisation_ids": [nowhere]}, "/available_organisation_ids/0"),
        ({"available_unit_ids": [unit], "unavailable_organisation_ids": [cdmo]}, "/available_unit_ids/0"),
    ):
        refused = await crises.post(f"/{crisis_id}/replan", body, expect=422)
        assert [fault["pointer"] for fault in refused["errors"]] == [pointer], refused
