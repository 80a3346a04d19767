"""Whatever ends bookings locks their requests in one order, by identifier: no two wait for each other crosswise."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text, update
from sqlmodel import col

from app.audit.author import Author
from app.bookings.models import Booking, BookingStatus
from app.bookings.service import decline_overdue, expire_stale_holds
from app.core.database import transaction
from app.requests.models import Request
from tests.app.bookings.conftest import FAILED, Market
from tests.support.locks import locked_in_order, row_waited_for
from tests.support.world import day

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


async def test_by_a_failure_whose_repeat_is_where_a_hold_has_run_out(market: Market, later: Request) -> None:
    failing = await market.confirmed(10, request_id=str(later.id))
    stale = await held(market, market.request, 60)
    await market.begin(failing)
    await run_out(market)
    repeat: dict[str, Any] = {"repeat_slot_id": str(market.slot.id), "repeat_start": str(day(65))}
    asked = market.step(failing, "fail", by=market.seller, cause="cdmo", **FAILED, **repeat)
    failed = await locked_in_order(market.world.sessions, market.request.id, later.id, asked)
    assert failed["status"] == "failed"
    assert (await market.read(f"/v1/bookings/{stale['id']}", market.buyer))["status"] == "expired"


async def asking_to_move(market: Market) -> tuple[dict[str, Any], UUID]:
    """A booking, and the place on another unit to which it asks to move, about which the time has run out."""
    elsewhere = await market.world.slot(await market.world.unit(market.cdmo), 200, 300)
    booked = await market.confirmed(10)
    asked = await market.move(booked, 210, slot_id=str(elsewhere.id))
    late = update(Booking).where(col(Booking.id) == asked["pending_move_id"])
    async with transaction(market.world.sessions) as session:
        await session.execute(late.values(approval_expires_at=text("now() - interval '1 second'")))
    return asked, UUID(asked["pending_move_id"])


async def decline(app: FastAPI) -> int:
    async with transaction(app.state.sessions) as session:
        return await decline_overdue(session, Author.of_job("test"))


async def test_a_sweep_ends_an_overdue_move_without_its_request(app: FastAPI, market: Market) -> None:
    booked, pending = await asking_to_move(market)
    async with transaction(market.world.sessions) as session:
        await session.get_one(Request, market.request.id, with_for_update={"key_share": True})
        moving = asyncio.create_task(market.move(booked, 60))
        await row_waited_for(market.world.sessions)
        # The move has its units, waits for its request, and is to end the overdue one itself.
        assert await decline(app) == 1
    assert (await moving)["start"] == str(day(60))
    assert (await market.read(f"/v1/bookings/{pending}", market.buyer))["ended_reason_code"] == "approval_overdue"


@pytest.mark.parametrize("how", ["cancel", "start", "move", "sweep"])
async def test_whatever_ends_a_booking_locks_its_request_before_the_move_that_it_asks_for(
    app: FastAPI, market: Market, how: str
) -> None:
    booked, pending = await asking_to_move(market)
    if how == "sweep":
        both = update(Booking).values(status=BookingStatus.AWAITING_CDMO, approval_expires_at=text("now()"))
        async with transaction(market.world.sessions) as session:
            await session.execute(both)
    endings: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "cancel": lambda: market.step(booked, "cancel", by=market.buyer, reason_code="funding"),
        "start": lambda: market.begin(booked),
        "move": lambda: market.move(booked, 60),
        "sweep": lambda: decline(app),
    }
    async with transaction(market.world.sessions) as session:
        await session.get_one(Request, market.request.id, with_for_update={"key_share": True})
        asked = asyncio.create_task(endings[how]())
        await row_waited_for(market.world.sessions)
        await session.get_one(Booking, pending, with_for_update={"key_share": True, "nowait": True})
    await asked
    assert (await market.read(f"/v1/bookings/{pending}", market.buyer))["ended_reason_code"] == "approval_overdue"
