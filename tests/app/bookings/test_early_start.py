"""A campaign that starts before its planned period keeps its unit from then on, and takes nobody's days unasked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.bookings.models import Booking
from app.capacity.models import Approval, OpeningCause, Slot, SlotOpening
from app.capacity.occupancy import occupied_periods, span_of
from app.core.clock import today
from app.core.database import transaction
from tests.app.bookings.conftest import FEE, Headers, Market
from tests.app.bookings.test_slips import neighbour, slipped
from tests.app.bookings.test_unit_kept import CHANGEOVER_DAYS, ENDINGS, PLANNED_DAYS, days, end, free, hold, on
from tests.support.world import since_day_one

PLANNED = 110
"""Days from today on which the campaign is planned to start; nothing else is booked."""
LAST = 200


@pytest.fixture
async def wide(market: Market) -> Slot:
    """A slot of the unit from today on."""
    return await market.world.slot(market.unit, since_day_one(), since_day_one() + LAST, approval=Approval.INSTANT)


async def planned(market: Market, slot: Slot, start: int = PLANNED) -> dict[str, Any]:
    return await market.confirmed(since_day_one() + start, slot_id=str(slot.id), product_id=str(market.product.id))


async def started(market: Market, slot: Slot, start: int = PLANNED) -> dict[str, Any]:
    """A campaign planned for so many days from today, and started today."""
    return await market.begin(await planned(market, slot, start))


async def behind(market: Market, slot: Slot, start: int, **given: Any) -> tuple[dict[str, Any], Headers]:
    """A booking of another start-up, so many days from today."""
    return await neighbour(market, since_day_one() + start, slot_id=str(slot.id), **given)


async def freed(market: Market) -> list[tuple[Any, ...]]:
    """The days that were said to be free again, in order."""
    async with transaction(market.world.sessions) as session:
        statement = select(SlotOpening).where(col(SlotOpening.cause) == OpeningCause.FREED)
        openings = await session.scalars(statement.order_by(col(SlotOpening.period)))
        return [tuple(span_of(one.period)) for one in openings if one.period is not None]


async def test_it_keeps_its_unit_for_as_long_as_it_was_planned_to_take(market: Market, wide: Slot) -> None:
    await started(market, wide)
    assert await free(market, wide) == [days(PLANNED_DAYS, PLANNED), days(PLANNED + PLANNED_DAYS, LAST)]
    refused = await hold(market, wide, 2, expect=409)
    assert (refused["type"], refused["in_the_way"]) == ("urn:creneau:problem:slot-taken", [days(0, PLANNED_DAYS)])
    assert refused["nearest_free"] == {"slot_id": str(wide.id), **days(PLANNED_DAYS, 2 * PLANNED_DAYS)}
    await hold(market, wide, PLANNED_DAYS)


async def test_it_keeps_nothing_twice_where_its_planned_period_begins_meanwhile(market: Market, wide: Slot) -> None:
    await started(market, wide, 20)
    async with transaction(market.world.sessions) as session:
        busy = (await occupied_periods(session, [market.unit.id]))[market.unit.id]
    assert [tuple(one.period) for one in busy] == [(on(0), on(20)), (on(20), on(20 + PLANNED_DAYS))]


async def test_it_keeps_today_when_all_that_was_told_is_over(market: Market, wide: Slot) -> None:
    running = await started(market, wide)
    async with transaction(market.world.sessions) as session:
        long_ago = update(Booking).where(col(Booking.id) == UUID(running["id"]))
        await session.execute(long_ago.values(actual_start_on=today() - timedelta(days=PLANNED_DAYS + 5)))
    assert (await free(market, wide))[0] == days(1, PLANNED)


async def test_a_slip_asks_whom_it_runs_over_before_its_plan_to_make_way_at_no_cost(market: Market, wide: Slot) -> None:
    running = await started(market, wide)
    near, owner = await behind(market, wide, 50)
    assert (await slipped(market, running, since_day_one() + 50))["moves"] == []
    assert not (await market.read(f"/v1/bookings/{near['id']}/quote", owner))["caused_by_cdmo"]
    [asked] = (await slipped(market, running, since_day_one() + 60))["moves"]
    assert (asked["booking_id"], asked["status"]) == (near["id"], "proposed")
    assert (asked["start"], asked["end"]) == (str(on(60)), str(on(60 + PLANNED_DAYS)))
    assert [one["id"] for one in (await market.read("/v1/slip-moves", owner))["items"]] == [asked["id"]]
    assert await free(market, wide) == [days(50 + PLANNED_DAYS, PLANNED), days(PLANNED + PLANNED_DAYS, LAST)]
    assert (await hold(market, wide, 2, expect=409))["in_the_way"] == [days(0, 60)]
    await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=200)
    assert (await market.read(f"/v1/bookings/{near['id']}", owner))["start"] == str(on(60))
    assert await market.charges(owner) == [("reservation_fee", FEE)]


async def test_nobody_is_asked_to_go_where_the_campaign_is_planned(market: Market, wide: Slot) -> None:
    running = await started(market, wide, 100)
    near, _ = await behind(market, wide, 50)
    [asked] = (await slipped(market, running, since_day_one() + 60))["moves"]
    assert (asked["booking_id"], asked["start"]) == (near["id"], str(on(100 + PLANNED_DAYS)))


async def test_whom_it_runs_over_leaves_for_nothing_as_quoted_even_if_it_has_declined(
    market: Market, wide: Slot
) -> None:
    running = await started(market, wide)
    near, owner = await behind(market, wide, 50)
    [asked] = (await slipped(market, running, since_day_one() + 60))["moves"]
    path = f"/v1/slip-moves/{asked['id']}/decline"
    await market.send(path, {"reason_code": "supply"}, headers=owner, expect=200)
    quote = await market.read(f"/v1/bookings/{near['id']}/quote", owner)
    assert (quote["caused_by_cdmo"], quote["cancellation_today_cents"]) == (True, 0)
    await market.step(near, "cancel", by=owner, reason_code="planning")
    assert await market.charges(owner) == [("reservation_fee", FEE), ("reservation_fee", -FEE)]


async def test_a_slip_may_run_on_past_the_planned_period_and_takes_back_less(market: Market, wide: Slot) -> None:
    running = await started(market, wide)
    assert (await slipped(market, running, since_day_one() + 160))["moves"] == []
    planned_end = PLANNED + PLANNED_DAYS
    async with transaction(market.world.sessions) as session:
        busy = (await occupied_periods(session, [market.unit.id]))[market.unit.id]
    assert [tuple(one.period) for one in busy] == [
        (on(0), on(PLANNED)),
        (on(PLANNED), on(planned_end)),
        (on(planned_end), on(160)),
    ]
    assert await free(market, wide) == [days(160, LAST)]
    await slipped(market, running, since_day_one() + 60)
    assert await free(market, wide) == [days(60, PLANNED), days(planned_end, LAST)]
    assert await freed(market) == [(on(60), on(PLANNED)), (on(planned_end), on(160))]


@pytest.mark.parametrize("how", ENDINGS)
async def test_an_early_end_leaves_all_but_that_day_and_the_changeover(market: Market, wide: Slot, how: str) -> None:
    running = await started(market, wide)
    await slipped(market, running, since_day_one() + 2)
    await end(market, running, how)
    clean = 1 + CHANGEOVER_DAYS
    assert await free(market, wide) == [days(clean, LAST)]
    assert await freed(market) == [(on(2), on(PLANNED_DAYS)), (on(PLANNED), on(PLANNED + PLANNED_DAYS))]
    assert (await hold(market, wide, clean - 1, expect=409))["in_the_way"] == [days(0, clean)]
    await hold(market, wide, clean)


@pytest.mark.parametrize("confirmed", [True, False], ids=["booked", "held"])
async def test_it_does_not_start_over_days_of_another(market: Market, wide: Slot, confirmed: bool) -> None:
    booked = await planned(market, wide)
    near, owner = await behind(market, wide, PLANNED_DAYS - 1, confirmed=confirmed)
    refused = await market.step(booked, "start", by=market.seller, expect=409, actual_start_on=str(today()))
    assert refused["type"] == "urn:creneau:problem:slot-taken"
    assert refused["in_the_way"] == [days(PLANNED_DAYS - 1, 2 * PLANNED_DAYS - 1)]
    [fault] = refused["errors"]
    assert fault["pointer"] == "/actual_start_on"
    for day in (on(PLANNED), on(PLANNED_DAYS)):
        assert str(day) in fault["detail"], "the rule is told with its days"
    assert (await market.read(f"/v1/bookings/{booked['id']}", market.buyer))["status"] == "confirmed"
    leave: dict[str, Any] = {"reason_code": "planning"} if confirmed else {}
    await market.step(near, "cancel" if confirmed else "release", by=owner, **leave)
    assert (await market.begin(booked))["status"] == "in_production"


async def test_it_starts_where_its_days_end_right_before_those_of_another(market: Market, wide: Slot) -> None:
    booked = await planned(market, wide)
    await behind(market, wide, PLANNED_DAYS)
    assert (await market.begin(booked))["status"] == "in_production"


async def test_it_starts_over_days_to_which_it_asked_to_move_itself(market: Market, wide: Slot) -> None:
    booked = await planned(market, wide)
    await market.by_approval()
    asking = await market.move(booked, since_day_one() + 1)
    assert (await market.begin(booked))["pending_move_id"] is None
    place = await market.read(f"/v1/bookings/{asking['pending_move_id']}", market.buyer)
    assert (place["start"], place["status"]) == (str(on(1)), "released")
