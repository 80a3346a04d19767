"""What has run out is in nobody's way while no worker sweeps: holds, and approvals past their deadline alike."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlmodel import col

from app.bookings.models import Booking
from app.capacity.models import Approval
from app.core.clock import now
from app.core.database import transaction
from tests.app.bookings.conftest import Market
from tests.app.bookings.test_approvals import make_overdue
from tests.app.bookings.test_slips import neighbour, slipped
from tests.support.world import day


@pytest.fixture
async def overdue(market: Market) -> dict[str, Any]:
    """A booking for the market's request that its CDMO has not approved in time, on another unit than the slot's."""
    elsewhere = await market.world.slot(await market.world.unit(market.cdmo), approval=Approval.BY_CDMO)
    asked = await market.step(await market.hold(slot_id=str(elsewhere.id)), "confirm", by=market.buyer)
    await make_overdue(market, asked)
    return asked


async def status(market: Market, booking: dict[str, Any]) -> str:
    return str((await market.read(f"/v1/bookings/{booking['id']}", market.seller))["status"])


async def test_its_request_is_held_another_place_on_another_unit(market: Market, overdue: dict[str, Any]) -> None:
    held = await market.hold(10)
    assert held["unit_id"] != overdue["unit_id"]
    assert await status(market, overdue) == "declined"
    await market.step(held, "confirm", by=market.buyer)
    assert (await market.read(f"/v1/requests/{market.request.id}", market.buyer))["status"] == "booked"


@pytest.mark.parametrize(("verb", "after"), [("withdraw", "withdrawn"), ("wait", "waitlisted")])
async def test_its_request_may_be_withdrawn_or_wait(
    market: Market, overdue: dict[str, Any], verb: str, after: str
) -> None:
    path = f"/v1/requests/{overdue['request_id']}/{verb}"
    assert (await market.send(path, None, headers=market.buyer, expect=200))["status"] == after
    late = await market.step(overdue, "approve", by=market.seller, expect=409)
    assert late["type"] == "urn:creneau:problem:approval-overdue"


async def test_the_database_knows_of_no_period_of_its_request(market: Market, overdue: dict[str, Any]) -> None:
    async with transaction(market.world.sessions) as session:
        has = text("SELECT request_has_period(:request)").bindparams(request=market.request.id)
        assert not await session.scalar(has)
        await session.execute(update(Booking).values(approval_expires_at=None))
        assert await session.scalar(has)


async def make_stale(market: Market, held: dict[str, Any]) -> None:
    async with transaction(market.world.sessions) as session:
        late = update(Booking).where(col(Booking.id) == held["id"])
        await session.execute(late.values(hold_expires_at=text("now() - interval '1 second'")))


async def test_a_booking_moves_to_where_a_hold_has_run_out(market: Market) -> None:
    booked = await market.confirmed(10)
    stale = await market.hold(60, product_id=str(market.product.id))
    await market.move(booked, 65, expect=409)
    await make_stale(market, stale)
    assert (await market.move(booked, 65))["start"] == str(day(65))
    assert await status(market, stale) == "expired"


async def test_whoever_comes_upon_what_has_run_out_does_not_read_of_it(market: Market) -> None:
    """It is a competitor's, and time has ended it."""
    stale = await market.hold(10)
    await make_stale(market, stale)
    rival, headers = await market.world.startup()
    product = await market.world.product(rival)
    body = {"slot_id": str(market.slot.id), "start": str(day(10)), "product_id": str(product.id)}
    await market.send("/v1/bookings", body, headers={**headers, "X-Request-Id": "the-rivals"}, expect=201)
    assert await status(market, stale) == "expired"
    told = (await market.read("/v1/audit", headers))["items"]
    assert {one["object_id"] for one in told}.isdisjoint({stale["id"], stale["request_id"]})
    own = await market.world.coordinator()
    [ended] = (await market.read(f"/v1/audit?object_id={stale['id']}&action=booking.expired", own))["items"]
    assert (ended["actor"], ended["job"], ended["organisation_id"]) == ("job", "expire_holds", None)
    assert (ended["api_key_id"], ended["request_id"]) == (None, "the-rivals")


async def test_a_booking_makes_way_to_where_a_hold_has_run_out(market: Market) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    [proposal] = (await slipped(market, first, 53))["moves"]
    await market.world.slot(market.unit, 120, 200)
    async with transaction(market.world.sessions) as session:
        await session.execute(text("UPDATE line_modalities SET release_days = 1"))
        await session.execute(text("UPDATE production_lines SET first_batch_days = 20"))
    stale = await market.hold(90, product_id=str(market.product.id))
    accept = f"/v1/slip-moves/{proposal['id']}/accept"
    await market.send(accept, None, headers=owner, expect=409)
    await make_stale(market, stale)
    await market.send(accept, None, headers=owner, expect=200)
    assert (await market.read(f"/v1/bookings/{near['id']}", owner))["start"] == str(day(53))
    assert await status(market, stale) == "expired"


async def test_a_hold_that_has_run_out_blocks_nobody_before_any_sweep(market: Market) -> None:
    held = await market.hold(10)
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).values(hold_expires_at=now() - timedelta(seconds=1)))
    other = await market.world.request(market.product)
    await market.hold(10, request_id=str(other.id))
    problem = await market.step(held, "confirm", by=market.buyer, expect=409)
    assert problem["type"] == "urn:creneau:problem:hold-expired"
    assert (await market.read(f"/v1/bookings/{held['id']}", market.buyer))["status"] == "expired"
