"""Whatever ends bookings locks their requests in one order, by identifier: no two wait for each other crosswise."""

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text, update
from sqlmodel import col

from app.audit.author import Author
from app.bookings.models import Booking, BookingStatus
from app.bookings.service import expire_stale_holds
from app.core.database import transaction
from app.requests.models import Request
from tests.app.bookings.conftest import Market
from tests.support.locks import locked_in_order

pytestmark = pytest.mark.database


async def held(market: Market, request: Request, start: int) -> dict[str, Any]:
    return await market.hold(start, request_id=str(request.id))


async def run_out(market: Market) -> None:
    stale = update(Booking).where(col(Booking.status) == BookingStatus.HELD)
    async with transaction(market.world.sessions) as session:
        await session.execute(stale.values(hold_expires_at=text("now() - interval '1 second'")))


@pytest.fixture
async def later(market: Market) -> Request:
    """A request made after the market's own."""
    return await market.world.request(market.product)


async def test_by_a_sweep_of_what_was_held_in_another_order(app: FastAPI, market: Market, later: Request) -> None:
    await held(market, later, 0)
    await held(market, market.request, 60)
    await run_out(market)

    async def sweep() -> int:
        async with transaction(app.state.sessions) as session:
            return await expire_stale_holds(session, Author.of_job("test"))

    assert await locked_in_order(market.world.sessions, market.request.id, later.id, sweep()) == 2


async def test_by_a_hold_in_the_way_of_which_another_has_run_out(market: Market, later: Request) -> None:
    stale = await held(market, market.request, 10)
    await run_out(market)
    made = await locked_in_order(market.world.sessions, market.request.id, later.id, held(market, later, 10))
    assert made["status"] == "held"
    assert (await market.read(f"/v1/bookings/{stale['id']}", market.buyer))["status"] == "expired"


async def test_by_a_move_to_where_a_hold_has_run_out(market: Market, later: Request) -> None:
    booked = await market.confirmed(10)
    await held(market, later, 60)
    await run_out(market)
    moved = await locked_in_order(market.world.sessions, market.request.id, later.id, market.move(booked, 65))
    assert moved["status"] == "confirmed"
