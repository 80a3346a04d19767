"""What is due of an order whose campaign has failed: as of a booking, it follows from the cause."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import today
from app.core.database import transaction
from app.crisis.campaign_ends import end_orders
from tests.app.crisis.active_crises import answer, makers, produce, rows
from tests.app.crisis.conftest import Crises, Maker, contested, iso, scalar
from tests.support.world import World

pytestmark = pytest.mark.database

CHARGED = "SELECT amount_cents, detail ->> 'code', detail ->> 'cause' FROM charges ORDER BY id"
ORDERS = "SELECT status FROM crisis_orders ORDER BY id"
LOTS = (
    "SELECT booking_id::text, displacements.status, bookings.status FROM displacements"
    " JOIN bookings ON bookings.id = booking_id ORDER BY displacements.id"
)
ORDERED = (300_000_000, "accepted", None)


async def running(crises: Crises, world: World, **given: Any) -> tuple[str, Maker, Any]:
    """Have the campaign of the one order of a crisis run; return the crisis, whose line it is on, and the order."""
    [only] = (await makers(world, 1)).values()
    crisis_id, _ = await crises.activated(**given)
    order = await answer(crises, crisis_id, only, "accept")
    await produce(crises, only, order["booking_id"], "start", actual_start_on=str(today()))
    return crisis_id, only, order


async def fail(crises: Crises, by: Maker, order: Any, cause: str) -> None:
    told = {"failed_on": str(today()), "reason_code": "contamination", "cause": cause}
    await produce(crises, by, order["booking_id"], "fail", **told)


async def failed(crises: Crises, world: World, cause: str, **given: Any) -> str:
    """Have the campaign of the one order of a crisis fail."""
    crisis_id, only, order = await running(crises, world, **given)
    await fail(crises, only, order, cause)
    return crisis_id


async def swept(world: World) -> None:
    for ended in (1, 0):
        async with transaction(world.sessions) as session:
            assert await end_orders(session) == ended


@pytest.mark.parametrize(
    ("cause", "rules", "credited"),
    [
        ("cdmo", {}, [(-300_000_000, "failed", "cdmo")]),
        ("product", {}, []),
        ("unknown", {}, []),
        (
            "unknown",
            {"failures": {"cdmo_percent": 0, "product_percent": 100, "unknown_percent": 50}},
            [(-150_000_000, "failed", "unknown")],
        ),
    ],
)
async def test_what_is_not_due_is_credited_and_the_ledger_balances(
    crises: Crises, world: World, owner: AsyncEngine, cause: str, rules: dict[str, Any], credited: list[Any]
) -> None:
    crisis_id = await failed(crises, world, cause, rules=rules)
    await swept(world)
    assert await rows(owner, CHARGED) == [ORDERED, *credited]
    await crises.post(f"/{crisis_id}/stand-down")
    assert await scalar(owner, "SELECT is_balanced FROM crisis_closings")


async def test_a_campaign_that_fails_after_the_crisis_is_credited_as_a_correction(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, only, order = await running(crises, world)
    await crises.post(f"/{crisis_id}/stand-down")
    await fail(crises, only, order, "cdmo")
    await swept(world)
    assert await rows(owner, CHARGED) == [ORDERED, (-300_000_000, "failed", "cdmo")]
    corrects = "SELECT detail ->> 'corrects' FROM charges ORDER BY id DESC LIMIT 1"
    assert await scalar(owner, corrects) == order["id"]


EARLY = {"by": iso(60), "quantity": 20_000}
TWICE = [{**EARLY, "quantity": 40_000}]


@pytest.mark.parametrize("is_swept", [False, True], ids=["before_its_sweep", "after_it"])
async def test_an_amendment_after_a_failed_campaign_is_activated_whether_or_not_that_has_been_swept(
    crises: Crises, world: World, owner: AsyncEngine, *, is_swept: bool
) -> None:
    """A batch by day 60 failed on a line of its own; of two wanted now, one runs there again, and over a lot the other.

    What has failed is neither released nor credited by the amendment: its sweep ends it. The lot waits meanwhile.
    """
    crisis_id = await failed(crises, world, "cdmo", targets=[EARLY])
    place = await contested(world)
    amendment = await crises.amended(crisis_id, targets=TWICE, reason_code="batch_failed")
    assert [one["status"] for one in amendment["body"]["orders"]["changed"]] == ["failed"]
    lot = str(place.first.booking.id)
    assert [one["booking_id"] for one in amendment["body"]["displacements"]] == [lot]
    if is_swept:
        await swept(world)
    await crises.put_into_force(crisis_id, amendment)
    assert await rows(owner, ORDERS) == [("failed" if is_swept else "accepted",), ("issued",), ("issued",)]
    assert await rows(owner, LOTS) == [(lot, "pending", "confirmed")]
    if not is_swept:
        await swept(world)
    assert await rows(owner, ORDERS) == [("failed",), ("issued",), ("issued",)]
    assert await rows(owner, LOTS) == [(lot, "pending", "confirmed")]
    assert await rows(owner, CHARGED) == [(100_000_000, "accepted", None), (-100_000_000, "failed", "cdmo")]
    await answer(crises, crisis_id, place.made, "accept")
    assert await rows(owner, LOTS) == [(lot, "effective", "displaced")]


async def test_an_amendment_that_counts_on_a_campaign_which_has_failed_since_asks_nobody_to_give_way(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, only, order = await running(crises, world, targets=[EARLY])
    await contested(world)
    amendment = await crises.amended(crisis_id, targets=TWICE)
    assert [one["order_id"] for one in amendment["body"]["orders"]["kept"]] == [order["id"]]
    assert len(amendment["body"]["displacements"]) == 1
    await crises.signed_by_both(crisis_id, amendment)
    await fail(crises, only, order, "cdmo")
    told = await crises.post(f"/{crisis_id}/activate", expect=409)
    assert (told["type"].rpartition(":")[2], told["crisis_status"]) == ("plan-outdated", "active")
    assert await rows(owner, LOTS) == []
    assert await rows(owner, ORDERS) == [("accepted",)]
