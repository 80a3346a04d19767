"""What becomes of an order that nobody answers, or that its CDMO cannot keep."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import transaction
from app.core.tenancy import EVERYBODY, acting_for
from app.core.vocabulary import Reserve
from app.crisis.silence import escalate_silence
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, Maker, contested, iso, maker, power, scalar
from tests.app.crisis.test_activation import rows
from tests.app.crisis.test_standing_down import come
from tests.support.world import World

pytestmark = pytest.mark.database

CHARGES = "SELECT kind, sum(amount_cents)::bigint, count(*) FROM charges GROUP BY kind ORDER BY kind"


async def ordered(crises: Crises, world: World, **given: Any) -> tuple[Maker, str]:
    """Have an order issued to a CDMO, in a free place of a crisis slot."""
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    crisis_id, _ = await crises.activated(**given)
    return made, crisis_id


async def hours_pass(world: World, owner: AsyncEngine, hours: int) -> int:
    """Let the orders be so many hours older; sweep until nothing is left, and return what was done."""
    async with owner.begin() as connection:
        back = "respond_by_at = respond_by_at - :hours * interval '1 hour'"
        await connection.execute(text(f"UPDATE crisis_orders SET {back}"), {"hours": hours})  # noqa: S608
    done = 0
    with acting_for(EVERYBODY):
        for _ in range(10):
            async with transaction(world.sessions) as session:
                some = await escalate_silence(session)
            done += some
            if not some:
                return done
    raise AssertionError("the sweep finds no end")


async def kinds(crises: Crises, crisis_id: str, **by: Any) -> list[str]:
    return [one["kind"] for one in (await crises.get(f"/{crisis_id}/notices", **by))["items"]]


async def test_a_silent_cdmo_is_reminded_then_those_who_lead_are_told_once(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """It has 48 hours, and is reminded 12 before the end."""
    made, crisis_id = await ordered(crises, world)
    assert await hours_pass(world, owner, 35) == 0
    assert await hours_pass(world, owner, 2) == 1
    assert await kinds(crises, crisis_id, by=made.headers) == ["order_issued", "order_reminder"]
    assert (await crises.order_of(crisis_id))["escalated_at"] is None
    assert await hours_pass(world, owner, 12) == 1
    assert await hours_pass(world, owner, 100) == 0
    order = await crises.order_of(crisis_id)
    assert (order["status"], order["escalated_at"] is not None) == ("issued", True)
    told = [one for one in (await crises.get(f"/{crisis_id}/notices"))["items"] if one["kind"] == "order_escalated"]
    assert len({one["organisation_id"] for one in told}) == len(told) == 2
    assert {tuple(one["facts"]["may"]) for one in told} == {("accept_late", "call", "plan_again")}
    assert await kinds(crises, crisis_id, by=made.headers) == ["order_issued", "order_reminder"]
    trail = "SELECT action FROM audit_records WHERE action IN ('crisis_order.reminded', 'crisis_order.escalated')"
    assert await rows(owner, f"{trail} ORDER BY id") == [("crisis_order.reminded",), ("crisis_order.escalated",)]


async def test_an_overdue_order_may_still_be_accepted(crises: Crises, world: World, owner: AsyncEngine) -> None:
    made, crisis_id = await ordered(crises, world)
    await hours_pass(world, owner, 100)
    order = await crises.order_of(crisis_id)
    accepted = await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=made.headers)
    assert (accepted["status"], accepted["escalated_at"]) == ("accepted", order["escalated_at"])


async def test_what_was_answered_or_has_ended_is_not_escalated(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    made, crisis_id = await ordered(crises, world)
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=made.headers)
    assert await hours_pass(world, owner, 100) == 0
    _, other = await ordered(crises, world, title="Second", targets=[{"by": iso(86), "quantity": 20_000}])
    await crises.post(f"/{other}/stand-down")
    assert await hours_pass(world, owner, 100) == 0


async def test_a_cdmo_that_drops_out_frees_its_campaign_and_says_why(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    made, crisis_id = await ordered(crises, world)
    order = await crises.order_of(crisis_id)
    path, body = f"/{crisis_id}/orders/{order['id']}", {"reason_code": "equipment"}
    await crises.post(f"{path}/withdraw", body, by=made.headers, expect=409)
    await crises.post(f"{path}/accept", by=made.headers)
    await crises.post(f"{path}/withdraw", {"reason_code": "bored"}, by=made.headers, expect=422)
    await crises.post(f"{path}/withdraw", body, by=crises.coordinator, expect=403)
    _, stranger = await world.cdmo()
    await crises.post(f"{path}/withdraw", body, by=stranger, expect=404)
    gone = await crises.post(f"{path}/withdraw", body, by=made.headers)
    assert (gone["status"], gone["withdrawal_reason_code"]) == ("withdrawn", "equipment")
    assert await rows(owner, "SELECT status, ended_reason_code FROM bookings") == [
        ("cancelled", "crisis_order_withdrawn")
    ]
    assert await rows(owner, CHARGES) == [("crisis_order", 0, 2)]
    told = await kinds(crises, crisis_id)
    assert told.count("order_withdrawn") == 2
    for again in ("withdraw", "accept"):
        await crises.post(f"{path}/{again}", body if again == "withdraw" else None, by=made.headers, expect=409)


async def test_who_has_given_way_to_a_cdmo_that_drops_out_stays_moved_and_is_owed_the_same(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    path = f"/{crisis_id}/orders/{(await crises.order_of(crisis_id))['id']}"
    await crises.post(f"{path}/accept", by=place.made.headers)
    gone = await crises.post(f"{path}/withdraw", {"reason_code": "staff"}, by=place.made.headers)
    assert [one["status"] for one in gone["displacements"]] == ["effective"]
    standing = "SELECT source, status FROM bookings ORDER BY source, status"
    assert await rows(owner, standing) == [
        ("crisis", "cancelled"),
        ("direct", "confirmed"),
        ("direct", "displaced"),
        ("replacement", "held"),
    ]
    assert await rows(owner, CHARGES) == [("crisis_order", 0, 2), ("displacement_compensation", 0, 2)]


async def accepted(crises: Crises, world: World, **given: Any) -> tuple[Maker, str, str]:
    """Return a CDMO, the path of an order that it has accepted, and the order's first day."""
    made, crisis_id = await ordered(crises, world, **given)
    order = await crises.order_of(crisis_id)
    path = f"/{crisis_id}/orders/{order['id']}"
    await crises.post(f"{path}/accept", by=made.headers)
    return made, path, order["start"]


