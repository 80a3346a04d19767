"""An active crisis whose CDMOs answer, produce and drop out, each step checked."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.vocabulary import Reserve
from tests.app.crisis.conftest import CONTESTED_TARGET, Contested, Crises, Maker, contested, iso, maker
from tests.support.world import World

TWO_LINES = [{"by": iso(86), "quantity": 120_000}]
COUNTER = {"earliest": iso(30), "reason_code": "staff"}
EARLY = {"earliest": iso(9), "reason_code": "staff"}
DISPLACEMENTS = "SELECT booking_id::text, status FROM displacements ORDER BY id"


async def rows(owner: AsyncEngine, query: str) -> list[Any]:
    async with owner.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def makers(world: World, count: int) -> dict[str, Maker]:
    """Store lines with an idle crisis slot each, by their CDMO."""
    made = [await maker(world) for _ in range(count)]
    for one in made:
        await world.slot(one.unit, 0, 120, reserve=Reserve.CRISIS)
    return {str(one.cdmo.id): one for one in made}


async def two_of_three(crises: Crises, world: World, **given: Any) -> tuple[str, Maker, Maker, Maker]:
    """Activate a crisis that needs two of three lines; return it, those two, and the one that is left."""
    made = await makers(world, 3)
    crisis_id, _ = await crises.activated(targets=TWO_LINES, **given)
    first, second = (made.pop(cdmo) for cdmo in await crises.orders(crisis_id))
    [spare] = made.values()
    return crisis_id, first, second, spare


async def answer(crises: Crises, crisis_id: str, by: Maker, verb: str, body: Any = None) -> Any:
    order = (await crises.orders(crisis_id))[str(by.cdmo.id)]
    return await crises.post(f"/{crisis_id}/orders/{order['id']}/{verb}", body, by=by.headers)


async def produce(crises: Crises, by: Maker, booking_id: str, verb: str, **body: Any) -> None:
    done = await crises.client.post(f"/v1/bookings/{booking_id}/{verb}", json=body, headers=by.headers)
    assert done.status_code in {200, 201}, done.text


async def countered_at_once(crises: Crises, world: World, **given: Any) -> tuple[str, Contested, Any]:
    """Have the order over a booking countered to day 9, which still delivers by day 60, and plan anew."""
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, **given)
    await answer(crises, crisis_id, place.made, "counter", EARLY)
    return crisis_id, place, await crises.amended(crisis_id)
