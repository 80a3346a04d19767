"""What is due of an order whose campaign has failed: as of a booking, it follows from the cause."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import today
from app.core.database import transaction
from app.crisis.campaign_ends import end_orders
from tests.app.crisis.conftest import Crises, scalar
from tests.app.crisis.test_replanning import answer, makers, produce, rows
from tests.support.world import World

pytestmark = pytest.mark.database

CHARGED = "SELECT amount_cents, detail ->> 'code', detail ->> 'cause' FROM charges ORDER BY id"
ORDERED = (300_000_000, "accepted", None)


async def failed(crises: Crises, world: World, cause: str, **given: Any) -> str:
    """Have the campaign of the one order of a crisis fail."""
    [only] = (await makers(world, 1)).values()
    crisis_id, _ = await crises.activated(**given)
    order = await answer(crises, crisis_id, only, "accept")
    await produce(crises, only, order["booking_id"], "start", actual_start_on=str(today()))
    told = {"failed_on": str(today()), "reason_code": "contamination", "cause": cause}
    await produce(crises, only, order["booking_id"], "fail", **told)
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
    [only] = (await makers(world, 1)).values()
    crisis_id, _ = await crises.activated()
    order = await answer(crises, crisis_id, only, "accept")
    await produce(crises, only, order["booking_id"], "start", actual_start_on=str(today()))
    await crises.post(f"/{crisis_id}/stand-down")
    told = {"failed_on": str(today()), "reason_code": "contamination", "cause": "cdmo"}
    await produce(crises, only, order["booking_id"], "fail", **told)
    await swept(world)
    assert await rows(owner, CHARGED) == [ORDERED, (-300_000_000, "failed", "cdmo")]
    corrects = "SELECT detail ->> 'corrects' FROM charges ORDER BY id DESC LIMIT 1"
    assert await scalar(owner, corrects) == order["id"]