async def test_a_campaign_that_has_begun_is_not_withdrawn_from(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """However long before its planned day."""
    made, path, _ = await accepted(crises, world)
    async with owner.begin() as connection:
        begun = "UPDATE bookings SET status = 'in_production', actual_start_on = current_date"
        await connection.execute(text(begun))
    told = await crises.post(f"{path}/withdraw", {"reason_code": "staff"}, by=made.headers, expect=409)
    assert "has begun" in told["detail"]
    assert await scalar(owner, "SELECT status FROM bookings") == "in_production"


async def test_a_campaign_that_was_to_begin_and_did_not_is_withdrawn_from(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its booking says whether it has begun, as at the end of a crisis: a planned day begins nothing by itself."""
    made, path, start = await accepted(crises, world)
    come(monkeypatch, date.fromisoformat(start) + timedelta(days=1))
    gone = await crises.post(f"{path}/withdraw", {"reason_code": "staff"}, by=made.headers)
    assert gone["status"] == "withdrawn"
    assert await rows(owner, CHARGES) == [("crisis_order", 0, 2)]


async def test_a_campaign_of_a_drill_goes_by_its_days(
    crises: Crises, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, path, start = await accepted(crises, world, mode="drill", powers=[power("exercise")])
    come(monkeypatch, date.fromisoformat(start))
    await crises.post(f"{path}/withdraw", {"reason_code": "staff"}, by=made.headers, expect=409)
    come(monkeypatch, date.fromisoformat(start) - timedelta(days=1))
    gone = await crises.post(f"{path}/withdraw", {"reason_code": "staff"}, by=made.headers)
    assert gone["status"] == "withdrawn"
