"""Resale credits over HTTP: a cancelled place that is booked again brings its canceller's fee down, and back up."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.bookings.models import Charge, ChargeKind
from app.capacity.models import Slot
from app.core.clock import today
from tests.app.bookings.conftest import Headers, Market

PRICE = 100_000_000
DAYS = 43


@pytest.fixture
async def near(market: Market) -> Slot:
    """A slot that begins in 60 days: leaving it costs 55 % of the price."""
    return await market.slot_in(60)


async def booked(market: Market, slot: Slot, offset: int = 0, *, by: Headers | None = None) -> dict[str, Any]:
    """A confirmed booking so many days into the slot, of the market's start-up or of another one."""
    headers = by or market.buyer
    product = market.product
    if by is not None:
        startup, fresh = await market.world.startup()
        headers, product = fresh, await market.world.product(startup)
    body = {"slot_id": str(slot.id), "start": str(today() + timedelta(days=60 + offset)), "product_id": str(product.id)}
    held = await market.send("/v1/bookings", body, headers=headers, expect=201)
    return {**await market.step(held, "confirm", by=headers), "headers": headers}


async def cancelled(market: Market, booking: dict[str, Any], by: Headers | None = None) -> None:
    reason = "funding" if by is None else "planning"
    await market.step(booking, "cancel", by=by or booking["headers"], reason_code=reason)


async def pays(market: Market, booking: dict[str, Any]) -> int:
    return sum(amount for _, amount in await market.charges(booking["headers"]))


async def test_the_fee_falls_by_the_days_that_are_sold_again(market: Market, near: Slot) -> None:
    first = await booked(market, near)
    await cancelled(market, first)
    assert await pays(market, first) == 55_000_000
    await booked(market, near, 10, by=market.buyer)
    credit = 55_000_000 * (DAYS - 10) // DAYS
    assert (await market.charges())[-1] == ("resale_credit", -credit)
    line = (await market.read("/v1/charges", market.buyer))["items"][-1]["detail"]
    assert (line["days"], line["of_days"], line["fee_cents"], line["credit_cents"]) == (33, 43, 55_000_000, credit)
    assert [kind for kind, _ in await market.charges(market.seller)].count("resale_credit") == 1


async def test_a_hold_alone_sells_nothing_again(market: Market, near: Slot) -> None:
    first = await booked(market, near)
    await cancelled(market, first)
    start = str(today() + timedelta(days=60))
    held = await market.hold(start, slot_id=str(near.id), product_id=str(market.product.id))
    assert await pays(market, first) == 55_000_000
    await market.step(held, "release", by=market.buyer)
    assert await pays(market, first) == 55_000_000


async def test_a_resale_that_is_called_off_gives_the_fee_back_as_far_as_its_own_does_not_cover_it(
    market: Market, near: Slot
) -> None:
    first = await booked(market, near)
    await cancelled(market, first)
    second = await booked(market, near, by=market.buyer)
    assert await pays(market, first) == 0
    # Its own fee is as high: what it gave stays given, and the CDMO has one fee for the days.
    await cancelled(market, second)
    assert (await pays(market, first), await pays(market, second)) == (0, 55_000_000)
    third = await booked(market, near, by=market.buyer)
    assert (await pays(market, first), await pays(market, second)) == (0, 0)
    await cancelled(market, third)
    assert sum([await pays(market, one) for one in (first, second, third)]) == 55_000_000


async def test_a_resale_that_moves_away_sells_the_days_no_more(market: Market, near: Slot) -> None:
    elsewhere = await market.slot_in(400)
    first = await booked(market, near)
    await cancelled(market, first)
    second = await booked(market, near, by=market.buyer)
    start = str(today() + timedelta(days=400))
    await market.move(second, start, by=second["headers"], slot_id=str(elsewhere.id))
    assert await pays(market, first) == 55_000_000
    await market.move(second, str(today() + timedelta(days=63)), by=second["headers"], slot_id=str(near.id))
    assert await pays(market, first) == 55_000_000 - 55_000_000 * 40 // 43


async def test_where_the_cdmo_calls_the_resale_off_the_credit_stays(market: Market, near: Slot) -> None:
    first = await booked(market, near)
    await cancelled(market, first)
    second = await booked(market, near, by=market.buyer)
    await cancelled(market, second, by=market.seller)
    assert (await pays(market, first), await pays(market, second)) == (0, 0)


async def test_who_left_at_no_fee_is_credited_nothing(market: Market, near: Slot) -> None:
    first = await booked(market, near)
    await cancelled(market, first, by=market.seller)
    await booked(market, near, by=market.buyer)
    assert await pays(market, first) == 0
    assert "resale_credit" not in [kind for kind, _ in await market.charges()]


async def test_what_another_start_up_paid_for_leaving_is_for_its_cdmo_and_the_coordinator(
    market: Market, near: Slot
) -> None:
    first = await booked(market, near)
    await cancelled(market, first)
    second = await booked(market, near, by=market.buyer)
    figures = {"code": "resale_cancelled", "resale_fee_cents": 123_456, "given_cents": 654_321}
    await market.world.add(
        Charge(
            organisation_id=market.startup.id,
            counterparty_id=market.cdmo.id,
            booking_id=UUID(first["id"]),
            resale_id=UUID(second["id"]),
            kind=ChargeKind.RESALE_CREDIT,
            amount_cents=1,
            detail=figures,
        )
    )
    for headers, told in (
        (market.buyer, {"code": "resale_cancelled"}),
        (market.seller, figures),
        (await market.world.coordinator(), figures),
    ):
        assert (await market.read("/v1/charges", headers))["items"][-1]["detail"] == told
        file = await market.client.get("/v1/charges/export?format=csv", headers=headers)
        assert ("123456" in file.text) == ("resale_fee_cents" in told)
