"""Repeats that a CDMO offers for a campaign that has failed: where, at what price, and under whose rules."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from app.capacity.models import Approval
from app.core.clock import today
from app.core.vocabulary import Reserve
from app.identity.models import Organisation
from app.matching.outcome import ReasonCode
from app.requests.models import Request
from tests.app.bookings.conftest import FAILED, FEE, PRICE, Market, owed, request_status
from tests.support.world import day


@pytest.mark.parametrize("cause", ["cdmo", "product"])
async def test_a_repeat_is_held_for_the_startup_at_the_price_of_the_first(market: Market, cause: str) -> None:
    later = await market.world.slot(market.unit, 200, 300, price_cents=1)
    booked = await market.confirmed(10)
    await market.begin(booked)
    repeat: dict[str, Any] = {"repeat_slot_id": str(later.id), "repeat_start": str(day(220))}
    await market.step(booked, "fail", by=market.seller, cause=cause, **FAILED, **repeat)
    [held] = (await market.read("/v1/bookings?status=held", market.buyer))["items"]
    assert (held["source"], held["repeats_id"], held["price_cents"]) == ("repeat", booked["id"], PRICE)
    assert (held["start"], held["end"], held["delivery_on"]) == (str(day(220)), str(day(263)), str(day(220 + 82)))
    # The CDMO has offered it: it needs no second approval.
    confirmed = await market.step(held, "confirm", by=market.buyer)
    assert confirmed["status"] == "confirmed"
    assert await request_status(market, booked) == "booked"
    await market.begin(held)
    await market.step(held, "complete", by=market.seller, actual_end_on=str(today()))
    assert await owed(market) == (PRICE if cause == "cdmo" else 2 * PRICE)


async def test_a_repeat_may_be_released_like_any_hold(market: Market) -> None:
    later = await market.world.slot(market.unit, 200, 300)
    booked = await market.confirmed(10)
    await market.begin(booked)
    repeat: dict[str, Any] = {"repeat_slot_id": str(later.id), "repeat_start": str(day(220))}
    await market.step(booked, "fail", by=market.seller, cause="cdmo", **FAILED, **repeat)
    [held] = (await market.read("/v1/bookings?status=held", market.buyer))["items"]
    await market.step(held, "confirm", by=market.seller, expect=403)
    await market.step(held, "release", by=market.buyer)
    assert await owed(market) == 0
    assert await request_status(market, booked) == "submitted"


async def test_a_repeat_that_cannot_be_held_fails_nothing_and_names_its_field(market: Market) -> None:
    elsewhere = await market.world.slot(await market.world.unit(market.cdmo))
    booked = await market.confirmed(10)
    other = await market.world.request(market.product)
    await market.confirmed(60, request_id=str(other.id))
    await market.begin(booked)
    for slot, start, status, pointer in (
        (elsewhere, 10, 422, "/repeat_slot_id"),
        (market.slot, 100, 422, "/repeat_start"),
        (market.slot, 70, 409, "/repeat_start"),
    ):
        repeat: dict[str, Any] = {"repeat_slot_id": str(slot.id), "repeat_start": str(day(start))}
        problem = await market.step(booked, "fail", by=market.seller, cause="cdmo", expect=status, **FAILED, **repeat)
        assert problem["errors"][0]["pointer"] == pointer
    halves = {"repeat_start": str(day(70)), "repeat_slot_id": str(market.slot.id)}
    for given, missing in zip(halves, reversed(halves), strict=True):
        half: dict[str, Any] = {given: halves[given]}
        problem = await market.step(booked, "fail", by=market.seller, cause="cdmo", expect=422, **FAILED, **half)
        assert problem["errors"][0]["pointer"] == f"/{missing}"
    assert (await market.read(f"/v1/bookings/{booked['id']}", market.buyer))["status"] == "in_production"
    assert await market.charges() == [("reservation_fee", FEE)] * 2


async def test_nothing_is_told_of_a_competitors_slot(market: Market) -> None:
    rival, _ = await market.world.cdmo()
    unit = await market.world.unit(rival)
    slots = [await market.world.slot(unit, 0, 100), await market.world.slot(unit, 200, 300)]
    booked = await market.confirmed(10)
    await market.begin(booked)
    told = set()
    for slot_id in (*(one.id for one in slots), uuid4()):
        for start in (20, 150, 220):
            repeat = {"repeat_slot_id": str(slot_id), "repeat_start": str(day(start))}
            answer = await market.step(booked, "fail", by=market.seller, cause="cdmo", expect=404, **FAILED, **repeat)
            told.add(str(answer).replace(str(slot_id), ""))
    assert len(told) == 1


async def test_a_repeat_is_not_offered_where_the_campaign_does_not_fit(market: Market) -> None:
    short = await market.world.slot(market.unit, 200, 242, divisible=False)
    booked = await market.confirmed(10)
    await market.begin(booked)
    repeat: dict[str, Any] = {"repeat_slot_id": str(short.id), "repeat_start": str(day(200))}
    problem = await market.step(booked, "fail", by=market.seller, cause="cdmo", expect=422, **FAILED, **repeat)
    assert problem["errors"][0]["pointer"] == "/repeat_slot_id"
    assert (problem["slot_days"], problem["duration_days"]) == (42, 43)


async def test_a_repeat_takes_what_the_campaign_needs_and_not_what_its_first_slot_was(market: Market) -> None:
    wide = await market.world.slot(market.unit, 200, 260, divisible=False, approval=Approval.INSTANT)
    narrow = await market.world.slot(market.unit, 300, 350, divisible=False)
    booked = await market.confirmed(200, slot_id=str(wide.id))
    await market.begin(booked)
    repeat: dict[str, Any] = {"repeat_slot_id": str(narrow.id), "repeat_start": str(day(300))}
    await market.step(booked, "fail", by=market.seller, cause="cdmo", **FAILED, **repeat)
    [held] = (await market.read("/v1/bookings?status=held", market.buyer))["items"]
    assert (held["start"], held["end"], held["delivery_on"]) == (str(day(300)), str(day(350)), str(day(300 + 82)))
    await market.step(
        await market.step(held, "confirm", by=market.buyer), "start", by=market.seller, actual_start_on=str(today())
    )
    repeat = {"repeat_slot_id": str(market.slot.id), "repeat_start": str(day(60))}
    await market.step(held, "fail", by=market.seller, cause="cdmo", **FAILED, **repeat)
    [held] = (await market.read("/v1/bookings?status=held", market.buyer))["items"]
    assert (held["start"], held["end"], held["delivery_on"]) == (str(day(60)), str(day(103)), str(day(60 + 82)))


async def test_a_repeat_is_under_the_rules_of_its_slot(market: Market, owner: AsyncEngine) -> None:
    lent = await market.world.slot(market.unit, 200, 300, reserve=Reserve.CRISIS, lendable=True, recall_notice_days=5)
    released = await market.world.slot(
        market.unit, 400, 500, reserve=Reserve.STARTUP, releases_on=today() - timedelta(days=1)
    )
    async with owner.begin() as connection:
        await connection.execute(update(Request).values(accepts_recallable=True))
    booked = await market.confirmed(10)
    for slot, start, recallable, reserve in ((lent, 220, True, Reserve.CRISIS), (released, 420, False, Reserve.OPEN)):
        await market.begin(booked)
        repeat: dict[str, Any] = {"repeat_slot_id": str(slot.id), "repeat_start": str(day(start))}
        await market.step(booked, "fail", by=market.seller, cause="cdmo", **FAILED, **repeat)
        [booked] = (await market.read("/v1/bookings?status=held", market.buyer))["items"]
        assert (booked["recallable"], booked["reserve"]) == (recallable, reserve)
        await market.step(booked, "confirm", by=market.buyer)


@pytest.mark.parametrize(
    ("reserve", "country", "code"),
    [
        (Reserve.STARTUP, "BE", ReasonCode.RESERVED_FOR_STARTUPS),
        (Reserve.CRISIS, "FR", ReasonCode.RESERVED_FOR_CRISES),
    ],
)
async def test_what_a_cdmo_offers_does_not_open_a_reserve(
    market: Market, owner: AsyncEngine, reserve: Reserve, country: str, code: ReasonCode
) -> None:
    reserved = await market.world.slot(market.unit, 200, 300, reserve=reserve)
    booked = await market.confirmed(10)
    await market.begin(booked)
    async with owner.begin() as connection:
        elsewhere = update(Organisation).where(col(Organisation.id) == market.startup.id).values(country=country)
        await connection.execute(elsewhere)
    repeat: dict[str, Any] = {"repeat_slot_id": str(reserved.id), "repeat_start": str(day(220))}
    problem = await market.step(booked, "fail", by=market.seller, cause="cdmo", expect=409, **FAILED, **repeat)
    assert problem["errors"][0]["pointer"] == "/repeat_slot_id"
    assert [one["code"] for one in problem["reasons"]] == [code]
    assert (await market.read(f"/v1/bookings/{booked['id']}", market.buyer))["status"] == "in_production"
