"""No hold outlasts the day on which its period can still begin, and nothing is confirmed whose start is past."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.bookings.models import Booking
from app.bookings.rules import answer_deadline
from app.capacity.models import Slot
from app.catalogue.models import Unit
from app.core.clock import SITE_ZONE, today
from app.core.database import transaction
from app.core.model import period
from tests.app.bookings.conftest import FAILED, Market


def begin_of(day: date) -> datetime:
    """The midnight at the sites with which a day begins."""
    return datetime.combine(day, time.min, SITE_ZONE)


@pytest.mark.parametrize(
    ("instant", "until"),
    [(True, datetime(2030, 3, 31, 22, tzinfo=UTC)), (False, datetime(2030, 3, 30, 23, tzinfo=UTC))],
)
def test_a_place_can_be_taken_on_its_first_day_unless_its_cdmo_has_to_approve(instant: bool, until: datetime) -> None:
    """On the last Sunday in March, which has 23 hours at the sites."""
    assert answer_deadline(date(2030, 3, 31), instant=instant) == until


@pytest.mark.parametrize(("days", "held_days"), [(0, 1), (3, 4), (9, 10)])
async def test_a_repeat_is_held_no_longer_than_it_can_begin(market: Market, days: int, held_days: int) -> None:
    start = today() + timedelta(days=days)
    # Another unit of the line: the one on which it failed is changed over first.
    other = await market.world.add(Unit(line_id=market.unit.line_id, name="Unit 2"))
    slot = await market.world.add(Slot(unit_id=other.id, period=period(start, start + timedelta(days=60))))
    booked = await market.confirmed(10)
    await market.begin(booked)
    repeat: dict[str, Any] = {"repeat_slot_id": str(slot.id), "repeat_start": str(start)}
    await market.step(booked, "fail", by=market.seller, cause="cdmo", **FAILED, **repeat)
    [held] = (await market.read("/v1/bookings?status=held", market.buyer))["items"]
    until = datetime.fromisoformat(held["hold_expires_at"])
    ten_days = datetime.now(UTC) + timedelta(hours=240)
    assert until == begin_of(today() + timedelta(days=held_days)) or abs(until - ten_days) < timedelta(minutes=1)
    assert until <= begin_of(start + timedelta(days=1))


async def test_what_has_begun_is_not_confirmed_however_long_it_is_held(market: Market) -> None:
    slot = await market.slot_in(-1)
    other = await market.world.request(market.product, earliest_on=today())
    held = await market.hold(str(today()), slot_id=str(slot.id), request_id=str(other.id))
    begun = period(today() - timedelta(days=1), today() + timedelta(days=42))
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).where(col(Booking.id) == held["id"]).values(period=begun))
    problem = await market.step(held, "confirm", by=market.buyer, expect=422)
    assert (problem["type"], problem["today"]) == ("urn:creneau:problem:in-the-past", str(today()))
    assert await market.charges() == []
