"""A crisis ends by itself when its validity is over."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import transaction
from app.core.vocabulary import Reserve
from app.crisis.ending import expire_crises
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, maker, scalar
from tests.support.world import World

pytestmark = pytest.mark.database


async def declared_over(crises: Crises, owner: AsyncEngine) -> str:
    """Declare a crisis, and let its validity have ended since."""
    crisis_id = await crises.declared()
    async with owner.begin() as connection:
        over = "UPDATE crises SET validity = '[2025-01-01,2025-06-01)' WHERE id = :id"
        await connection.execute(text(over), {"id": crisis_id})
    return crisis_id


async def test_nothing_rests_on_a_declaration_that_is_over(crises: Crises, world: World, owner: AsyncEngine) -> None:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    over, lasting = await declared_over(crises, owner), await crises.declared()
    answer = await crises.post(f"/{over}/plan", expect=409)
    assert answer["type"].endswith("crisis-expired")
    async with transaction(world.sessions) as session:
        assert await expire_crises(session) == 1
    async with transaction(world.sessions) as session:
        assert await expire_crises(session) == 0
    assert (await crises.get(f"/{over}"))["status"] == "expired"
    assert (await crises.get(f"/{over}"))["ended_reason_code"] == "validity_over"
    assert (await crises.get(f"/{lasting}"))["status"] == "declared"


async def test_a_plan_that_is_taken_up_after_the_end_fails_and_says_why(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await world.slot((await maker(world)).unit, 0, 120, reserve=Reserve.CRISIS)
    run_id = await crises.run_of(await crises.declared())
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crises SET validity = '[2025-01-01,2025-06-01)'")
    run = await crises.solve(run_id)
    assert (run["state"], run["error"]) == ("failed", "No power is in force any more: nothing may be called.")


async def test_an_active_crisis_that_expires_displaces_nobody_any_more(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crises SET validity = '[2025-01-01,2025-06-01)'")
    async with transaction(world.sessions) as session:
        assert await expire_crises(session) == 1
    assert (await crises.get(f"/{crisis_id}"))["status"] == "expired"
    assert await scalar(owner, "SELECT status FROM displacements") == "dropped"
    assert await scalar(owner, "SELECT count(*) FROM bookings WHERE status = 'confirmed'") == 2
    assert await scalar(owner, "SELECT count(*) FROM bookings WHERE status = 'held'") == 0


async def test_each_crisis_ends_in_a_transaction_of_its_own(crises: Crises, world: World, owner: AsyncEngine) -> None:
    """So that the units of each are locked by one call."""
    await world.slot((await maker(world)).unit, 0, 120, reserve=Reserve.CRISIS)
    over = [await declared_over(crises, owner) for _ in range(2)]
    ended = []
    for _ in range(3):
        async with transaction(world.sessions) as session:
            ended.append(await expire_crises(session))
    assert ended == [1, 1, 0]
    assert {(await crises.get(f"/{one}"))["status"] for one in over} == {"expired"}
