"""What makes an amendment out of date, or takes its place, and what does not."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import today
from tests.app.crisis.active_crises import COUNTER, answer, produce, two_of_three
from tests.app.crisis.conftest import Crises, scalar
from tests.support.world import World

pytestmark = pytest.mark.database


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
