"""Moves that their CDMO is asked about: both places held, and what becomes of a question that nobody answers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.bookings.models import Booking
from app.capacity.models import Approval, FreezeHolder, SlotFreeze
from app.core.clock import now
from app.core.database import transaction
from app.core.model import new_id, period
from app.worker import SWEEPS
from tests.app.bookings.conftest import Market, place
from tests.app.bookings.test_slips import neighbour, slipped
from tests.support.world import day

FEE = 15_000_000


async def overdue(market: Market, booking: Mapping[str, Any]) -> None:
    """Let the time run out in which a CDMO may approve; nothing sweeps."""
    async with transaction(market.world.sessions) as session:
        late = update(Booking).where(col(Booking.id) == booking["id"]).values(approval_expires_at=now())
        await session.execute(late)


async def test_a_move_that_needs_approval_holds_both_places_until_the_cdmo_has_answered(market: Market) -> None:
    later = await market.world.slot(market.unit, 200, 300)
    booked = await market.confirmed(10)
    moving = await market.move(booked, 210, slot_id=str(later.id))
    assert place(moving) == place(booked)
    pending = await market.read(f"/v1/bookings/{moving['pending_move_id']}", market.seller)
    assert (pending["status"], pending["source"], pending["moves_id"]) == ("awaiting_cdmo", "move", booked["id"])
    assert (pending["start"], pending["end"]) == (str(day(210)), str(day(253)))
    other = await market.world.request(market.product)
    await market.hold(20, request_id=str(other.id), expect=409)
    await market.hold(220, slot_id=str(later.id), request_id=str(other.id), expect=409)
    problem = await market.move(booked, 60, expect=409)
    assert (problem["type"], problem["pending_move_id"]) == ("urn:creneau:problem:move-pending", pending["id"])
    await market.step(pending, "approve", by=market.seller)
    moved = await market.read(f"/v1/bookings/{booked['id']}", market.buyer)
    assert (moved["status"], moved["pending_move_id"]) == ("confirmed", None)
    assert place(moved) == (str(later.id), str(day(210)), str(day(253)))
    ended = await market.read(f"/v1/bookings/{pending['id']}", market.buyer)
    assert (ended["status"], ended["ended_reason_code"]) == ("released", "moved")
    await market.hold(20, request_id=str(other.id))
    assert await market.charges() == [("reservation_fee", FEE)]


async def test_a_shift_over_ones_own_days_is_approved_like_any_move(market: Market) -> None:
    booked = await market.confirmed(10)
    await market.by_approval()
    moving = await market.move(booked, 15)
    async with transaction(market.world.sessions) as session:
        asked = await session.get_one(Booking, moving["pending_move_id"])
        # Days 10 to 53 are held already: what is new is held beside them.
        assert asked.period == period(day(53), day(58))
        session.add(SlotFreeze(slot_id=market.slot.id, holder=FreezeHolder.ROUND, holder_id=new_id()))
    await market.step({"id": moving["pending_move_id"]}, "approve", by=market.seller)
    moved = await market.read(f"/v1/bookings/{booked['id']}", market.buyer)
    assert (moved["start"], moved["end"], moved["status"]) == (str(day(15)), str(day(58)), "confirmed")


@pytest.mark.parametrize("end", ["decline", "cancel", "overdue"])
async def test_a_move_that_is_not_approved_leaves_the_booking_where_it_is(market: Market, end: str) -> None:
    later = await market.world.slot(market.unit, 200, 300)
    booked = await market.confirmed(10)
    pending = {"id": (await market.move(booked, 210, slot_id=str(later.id)))["pending_move_id"]}
    if end == "decline":
        await market.step(pending, "decline", by=market.seller, reason_code="planning")
    elif end == "cancel":
        await market.step(pending, "cancel", by=market.buyer, reason_code="planning")
    else:
        await overdue(market, pending)
        other = await market.world.request(market.product)
        await market.hold(220, slot_id=str(later.id), request_id=str(other.id))
    after = await market.read(f"/v1/bookings/{booked['id']}", market.buyer)
    assert (after["status"], after["pending_move_id"]) == ("confirmed", None)
    assert place(after) == place(booked)
    assert (await market.read(f"/v1/requests/{booked['request_id']}", market.buyer))["status"] == "booked"
    assert await market.charges() == [("reservation_fee", FEE)]


async def test_a_move_that_was_not_approved_in_time_stands_against_no_other(market: Market) -> None:
    later = await market.world.slot(market.unit, 200, 300)
    booked = await market.confirmed(10)
    pending = {"id": (await market.move(booked, 210, slot_id=str(later.id)))["pending_move_id"]}
    await overdue(market, pending)
    assert (await market.move(booked, 60))["start"] == str(day(60))
    ended = await market.read(f"/v1/bookings/{pending['id']}", market.buyer)
    assert (ended["status"], ended["ended_reason_code"]) == ("declined", "approval_overdue")


@pytest.mark.parametrize("end", ["cancel", "start", "move"])
async def test_a_move_that_was_not_approved_in_time_counts_as_declined_whatever_notes_it(
    market: Market, end: str
) -> None:
    unit = await market.world.unit(market.cdmo)
    later = await market.world.slot(unit, 200, 300)
    booked = await market.confirmed(10)
    pending = {"id": (await market.move(booked, 210, slot_id=str(later.id)))["pending_move_id"]}
    await overdue(market, pending)
    if end == "cancel":
        await market.step(booked, "cancel", by=market.buyer, reason_code="funding")
    elif end == "start":
        await market.begin(booked)
    else:
        await market.move(booked, 15)
    ended = await market.read(f"/v1/bookings/{pending['id']}", market.buyer)
    assert (ended["status"], ended["ended_reason_code"]) == ("declined", "approval_overdue")


async def test_a_sweep_declines_a_booking_and_the_move_that_it_asked_for_when_both_are_overdue(market: Market) -> None:
    await market.by_approval()
    asked = await market.confirmed(10)
    pending = {"id": (await market.move(asked, 60))["pending_move_id"]}
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).values(approval_expires_at=now()))
    async with transaction(market.world.sessions) as session:
        assert await SWEEPS["overdue_approvals"](session) == 2
    for one in (asked, pending):
        ended = await market.read(f"/v1/bookings/{one['id']}", market.buyer)
        assert (ended["status"], ended["ended_reason_code"]) == ("declined", "approval_overdue")


async def test_what_was_not_approved_in_time_does_not_move(market: Market) -> None:
    later = await market.world.slot(market.unit, 200, 300, approval=Approval.INSTANT)
    await market.by_approval(market.slot)
    asked = await market.confirmed(10)
    await overdue(market, asked)
    problem = await market.move(asked, 200, slot_id=str(later.id), expect=409)
    assert problem["type"] == "urn:creneau:problem:approval-overdue"
    assert await market.charges() == []


async def test_a_booking_that_was_approved_before_its_move_pays_the_reservation_of_the_new_place(
    market: Market,
) -> None:
    dearer = await market.world.slot(market.unit, 200, 300, price_cents=120_000_000)
    await market.by_approval(market.slot)
    asked = await market.confirmed(10)
    pending = {"id": (await market.move(asked, 210, slot_id=str(dearer.id)))["pending_move_id"]}
    await market.step(asked, "approve", by=market.seller)
    assert await market.charges() == [("reservation_fee", FEE)]
    await market.step(pending, "approve", by=market.seller)
    assert await market.charges() == [("reservation_fee", FEE), ("reservation_fee", 3_000_000)]


async def test_a_question_about_a_move_does_not_outlast_the_one_about_the_booking(market: Market) -> None:
    await market.by_approval()
    asked = await market.confirmed(10)
    soon = now() + timedelta(hours=1)
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).values(approval_expires_at=soon))
    moving = await market.move(asked, 60)
    pending = await market.read(f"/v1/bookings/{moving['pending_move_id']}", market.seller)
    assert datetime.fromisoformat(pending["approval_expires_at"]) == soon


@pytest.mark.parametrize("verb", ["cancel", "start"])
async def test_a_booking_that_is_cancelled_or_starts_ends_its_pending_move(market: Market, verb: str) -> None:
    later = await market.world.slot(market.unit, 200, 300)
    booked = await market.confirmed(10)
    pending = {"id": (await market.move(booked, 210, slot_id=str(later.id)))["pending_move_id"]}
    if verb == "cancel":
        await market.step(booked, "cancel", by=market.buyer, reason_code="funding")
    else:
        await market.begin(booked)
    ended = await market.read(f"/v1/bookings/{pending['id']}", market.buyer)
    assert ended["status"] == "released"
    await market.step(pending, "approve", by=market.seller, expect=409)
    request = await market.read(f"/v1/requests/{booked['request_id']}", market.buyer)
    assert request["status"] == ("submitted" if verb == "cancel" else "booked")


async def test_what_its_cdmo_has_not_approved_moves_for_nothing_and_to_an_instant_place_is_confirmed(
    market: Market,
) -> None:
    await market.by_approval(market.slot)
    later = await market.world.slot(market.unit, 200, 300, approval=Approval.INSTANT)
    asked = await market.confirmed(10)
    moved = await market.move(asked, 200, slot_id=str(later.id))
    assert (moved["status"], moved["approval_expires_at"]) == ("confirmed", None)
    assert await market.charges() == [("reservation_fee", FEE)]
    quote = await market.read(f"/v1/bookings/{asked['id']}/quote", market.buyer)
    assert quote["free_moves_left"] == 1


@pytest.mark.parametrize("to", [50, 70])
async def test_a_booking_that_moves_over_its_own_days_is_asked_anew_where_it_is_still_run_over(
    market: Market, to: int
) -> None:
    await market.world.slot(market.unit, 120, 300, approval=Approval.INSTANT)
    first = await market.confirmed(0)
    booked, owner = await neighbour(market, 43)
    await market.by_approval(market.slot)
    asking = await market.move(booked, to, by=owner)
    [told] = (await slipped(market, first, 60))["moves"]
    assert (told["booking_id"], told["start"]) == (booked["id"], str(day(120)))
    await market.step({"id": asking["pending_move_id"]}, "approve", by=market.seller)
    [asked] = (await market.read("/v1/slip-moves", owner))["items"]
    if to == 70:
        assert asked["status"] == "withdrawn"
        return
    assert (asked["id"], asked["status"], asked["start"]) == (told["id"], "proposed", str(day(60)))
    await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=200)
    assert (await market.read(f"/v1/bookings/{booked['id']}", owner))["start"] == str(day(60))


@pytest.mark.parametrize("where", ["before it", "on another unit"])
async def test_a_booking_that_moves_out_of_the_way_hears_no_more_of_the_slip(market: Market, where: str) -> None:
    slot = await market.world.slot(market.unit, 200, 300, approval=Approval.INSTANT)
    first = await market.confirmed(200, slot_id=str(slot.id), product_id=str(market.product.id))
    booked, owner = await neighbour(market, 243, slot_id=str(slot.id))
    elsewhere, start = market.slot, 10
    await market.by_approval(elsewhere)
    if where == "on another unit":
        elsewhere, start = await market.world.slot(await market.world.unit(market.cdmo), 200, 300), 245
    asking = await market.move(booked, start, by=owner, slot_id=str(elsewhere.id))
    await slipped(market, first, 250)
    await market.step({"id": asking["pending_move_id"]}, "approve", by=market.seller)
    [asked] = (await market.read("/v1/slip-moves", owner))["items"]
    assert asked["status"] == "withdrawn"
