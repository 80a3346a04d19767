"""Moves beside the waiting list: one that is asked for keeps nobody from an earlier place, nor does one that ended."""

import pytest

from app.capacity.models import Approval
from tests.app.allocation.test_waiting_earlier import FEE, wish
from tests.app.allocation.waiting_room import Room, days_of
from tests.support.world import day

pytestmark = pytest.mark.database

MOVE_FEE = 10_000_000
"""A tenth of the price, for each move after the free one."""


@pytest.fixture
async def wide(room: Room) -> Room:
    """A slot of 160 days."""
    await room.sql("UPDATE slots SET period = '[2030-01-01,2030-06-10)'")
    return room


async def approval(room: Room, how: Approval) -> None:
    await room.sql("UPDATE slots SET approval = :how", how=how.value)


async def ask_to_move(room: Room, booking: str, start: int) -> str:
    """Ask for another place of which the CDMO has to approve."""
    await approval(room, Approval.BY_CDMO)
    body = {"start": str(day(start)), "reason_code": "funding"}
    moving = await room.post("mover", f"/v1/bookings/{booking}/move", body)
    await approval(room, Approval.INSTANT)
    return str(moving["pending_move_id"])


async def test_a_request_whose_move_awaits_the_cdmo_takes_an_earlier_place(wide: Room) -> None:
    first, later = await wide.book("holder"), await wide.book("mover", 60)
    pending = await ask_to_move(wide, later, 110)
    await wish(wide, "mover")
    await wide.cancel("holder", first)
    assert await wide.decided()
    [offer] = await wide.offers("mover")
    assert days_of(offer) == (day(0), day(43))
    assert offer["replaces_booking_id"] == later
    assert (await wide.answer("mover", "accept"))["booking_status"] == "confirmed"
    ended = {one: (await wide.get("mover", f"/v1/bookings/{one}"))["status"] for one in (later, pending)}
    assert ended == {later: "cancelled", pending: "released"}
    live = "SELECT count(*) FROM bookings WHERE status IN ('held', 'awaiting_cdmo', 'confirmed')"
    assert await wide.scalar(live) == 1


@pytest.mark.parametrize("end", ["cancelled", "moved"])
async def test_a_move_that_has_ended_bars_nobody_from_its_days(wide: Room, end: str) -> None:
    """The place that it held is nothing that the request has given up."""
    later = await wide.book("mover", 60)
    pending = await ask_to_move(wide, later, 0)
    if end == "cancelled":
        await wide.post("mover", f"/v1/bookings/{pending}/cancel", {"reason_code": "planning"})
    else:
        await wide.post(
            "mover", f"/v1/bookings/{later}/move", {"start": str(day(110)), "reason_code": "funding"}, expect=409
        )
        await wide.post(wide.seller, f"/v1/bookings/{pending}/approve")
        await wide.post("mover", f"/v1/bookings/{later}/move", {"start": str(day(60)), "reason_code": "funding"})
    first = await wide.book("holder")
    await wish(wide, "mover")
    await wide.cancel("holder", first)
    assert await wide.decided()
    [offer] = await wide.offers("mover")
    assert days_of(offer) == (day(0), day(43))


async def test_to_leave_for_an_earlier_place_is_free_and_what_was_paid_to_move_before_stays_paid(wide: Room) -> None:
    first, later = await wide.book("holder"), await wide.book("mover", 60)
    for start in (70, 80):
        await wide.post("mover", f"/v1/bookings/{later}/move", {"start": str(day(start)), "reason_code": "funding"})
    await wish(wide, "mover")
    await wide.cancel("holder", first)
    assert await wide.decided()
    await wide.answer("mover", "accept")
    charges = (await wide.get("mover", "/v1/charges"))["items"]
    assert [(one["kind"], one["amount_cents"]) for one in charges] == [
        ("reservation_fee", FEE),
        ("move_fee", MOVE_FEE),
        ("reservation_fee", FEE),
        ("reservation_fee", -FEE),
    ]
