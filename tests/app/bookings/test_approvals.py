"""Approval deadlines: what a CDMO leaves unanswered is declined, with and without a sweeper."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.audit.author import Author
from app.bookings import service
from app.bookings.models import Booking
from app.bookings.rules import approval_deadline
from app.capacity.models import Approval, Slot
from app.core.clock import SITE_ZONE, now, today
from app.core.database import transaction
from app.core.model import period
from app.worker import SWEEPS
from tests.app.bookings.conftest import Market
from tests.support.world import day

AUTHOR = Author.of_job("test")


@pytest.fixture
async def asked(market: Market) -> dict[str, object]:
    """A booking that awaits its CDMO."""
    await market.by_approval()
    return await market.step(await market.hold(), "confirm", by=market.buyer)


async def make_overdue(market: Market, booking: dict[str, object]) -> None:
    async with transaction(market.world.sessions) as session:
        late = now() - timedelta(seconds=1)
        await session.execute(update(Booking).where(col(Booking.id) == booking["id"]).values(approval_expires_at=late))


def test_the_deadline_is_never_later_than_the_start() -> None:
    asked_at = datetime(2030, 3, 1, 12, tzinfo=SITE_ZONE)
    assert approval_deadline(day(300), asked_at, 120) == asked_at + timedelta(hours=120)
    start = asked_at.date() + timedelta(days=2)
    assert approval_deadline(start, asked_at, 120) == datetime(start.year, start.month, start.day, tzinfo=SITE_ZONE)


async def test_a_question_to_a_cdmo_says_until_when_it_may_answer(market: Market, asked: dict[str, object]) -> None:
    left = datetime.fromisoformat(str(asked["approval_expires_at"])) - now()
    assert timedelta(hours=119) < left <= timedelta(hours=120)
    approved = await market.step(asked, "approve", by=market.seller)
    assert approved["approval_expires_at"] is None


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_could_not_be_approved_in_time_any_more_is_not_held(market: Market, at_once: bool) -> None:
    slot = await market.slot_in(0)
    other = await market.world.request(market.product, earliest_on=today())
    named: dict[str, Any] = {"product_id": str(market.product.id)} if at_once else {"request_id": str(other.id)}
    named["slot_id"] = str(slot.id)
    await market.by_approval(slot)
    problem = await market.hold(str(today()), expect=409, **named)
    assert (problem["type"], problem["start"]) == ("urn:creneau:problem:too-late-to-approve", str(today()))
    assert (await market.read("/v1/bookings", market.buyer))["items"] == []
    await market.hold(str(today() + timedelta(days=1)), **named)


async def test_what_is_overdue_is_declined_by_the_sweep_and_its_request_waits_again(
    market: Market, asked: dict[str, object]
) -> None:
    async with transaction(market.world.sessions) as session:
        assert await SWEEPS["overdue_approvals"](session) == 0
    await make_overdue(market, asked)
    async with transaction(market.world.sessions) as session:
        assert await SWEEPS["overdue_approvals"](session) == 1
    read = await market.read(f"/v1/bookings/{asked['id']}", market.buyer)
    assert (read["status"], read["ended_reason_code"]) == ("declined", "approval_overdue")
    request = await market.read(f"/v1/requests/{asked['request_id']}", market.buyer)
    assert request["status"] == "submitted"
    assert await market.charges() == []


async def test_what_is_overdue_is_never_in_the_way_of_a_new_hold(market: Market, asked: dict[str, object]) -> None:
    other = await market.world.request(market.product)
    await market.hold(request_id=str(other.id), expect=409)
    await make_overdue(market, asked)
    await market.hold(request_id=str(other.id))
    assert (await market.read(f"/v1/bookings/{asked['id']}", market.buyer))["status"] == "declined"


@pytest.mark.parametrize("swept", [False, True])
async def test_a_cdmo_that_comes_too_late_is_told_so(market: Market, asked: dict[str, object], swept: bool) -> None:
    await make_overdue(market, asked)
    if swept:
        async with transaction(market.world.sessions) as session:
            await service.decline_overdue(session, AUTHOR)
    problem = await market.step(asked, "approve", by=market.seller, expect=409)
    assert problem["type"] == "urn:creneau:problem:approval-overdue"
    assert await market.charges() == []


async def test_nobody_waits_for_an_approval_of_a_period_that_has_begun(market: Market) -> None:
    slot = await market.slot_in(0)
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(approval=Approval.BY_CDMO))
    other = await market.world.request(market.product, earliest_on=today())
    held = await market.hold(str(today() + timedelta(days=1)), slot_id=str(slot.id), request_id=str(other.id))
    begun = period(today(), today() + timedelta(days=43))
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).where(col(Booking.id) == held["id"]).values(period=begun))
    problem = await market.step(held, "confirm", by=market.buyer, expect=409)
    assert problem["type"] == "urn:creneau:problem:too-late-to-approve"
