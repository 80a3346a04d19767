"""A drill is planned anew as a crisis is, and without effect outside its own records."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.crisis.active_crises import COUNTER, TWO_LINES, answer, makers, rows, two_of_three
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, iso, power
from tests.app.crisis.test_drill import contents
from tests.support.world import World

pytestmark = pytest.mark.database

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
