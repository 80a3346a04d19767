"""Which bookings a plan may ask to give way at all, as the calendars have them: none that runs, nor a mere hold."""

from datetime import timedelta
from typing import Any

import pytest

from app.bookings.models import LIVE, Booking, BookingSource, BookingStatus, FailureCause
from app.core.clock import now
from app.core.database import transaction
from app.crisis.calendar_repository import live_bookings
from tests.app.crisis.conftest import booked, maker
from tests.support.world import World, day

pytestmark = pytest.mark.database

EACH_DAYS = 10
NEVER = {BookingSource.CRISIS, BookingSource.MOVE}
"""What no displacement moves: an order itself, and a place to which a booking only asks to move."""


def of_kind(status: BookingStatus, source: BookingSource, other: Booking) -> dict[str, Any]:
    """Return a status and a source with what the database asks of a booking that has them."""
    more: dict[str, dict[str, Any]] = {
        BookingStatus.HELD: {"hold_expires_at": now() + timedelta(days=1)},
        BookingStatus.FAILED: {"failure_cause": FailureCause.CDMO},
        BookingSource.MOVE: {"moves_id": other.id, "move": {}},
        BookingSource.REPEAT: {"repeats_id": other.id},
    }
    return {"status": status, "source": source, **more.get(status, {}), **more.get(source, {})}


async def test_only_what_is_agreed_and_has_not_begun_is_firm(world: World) -> None:
    kinds = [(status, source) for status in BookingStatus for source in BookingSource]
    made, elsewhere = await maker(world), await maker(world)
    slot = await world.slot(made.unit, 0, EACH_DAYS * len(kinds))
    other = (await booked(world, await world.slot(elsewhere.unit), 0, EACH_DAYS)).booking
    stored = {}
    for number, (status, source) in enumerate(kinds):
        start = EACH_DAYS * number
        lot = await booked(world, slot, start, start + EACH_DAYS, **of_kind(status, source, other))
        stored[lot.booking.id] = status, source
    async with transaction(world.sessions) as session:
        found = {one.booking_id: one.firm for one in await live_bookings(session, [made.unit.id], slot.id, day(0))}
    assert {stored[one] for one in found} == {kind for kind in kinds if kind[0] in LIVE}
    agreed = {BookingStatus.CONFIRMED, BookingStatus.AWAITING_CDMO}
    firm = {(status, source) for status, source in kinds if status in agreed and source not in NEVER}
    assert {stored[one] for one, is_firm in found.items() if is_firm} == firm
