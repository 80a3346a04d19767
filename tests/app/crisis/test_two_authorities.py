"""A plan and its amendment signed by two authorities: each pays for its own orders, and gets its own money back."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.crisis.active_crises import COUNTER, answer, rows, two_of_three
from tests.app.crisis.conftest import Crises
from tests.support.world import World

pytestmark = pytest.mark.database


async def test_standing_down_credits_who_has_paid(crises: Crises, world: World, owner: AsyncEngine) -> None:
    crisis_id, first, second, spare = await two_of_three(crises, world)
    await answer(crises, crisis_id, second, "accept")
    await answer(crises, crisis_id, first, "counter", COUNTER)
    amendment = await crises.amended_by_greed(crisis_id)
    await crises.sign(crisis_id, amendment, by=crises.coordinator)
    await crises.sign(crisis_id, amendment, by=await world.authority())
    await crises.post(f"/{crisis_id}/activate")
    await answer(crises, crisis_id, spare, "accept")
    await crises.post(f"/{crisis_id}/stand-down")
    found = await rows(owner, "SELECT sum(amount_cents), count(*) FROM charges GROUP BY organisation_id")
    assert found == [(0, 2), (0, 2)]
    assert await rows(owner, "SELECT is_balanced FROM crisis_closings") == [(True,)]


async def test_an_amendment_credits_who_has_paid_for_what_it_releases(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, first, *_ = await two_of_three(crises, world)
    await answer(crises, crisis_id, first, "accept")
    amendment = await crises.amended_by_greed(crisis_id, unavailable_unit_ids=[str(first.unit.id)])
    await crises.sign(crisis_id, amendment, by=crises.coordinator)
    await crises.sign(crisis_id, amendment, by=await world.authority())
    await crises.post(f"/{crisis_id}/activate")
    found = await rows(owner, "SELECT sum(amount_cents), count(*) FROM charges GROUP BY organisation_id")
    assert found == [(0, 2)]
