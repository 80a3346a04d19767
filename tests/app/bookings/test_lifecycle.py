"""Confirming, approving, declining, cancelling, releasing: statuses, money, and who may see and do what."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.audit.models import AuditRecord
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.capacity.models import Approval, Slot
from app.catalogue.models import LineModality
from app.core.clock import now, today
from app.core.database import transaction
from app.core.model import period
from app.requests.models import Request, RequestStatus
from tests.app.bookings.conftest import FEE, Market
from tests.support.world import day

PRICE = 100_000_000


async def by_approval(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(approval=Approval.BY_CDMO))


async def request_status(market: Market) -> RequestStatus:
    async with transaction(market.world.sessions) as session:
        return (await session.get_one(Request, market.request.id)).status


async def test_an_instant_slot_on_a_standard_line_is_confirmed_at_once(market: Market) -> None:
    held = await market.hold()
    assert held["instant"] is True
    confirmed = await market.step(held, "confirm", by=market.buyer)
    assert (confirmed["status"], confirmed["hold_expires_at"]) == ("confirmed", None)
    assert confirmed["version"] == held["version"] + 1
    assert await market.charges() == [("reservation_fee", FEE)]
    assert await request_status(market) is RequestStatus.BOOKED


async def test_a_line_that_is_not_standard_awaits_its_cdmo_even_in_an_instant_slot(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        await session.execute(update(LineModality).values(is_standard=False))
    confirmed = await market.step(await market.hold(), "confirm", by=market.buyer)
    assert confirmed["status"] == "awaiting_cdmo"


async def test_the_fee_is_charged_when_the_cdmo_approves(market: Market) -> None:
    await by_approval(market)
    asked = await market.step(await market.hold(), "confirm", by=market.buyer)
    assert asked["status"] == "awaiting_cdmo"
    assert await market.charges() == []
    approved = await market.step(asked, "approve", by=market.seller)
    assert approved["status"] == "confirmed"
    assert await market.charges() == [("reservation_fee", FEE)]
    assert await market.charges(market.seller) == [("reservation_fee", FEE)]


async def test_a_decline_costs_nothing_frees_the_period_and_the_request_waits_again(market: Market) -> None:
    await by_approval(market)
    asked = await market.step(await market.hold(), "confirm", by=market.buyer)
    declined = await market.step(asked, "decline", by=market.seller, reason_code="technical", reason_text="No filter.")
    assert (declined["status"], declined["ended_reason_code"]) == ("declined", "technical")
    assert await market.charges() == []
    assert await request_status(market) is RequestStatus.SUBMITTED
    await market.hold()


@pytest.mark.parametrize(
    ("days", "total"), [(200, FEE), (181, FEE), (180, 25_000_000), (91, 25_000_000), (90, 55_000_000), (30, PRICE)]
)
async def test_leaving_costs_what_was_quoted(market: Market, days: int, total: int) -> None:
    slot = await market.slot_in(days)
    start = today() + timedelta(days=days)
    held = await market.hold(str(start), slot_id=str(slot.id), product_id=str(market.product.id))
    await market.step(held, "confirm", by=market.buyer)
    quote = await market.read(f"/v1/bookings/{held['id']}/quote", market.buyer)
    assert quote["cancellation_today_cents"] == total
    on = str(today())
    [quoted] = [
        one
        for one in quote["cancellation"]
        if (one["start"] is None or one["start"] <= on) and (one["end"] is None or on < one["end"])
    ]
    assert (quoted["total_cents"], quoted["due_cents"]) == (total, total - FEE)
    cancelled = await market.step(held, "cancel", by=market.buyer, reason_code="funding")
    assert cancelled["status"] == "cancelled"
    assert sum(amount for _, amount in await market.charges()) == total


async def test_terms_are_those_of_the_day_of_the_hold(market: Market) -> None:
    held = await market.hold()
    async with transaction(market.world.sessions) as session:
        await session.execute(update(LineModality).values(price_cents=1))
    quote = await market.read(f"/v1/bookings/{held['id']}/quote", market.buyer)
    assert (quote["price_cents"], quote["reservation_fee_cents"]) == (PRICE, FEE)
    await market.step(held, "confirm", by=market.buyer)
    assert await market.charges() == [("reservation_fee", FEE)]


async def test_a_cancellation_by_the_cdmo_credits_everything(market: Market) -> None:
    held = await market.hold()
    await market.step(held, "confirm", by=market.buyer)
    await market.step(held, "cancel", by=market.seller, reason_code="equipment_failure")
    assert await market.charges() == [("reservation_fee", FEE), ("reservation_fee", -FEE)]
    assert await request_status(market) is RequestStatus.SUBMITTED


async def test_leaving_before_the_cdmo_has_approved_costs_nothing(market: Market) -> None:
    await by_approval(market)
    asked = await market.step(await market.hold(), "confirm", by=market.buyer)
    await market.step(asked, "cancel", by=market.buyer, reason_code="funding")
    assert await market.charges() == []


async def test_reasons_are_coded_and_each_side_has_its_own(market: Market) -> None:
    held = await market.hold()
    await market.step(held, "confirm", by=market.buyer)
    for body in ({}, {"reason_code": "because"}, {"reason_code": "equipment_failure"}):
        problem = await market.step(held, "cancel", by=market.buyer, expect=422, **body)
        assert problem["errors"][0]["pointer"] in {"/reason_code", ""}
    problem = await market.step(held, "cancel", by=market.seller, expect=422, reason_code="funding")
    assert "equipment_failure" in problem["allowed"]
    assert await market.charges() == [("reservation_fee", FEE)]


async def test_a_step_that_the_status_does_not_allow_changes_nothing(market: Market) -> None:
    held = await market.hold()
    await market.step(held, "cancel", by=market.buyer, expect=409, reason_code="funding")
    await market.step(held, "approve", by=market.seller, expect=409)
    await market.step(held, "decline", by=market.seller, expect=409, reason_code="planning")
    await market.step(held, "confirm", by=market.buyer)
    for verb in ("confirm", "release"):
        problem = await market.step(held, verb, by=market.buyer, expect=409)
        assert problem["booking_status"] == "confirmed"
    assert await market.charges() == [("reservation_fee", FEE)]


async def test_what_was_not_approved_in_time_is_asked_for_anew_before_any_sweep(market: Market) -> None:
    await by_approval(market)
    asked = await market.step(await market.hold(), "confirm", by=market.buyer)
    elsewhere = await market.world.slot(await market.world.unit(market.cdmo))
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).values(approval_expires_at=now()))
    await market.hold(slot_id=str(elsewhere.id))
    after = await market.read(f"/v1/bookings/{asked['id']}", market.buyer)
    assert (after["status"], after["ended_reason_code"]) == ("declined", "approval_overdue")
    assert await request_status(market) is RequestStatus.SUBMITTED


async def test_what_is_booked_is_not_confirmed_again_however_late_it_is(market: Market) -> None:
    await by_approval(market)
    asked = await market.step(await market.hold(), "confirm", by=market.buyer)
    await market.step(asked, "approve", by=market.seller)
    days = period(today() - timedelta(days=9), today() + timedelta(days=34))
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(period=period(today() - timedelta(days=9), day(120))))
        await session.execute(update(Booking).values(period=days))
    problem = await market.step(asked, "confirm", by=market.buyer, expect=409)
    assert (problem["type"], problem["booking_status"]) == ("urn:creneau:problem:wrong-status", "confirmed")


async def test_what_awaits_its_cdmo_is_cancelled_and_not_released(market: Market) -> None:
    await by_approval(market)
    asked = await market.step(await market.hold(), "confirm", by=market.buyer)
    problem = await market.step(asked, "release", by=market.buyer, expect=409)
    assert (problem["booking_status"], problem["allowed_in"]) == ("awaiting_cdmo", ["held"])
    assert (await market.read(f"/v1/bookings/{asked['id']}", market.buyer))["status"] == "awaiting_cdmo"


async def test_what_is_held_for_an_offer_is_answered_there(market: Market) -> None:
    held = await market.hold()
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).values(source=BookingSource.ROUND))
    for verb in ("confirm", "release"):
        problem = await market.step(held, verb, by=market.buyer, expect=409)
        assert problem["source"] == "round"
    assert (await market.read(f"/v1/bookings/{held['id']}", market.buyer))["status"] == "held"


async def test_what_a_crisis_ordered_is_answered_by_its_order(market: Market) -> None:
    held = await market.hold()
    for status in (BookingStatus.AWAITING_CDMO, BookingStatus.CONFIRMED):
        async with transaction(market.world.sessions) as session:
            change = update(Booking).values(source=BookingSource.CRISIS, status=status, hold_expires_at=None)
            await session.execute(change)
        for verb, body in (
            ("approve", {}),
            ("decline", {"reason_code": "other"}),
            ("cancel", {"reason_code": "other"}),
        ):
            problem = await market.step(held, verb, by=market.seller, expect=409, **body)
            assert problem["source"] == "crisis"
        assert (await market.read(f"/v1/bookings/{held['id']}", market.seller))["status"] == status
    assert await market.charges() == []


async def test_every_write_leaves_a_record(market: Market) -> None:
    held = await market.hold()
    await market.step(held, "confirm", by=market.buyer)
    await market.step(held, "cancel", by=market.seller, reason_code="staffing", reason_text="Two people are ill.")
    async with transaction(market.world.sessions) as session:
        found = list(
            await session.scalars(
                select(AuditRecord)
                .where(col(AuditRecord.object_type).in_(["bookings", "charges", "requests"]))
                .order_by(col(AuditRecord.id))
            )
        )
    assert [one.action for one in found] == [
        "booking.held",
        "booking.confirmed",
        "request.booked",
        "charge.added",
        "booking.cancelled",
        "request.submitted",
        "charge.added",
    ]
    cancelled = found[4]
    assert (cancelled.reason_code, cancelled.reason_text) == ("staffing", "Two people are ill.")
    assert cancelled.before is not None
    assert cancelled.after is not None
    assert (cancelled.before["status"], cancelled.after["status"]) == ("confirmed", "cancelled")
    assert cancelled.organisation_id == market.cdmo.id


async def test_a_booking_in_the_database_keeps_its_terms(market: Market) -> None:
    held = await market.hold()
    async with transaction(market.world.sessions) as session:
        booking = await session.get_one(Booking, held["id"])
    assert booking.terms["policy_version"] == "fees/2"
    assert booking.terms["bands"][0] == {"notice_days_from": 181, "percent": None}


async def test_a_request_is_not_withdrawn_while_a_period_is_held_for_it(market: Market) -> None:
    booking = await market.hold()
    path = f"/v1/requests/{market.request.id}/withdraw"
    problem = await market.send(path, {}, headers=market.buyer, expect=409)
    assert "release the hold" in problem["detail"]
    await market.step(booking, "release", by=market.buyer)
    assert (await market.send(path, {}, headers=market.buyer, expect=200))["status"] == "withdrawn"
