"""Days that a slip runs over are busy for everybody, whoever has stood there and makes way."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.capacity.models import Approval, OpeningCause, SlotOpening
from app.capacity.occupancy import occupied_periods, span_of
from app.core.clock import today
from app.core.database import transaction
from tests.app.bookings.conftest import Market
from tests.app.bookings.test_slips import neighbour, slipped
from tests.support.world import day


def days(start: int, end: int) -> dict[str, str]:
    return {"start": str(day(start)), "end": str(day(end))}


async def free(market: Market, slot_id: object) -> list[dict[str, str]]:
    """What the search tells of a slot."""
    listed: list[dict[str, str]] = (await market.read(f"/v1/slots/{slot_id}", market.buyer))["free"]
    return listed


@pytest.fixture
async def running(market: Market) -> dict[str, Any]:
    """A batch in production, planned for the days 0 to 43 and expected to end on 60; who stood behind it has left."""
    await market.world.slot(market.unit, 120, 200, approval=Approval.INSTANT)
    first = await market.confirmed(0)
    await market.begin(first)
    near, owner = await neighbour(market, 43)
    await slipped(market, first, 60)
    await market.step(near, "cancel", by=owner, reason_code="funding")
    return first


async def test_days_run_over_are_not_for_booking_when_a_neighbour_leaves(
    market: Market, running: dict[str, Any]
) -> None:
    assert await free(market, market.slot.id) == [days(60, 120)]
    whole = f"/v1/slots?available=true&start={day(43)}&end={day(60)}"
    assert (await market.read(whole, market.buyer))["items"] == []
    other = await market.world.request(market.product)
    [option] = (await market.read(f"/v1/requests/{other.id}/matches", market.buyer))["options"][:1]
    assert option["start_windows"] == [{"first": str(day(60)), "last": str(day(77))}]
    refused = await market.hold(43, request_id=str(other.id), expect=409)
    assert refused["type"] == "urn:creneau:problem:slot-taken"
    assert refused["in_the_way"] == [days(43, 60)]
    assert refused["nearest_free"] == {"slot_id": str(market.slot.id), **days(60, 103)}
    await market.hold(60, request_id=str(other.id))
    assert (await market.read(f"/v1/bookings/{running['id']}", market.seller))["end"] == str(day(43))


async def test_a_slip_past_the_end_of_its_slot_runs_over_the_next_one(market: Market, running: dict[str, Any]) -> None:
    await slipped(market, running, 130)
    async with transaction(market.world.sessions) as session:
        busy = (await occupied_periods(session, [market.unit.id]))[market.unit.id]
    assert [tuple(one.period) for one in busy] == [
        (day(0), day(43)),
        (day(43), day(120)),
        (day(120), day(130)),
    ]
    assert len({one.slot_id for one in busy}) == 2
    assert await free(market, market.slot.id) == []
    assert await free(market, busy[-1].slot_id) == [days(130, 200)]
    product = {"product_id": str(market.product.id), "slot_id": str(busy[-1].slot_id)}
    assert (await market.hold(120, **product, expect=409))["in_the_way"] == [days(120, 130)]


async def test_who_slips_may_move_within_its_own_days_and_nobody_else(market: Market) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    await slipped(market, first, 53)
    refused = await market.move(near, 48, by=owner, expect=409)
    assert refused["in_the_way"] == [days(43, 53)]
    assert refused["nearest_free"] == {"slot_id": str(market.slot.id), **days(53, 96)}
    await market.step(near, "cancel", by=owner, reason_code="funding")
    moved = await market.move(first, 5)
    assert (moved["start"], moved["expected_end_on"]) == (str(day(5)), None)
    assert await free(market, market.slot.id) == [days(0, 5), days(48, 120)]


async def test_no_slip_proposes_days_that_another_one_runs_over_or_proposes_to_another(market: Market) -> None:
    """From day 125 on it would fit before day 170, until which the first one runs over; the second may go there."""
    first = await market.confirmed(0)
    second, _ = await neighbour(market, 43)
    later = await market.world.slot(market.unit, 120, 400, approval=Approval.INSTANT)
    third, owner = await neighbour(market, 120, slot_id=str(later.id))
    before = (await slipped(market, first, 170))["moves"]
    assert [(one["booking_id"], one["start"]) for one in before] == [
        (second["id"], str(day(170))),
        (third["id"], str(day(213))),
    ]
    [asked] = (await slipped(market, second, 125))["moves"]
    assert (asked["booking_id"], asked["start"]) == (third["id"], str(day(213)))
    await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=200)


async def test_who_slips_itself_makes_way_over_the_days_that_it_has_kept(market: Market) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    await slipped(market, near, 90)
    [asked] = (await slipped(market, first, 50))["moves"]
    assert (asked["start"], asked["end"]) == (str(day(50)), str(day(93)))
    await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=200)


async def test_days_no_longer_run_over_are_for_booking_again_and_said_so(
    market: Market, running: dict[str, Any]
) -> None:
    await slipped(market, running, 50)
    assert await free(market, market.slot.id) == [days(50, 120)]
    failed: dict[str, Any] = {"reason_code": "contamination", "cause": "cdmo", "failed_on": str(today())}
    await market.step(running, "fail", by=market.seller, **failed)
    assert await free(market, market.slot.id) == [days(0, 120)]
    async with transaction(market.world.sessions) as session:
        statement = select(SlotOpening).where(col(SlotOpening.cause) == OpeningCause.FREED)
        opened = list(await session.scalars(statement.order_by(col(SlotOpening.created_at), col(SlotOpening.period))))
    told = [tuple(span_of(one.period)) for one in opened if one.period is not None]
    assert told == [
        (day(43), day(86)),
        (day(50), day(60)),
        (day(0), day(43)),
        (day(43), day(50)),
    ]
