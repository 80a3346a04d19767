"""What changes while a hold waits for its unit: the slot, and what has run out in the way."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import text

from app.audit.author import Author
from app.bookings import service
from app.bookings.models import BookingSource, BookingStatus
from app.bookings.service import BookingDraft
from app.capacity.models import Slot
from app.capacity.service import lock_units
from app.core.clock import now
from app.core.database import SessionFactory, transaction
from app.core.model import period
from tests.app.bookings.conftest import Market
from tests.support.world import day

AUTHOR = Author.of_job("test")
WAITING_FOR_LOCK = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database AND datname = current_database()"
    " WHERE locktype = 'advisory' AND NOT granted"
)


async def somebody_waits(sessions: SessionFactory) -> None:
    """Return once a transaction waits for the lock of a unit."""
    async with asyncio.timeout(10), transaction(sessions) as session:
        while not await session.scalar(WAITING_FOR_LOCK):  # noqa: ASYNC110 - it is the database's word
            await asyncio.sleep(0.02)


async def hold_while_the_price_changes(market: Market, *, expect: int, **body: Any) -> dict[str, Any]:
    """Hold while the CDMO, who has the unit locked, changes the price that was read before."""
    async with transaction(market.world.sessions) as session:
        await lock_units(session, [market.unit.id])
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(market.hold(10, expect=expect, **body))
            await somebody_waits(market.world.sessions)
            (await session.get_one(Slot, market.slot.id)).price_cents = 90_000_000
            await session.commit()
    return asked.result()


async def test_a_hold_at_the_terms_of_a_slot_that_is_changed_meanwhile_is_refused(market: Market) -> None:
    refused = await hold_while_the_price_changes(market, expect=409)
    assert refused["type"] == "urn:creneau:problem:slot-changed"
    assert refused["slot_id"] == str(market.slot.id)
    assert (await market.read("/v1/bookings", market.buyer))["items"] == []
    assert (await market.hold(10))["price_cents"] == 90_000_000


async def test_a_hold_at_once_in_a_slot_that_is_changed_meanwhile_is_made_as_the_slot_is_now(market: Market) -> None:
    held = await hold_while_the_price_changes(market, expect=201, product_id=str(market.product.id))
    assert held["price_cents"] == 90_000_000


async def test_what_runs_out_while_a_booking_waits_for_its_unit_is_not_in_its_way(app: FastAPI, market: Market) -> None:
    sessions: SessionFactory = app.state.sessions
    short = BookingDraft(
        slot_id=market.slot.id,
        organisation_id=market.startup.id,
        period=period(day(20), day(60)),
        delivery_on=day(99),
        batches=1,
        price_cents=100,
        source=BookingSource.DIRECT,
        hold_expires_at=now() + timedelta(seconds=1),
    )

    async def book(draft: BookingDraft) -> UUID:
        async with transaction(sessions) as session:
            return (await service.create_booking(session, AUTHOR, draft)).id

    stale = await book(short)
    async with transaction(sessions) as session:
        await lock_units(session, [market.unit.id])
        asked = asyncio.create_task(book(replace(short, hold_expires_at=now() + timedelta(hours=1))))
        await somebody_waits(market.world.sessions)
        assert short.hold_expires_at is not None
        await asyncio.sleep((short.hold_expires_at - now()).total_seconds() + 0.05)
    await asked
    async with transaction(sessions) as session:
        assert (await service.locked(session, stale)).status is BookingStatus.EXPIRED
