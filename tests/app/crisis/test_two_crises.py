"""Two real crises that want the same lot: what one has ordered and still awaits puts the other's plan out of date."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.vocabulary import Reserve
from tests.app.crisis.active_crises import EARLY, answer
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, Maker, booked, maker, scalar
from tests.support.world import World

pytestmark = pytest.mark.database


async def one_lot(world: World) -> Maker:
    """Store a line with one open slot [0, 80) and a lot over [20, 63), which can move nowhere."""
    made = await maker(world)
    await booked(world, await world.slot(made.unit, 0, 80, reserve=Reserve.OPEN), 20, 63)
    return made


async def outdated(crises: Crises, crisis_id: str, made: Maker) -> None:
    refusal: Any = await crises.post(f"/{crisis_id}/activate", expect=409)
    assert refusal["type"].endswith("plan-outdated")
    assert refusal["unit_ids"] == [str(made.unit.id)]


async def test_a_plan_over_what_another_crisis_awaits_goes_back_to_planning(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    made = await one_lot(world)
    one, _ = await crises.signed(targets=CONTESTED_TARGET)
    two, _ = await crises.signed(targets=CONTESTED_TARGET)
    await crises.post(f"/{one}/activate")
    await outdated(crises, two, made)
    assert (await crises.get(f"/{two}"))["status"] == "declared"
    assert await scalar(owner, "SELECT count(*) FROM displacements") == 1
    assert (await answer(crises, one, made, "accept"))["status"] == "accepted"


async def test_an_amendment_over_what_another_crisis_awaits_is_superseded(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    made = await one_lot(world)
    one, _ = await crises.activated(targets=CONTESTED_TARGET)
    await answer(crises, one, made, "counter", EARLY)
    amendment = await crises.amended_by_greed(one)
    assert len(amendment["body"]["displacements"]) == 1
    await crises.signed_by_both(one, amendment)
    two, _ = await crises.activated(targets=CONTESTED_TARGET)
    await outdated(crises, one, made)
    assert (await crises.get(f"/{one}"))["status"] == "active"
    assert (await crises.get(f"/{one}/plans"))["items"][-1]["status"] == "superseded"
    assert (await answer(crises, two, made, "accept"))["status"] == "accepted"
    assert await scalar(owner, "SELECT count(*) FROM crisis_orders WHERE status = 'accepted'") == 1
