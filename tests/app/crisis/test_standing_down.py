"""A crisis that ends releases what has not begun: as its CDMO tells, not as the calendar has it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core import clock
from app.core.database import transaction
from app.crisis.ending import expire_crises
from app.crisis.models import CrisisMode
from tests.app.crisis.conftest import Contested, Crises, iso, power, scalar
from tests.app.crisis.test_restoring import displaced, rows, without_room
from tests.support.world import World, day

pytestmark = pytest.mark.database

LEDGER = "SELECT count(*), sum(amount_cents) FROM charges WHERE kind = 'crisis_order'"
CAMPAIGN = "SELECT status FROM bookings WHERE source = 'crisis'"
RELEASED = "order_released"


def come(monkeypatch: pytest.MonkeyPatch, on: date) -> None:
    """Have a day come at the sites."""
    monkeypatch.setattr(clock, "now", lambda: datetime.combine(on, time(12), UTC))


async def told(crises: Crises, crisis_id: str, place: Contested) -> Any:
    """Return the last notice to the maker."""
    return (await crises.get(f"/{crisis_id}/notices", by=place.made.headers))["items"][-1]


async def first_day(owner: AsyncEngine) -> date:
    found = await scalar(owner, "SELECT lower(period) FROM crisis_orders")
    assert isinstance(found, date)
    return found


async def ordered(crises: Crises, world: World, **given: Any) -> tuple[Contested, str]:
    """Have an order accepted over the lot at [20, 63) of a slot [0, 143), whose other lot is at [100, 143)."""
    place = await without_room(world)
    return place, await displaced(crises, place, **given)


@pytest.mark.parametrize("offered_from", [20, 40])
async def test_what_was_to_begin_and_did_not_is_released_credited_and_offered_back(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch, offered_from: int
) -> None:
    """On the day after its first; and when days of the lot have passed too: it is offered what is left, from today."""
    place, crisis_id = await ordered(crises, world)
    first_on = await first_day(owner)
    assert first_on < day(20)
    come(monkeypatch, first_on + timedelta(days=1) if offered_from == 20 else day(offered_from))
    await crises.post(f"/{crisis_id}/stand-down")
    order = await crises.order_of(crisis_id)
    assert order["status"] == "released"
    notice = await told(crises, crisis_id, place)
    assert (notice["kind"], notice["order_id"], notice["reason_code"]) == (RELEASED, order["id"], "threat_over")
    assert "Vous êtes délié d'un ordre." in notice["text"]["fr"]
    assert "Reason: the threat is over." in notice["text"]["en"]
    assert await rows(owner, CAMPAIGN) == [("cancelled",)]
    assert await rows(owner, LEDGER) == [(2, 0)]
    assert await scalar(owner, "SELECT is_balanced FROM crisis_closings") is True
    [offer] = (await crises.get(f"/{crisis_id}/restorations", by=place.first.headers))["items"]
    days = (offer["start"], offer["end"])
    assert (offer["status"], *days) == ("offered", iso(offered_from), iso(offered_from + 43))
    taken = await crises.post(f"/{crisis_id}/restorations/{offer['id']}/accept", by=place.first.headers)
    assert taken["status"] == "accepted"
    assert ("replacement", "confirmed") in await rows(owner, "SELECT source, status FROM bookings")


async def test_what_has_begun_goes_on_and_stays_charged(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, crisis_id = await ordered(crises, world)
    begun = "UPDATE bookings SET status = 'in_production', actual_start_on = lower(period) WHERE source = 'crisis'"
    async with owner.begin() as connection:
        await connection.execute(text(begun))
    come(monkeypatch, await first_day(owner) + timedelta(days=1))
    await crises.post(f"/{crisis_id}/stand-down")
    assert (await crises.order_of(crisis_id))["status"] == "accepted"
    assert (await told(crises, crisis_id, place))["kind"] != RELEASED
    assert await rows(owner, CAMPAIGN) == [("in_production",)]
    assert await rows(owner, LEDGER) == [(1, 100_000_000)]
    ends = await scalar(owner, "SELECT upper(period) FROM crisis_orders")
    [offer] = (await crises.get(f"/{crisis_id}/restorations", by=place.first.headers))["items"]
    assert (offer["status"], offer["start"]) == ("offered", ends.isoformat())


async def test_what_has_not_begun_when_the_validity_is_over_is_released_too(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, crisis_id = await ordered(crises, world)
    come(monkeypatch, day(300))
    async with transaction(world.sessions) as session:
        assert await expire_crises(session) == 1
    assert (await crises.get(f"/{crisis_id}"))["status"] == "expired"
    assert (await crises.order_of(crisis_id))["status"] == "released"
    assert await rows(owner, LEDGER) == [(2, 0)]
    [offer] = (await crises.get(f"/{crisis_id}/restorations", by=place.first.headers))["items"]
    assert (offer["status"], offer["reason_code"]) == ("unavailable", "days_past")


async def test_who_has_no_room_left_for_want_of_days_is_told_so(
    crises: Crises, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From day 58 on its 43 days would run into the lot at [100, 143); nobody has taken those before."""
    place, crisis_id = await ordered(crises, world)
    come(monkeypatch, day(58))
    await crises.post(f"/{crisis_id}/stand-down")
    [offer] = (await crises.get(f"/{crisis_id}/restorations", by=place.first.headers))["items"]
    assert (offer["status"], offer["reason_code"]) == ("unavailable", "days_past")


@pytest.mark.parametrize(("later", "status"), [(-1, "released"), (0, "accepted")])
async def test_in_a_drill_the_day_says_what_has_begun(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch, later: int, status: str
) -> None:
    _, crisis_id = await ordered(crises, world, mode=CrisisMode.DRILL, powers=[power("exercise")])
    come(monkeypatch, await first_day(owner) + timedelta(days=later))
    await crises.post(f"/{crisis_id}/stand-down")
    assert (await crises.order_of(crisis_id))["status"] == status
    assert await rows(owner, CAMPAIGN) == []
