"""Whatever ends bookings locks their requests in one order, by identifier: no two wait for each other crosswise."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text, update
from sqlmodel import col

from app.audit.author import Author
from app.bookings.models import Booking, BookingStatus
from app.bookings.service import expire_stale_holds
from app.core.database import SessionFactory, transaction
from app.requests.models import Request
from tests.app.bookings.conftest import Market

pytestmark = pytest.mark.database

Result = TypeVar("Result")
WAITING_FOR_ROW = text(
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE datname = current_database() AND locktype = 'transactionid' AND NOT granted"
)


async def row_waited_for(sessions: SessionFactory) -> None:
    """Return once a transaction waits for the lock of a row."""
    async with asyncio.timeout(10), transaction(sessions) as session:
        while not await session.scalar(WAITING_FOR_ROW):  # noqa: ASYNC110 - it is the database's word
            await asyncio.sleep(0.02)


async def locked_in_order(
    sessions: SessionFactory, first: UUID, second: UUID, doing: Coroutine[Any, Any, Result]
) -> Result:
    """Lock two requests in order while something that locks both is under way: it has taken neither before the first.

    The database refuses the second lock at once if it has.
    """
    assert first < second
    wanted = select(Request).with_for_update(key_share=True, nowait=True)
    async with transaction(sessions) as session:
        await session.scalars(wanted.where(col(Request.id) == first))
        asked = asyncio.create_task(doing)
        await row_waited_for(sessions)
        await session.scalars(wanted.where(col(Request.id) == second))
    return await asked


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
