"""A drill runs the same code from declaration to stand-down, and changes nothing outside its own records."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, power, scalar
from tests.support.world import World

pytestmark = pytest.mark.database

OWN = {
    "crises",
    "crisis_powers",
    "crisis_plans",
    "crisis_signatures",
    "crisis_orders",
    "displacements",
    "restorations",
    "crisis_closings",
    "crisis_notices",
    "drill_scores",
    "runs",
    "audit_records",
    "idempotency_keys",
    "job_attempts",
}
"""What a drill writes: its own records, its run with its job, the trail of what was done, and answers to repeat."""


async def contents(owner: AsyncEngine) -> dict[str, str]:
    """Return a hash of all rows of every table that is not a drill's own."""
    async with owner.connect() as connection:
        names = await connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        )
        found = {}
        for name in set(names) - OWN - {"worker_heartbeats", "alembic_version"}:
            query = f"SELECT count(*) || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t"  # noqa: S608
            found[name] = str(await connection.scalar(text(query)))
        return found


async def test_a_drill_leaves_everything_else_as_it_was(crises: Crises, world: World, owner: AsyncEngine) -> None:
    place = await contested(world)
    before = await contents(owner)
    assert {"bookings", "charges", "slot_freezes", "calendar_versions", "slots", "requests"} <= before.keys()
    crisis_id, plan = await crises.activated(
        mode="drill", powers=[power("exercise")], targets=CONTESTED_TARGET, title="Exercise"
    )
    assert (plan["tier"], len(plan["body"]["displacements"])) == (6, 1)
    order = await crises.order_of(crisis_id)
    notice = await crises.get(f"/{crisis_id}", by=place.made.headers)
    assert notice["mode"] == "drill"
    accepted = await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    assert (accepted["status"], accepted["booking_id"]) == ("accepted", None)
    assert accepted["displacements"][0]["status"] == "effective"
    await crises.get(f"/{crisis_id}/displacements", by=place.first.headers, expect=404)
    assert await contents(owner) == before
    await crises.post(f"/{crisis_id}/stand-down", {"reason_code": "exercise_over"})
    assert await contents(owner) == before
    assert await scalar(owner, "SELECT count(*) FROM crisis_orders WHERE booking_id IS NOT NULL") == 0


async def test_a_countered_drill_order_changes_nothing_outside_either(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    before = await contents(owner)
    crisis_id, _ = await crises.activated(mode="drill", powers=[power("exercise")], targets=CONTESTED_TARGET)
    order = await crises.order_of(crisis_id)
    body = {"earliest": "2030-06-01", "reason_code": "equipment"}
    countered = await crises.post(f"/{crisis_id}/orders/{order['id']}/counter", body, by=place.made.headers)
    assert countered["displacements"][0]["status"] == "dropped"
    assert await contents(owner) == before


async def test_a_drill_blocks_no_booking(crises: Crises, world: World) -> None:
    """The order of a drill lies over [2, 45) at the earliest: a start-up books there all the same."""
    place = await contested(world)
    await crises.activated(mode="drill", powers=[power("exercise")], targets=CONTESTED_TARGET)
    startup, headers = await world.startup()
    request = await world.request(await world.product(startup))
    hold = {"slot_id": str(place.slot.id), "request_id": str(request.id), "start": "2030-05-24"}
    answer = await crises.client.post("/v1/bookings", json=hold, headers=headers)
    assert answer.status_code == 201, answer.text


async def test_a_drill_goes_on_whatever_is_booked_meanwhile(crises: Crises, world: World, owner: AsyncEngine) -> None:
    """Nothing is held still for it, so that on a calendar in use it would never come to an end."""
    await contested(world)
    crisis_id, _ = await crises.signed(mode="drill", powers=[power("exercise")], targets=CONTESTED_TARGET)
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE bookings SET contract_status = 'signed'")
    assert (await crises.post(f"/{crisis_id}/activate"))["status"] == "active"
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE bookings SET status = 'cancelled'")
    order = await crises.order_of(crisis_id)
    done = await crises.post(f"/{crisis_id}/stand-down", {"reason_code": "exercise_over"})
    assert (done["status"], order["status"]) == ("stood_down", "issued")
