"""What a CDMO owes when it cancels: what it had accepted when the booking was made, to the start-up, and only then."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from app.bookings.models import Booking
from app.catalogue.models import ProductionLine
from app.core.clock import today
from app.core.database import transaction
from tests.app.bookings.conftest import FAILED, FEE, PRICE, Headers, Market
from tests.app.bookings.test_slips import neighbour, slipped
from tests.support.world import day

OWED = PRICE // 5
CREDITED = [("reservation_fee", FEE), ("reservation_fee", -FEE)]


async def accept(market: Market, percent: int) -> None:
    """Have the CDMO say what it owes from now on."""
    path = f"/v1/lines/{market.unit.line_id}"
    changed = await market.client.patch(path, json={"cdmo_cancellation_percent": percent}, headers=market.seller)
    assert changed.status_code == 200, changed.text


async def cancelled(market: Market, booking: dict[str, Any], by: Headers | None = None) -> None:
    await market.step(booking, "cancel", by=by or market.seller, reason_code="planning")


async def quoted(market: Market, booking: dict[str, Any], **move: Any) -> dict[str, Any]:
    asked = "&".join(f"{name}={value}" for name, value in move.items())
    return await market.read(f"/v1/bookings/{booking['id']}/quote?{asked}", market.buyer)


@pytest.fixture(autouse=True)
async def accepted(market: Market) -> None:
    """A fifth of the price."""
    await accept(market, 20)


async def test_it_is_shown_beside_the_slots_and_quoted_before_it_binds(market: Market) -> None:
    path = f"/v1/slots/{market.slot.id}"
    for headers in (market.buyer, market.seller):
        assert (await market.read(path, headers))["cdmo_cancellation_percent"] == 20
        [found] = (await market.read("/v1/slots?modality=monoclonal_antibody", headers))["items"]
        assert found["cdmo_cancellation_percent"] == 20
    [option] = (await market.read(f"/v1/requests/{market.request.id}/matches", market.buyer))["options"]
    assert option["cdmo_cancellation_percent"] == 20
    held = await market.hold()
    quote = await quoted(market, held)
    assert (quote["cdmo_cancellation_percent"], quote["cdmo_cancellation_today_cents"]) == (20, 0)
    await market.step(held, "confirm", by=market.buyer)
    assert (await quoted(market, held))["cdmo_cancellation_today_cents"] == OWED
    await accept(market, 21)
    [found] = (await market.read("/v1/slots", market.buyer))["items"]
    assert found["cdmo_cancellation_percent"] == 21


@pytest.mark.parametrize("made", ["for a request", "for a product"])
async def test_a_cdmo_that_cancels_owes_what_it_had_accepted_when_the_booking_was_made(
    market: Market, made: str
) -> None:
    body: dict[str, Any] = {"product_id": str(market.product.id)} if made == "for a product" else {}
    held = await market.hold(**body)
    await accept(market, 0)
    await market.step(held, "confirm", by=market.buyer)
    assert (await quoted(market, held))["cdmo_cancellation_today_cents"] == OWED
    await cancelled(market, held)
    for headers in (market.buyer, market.seller):
        assert await market.charges(headers) == [*CREDITED, ("cancellation_fee", OWED)]
        owed = (await market.read("/v1/charges", headers))["items"][-1]
        assert (owed["organisation_id"], owed["counterparty_id"]) == (str(market.cdmo.id), str(market.startup.id))
        assert owed["booking_id"] == held["id"]
        figures = {"cancelled_by": "cdmo", "percent": 20, "price_cents": PRICE}
        assert owed["detail"] == figures | {"policy_version": "fees/2"}
    exported = await market.client.get("/v1/charges/export", headers=market.buyer)
    assert f",cancellation_fee,{market.cdmo.id}," in exported.text.splitlines()[-1]
    _, stranger = await market.world.startup()
    assert await market.charges(stranger) == []
    told = await quoted(market, held)
    assert (told["charged_cents"], told["cdmo_cancellation_today_cents"]) == (0, 0), "what the start-up is charged"


async def test_it_is_a_share_of_the_price_where_the_booking_has_moved_to(market: Market) -> None:
    dearer = await market.slot_in(400, price_cents=120_000_000)
    booked = await market.confirmed()
    place: dict[str, Any] = {"slot_id": str(dearer.id), "start": str(today() + timedelta(days=400))}
    await accept(market, 25)
    assert (await quoted(market, booked, **place))["move"]["cdmo_cancellation_percent"] == 25
    await market.move(booked, by=market.buyer, **place)
    await cancelled(market, booked)
    assert (await market.charges())[-1] == ("cancellation_fee", 30_000_000)


async def test_nothing_is_owed_before_the_booking_is_confirmed(market: Market) -> None:
    await market.by_approval()
    for verb in ("cancel", "decline"):
        asked = await market.step(await market.hold(), "confirm", by=market.buyer)
        assert (await quoted(market, asked))["cdmo_cancellation_today_cents"] == 0
        await market.step(asked, verb, by=market.seller, reason_code="planning")
        assert await market.charges(market.seller) == []


@pytest.mark.parametrize("verb", ["cancel", "decline"])
async def test_nothing_is_owed_for_a_move_that_the_cdmo_refuses(market: Market, verb: str) -> None:
    later = await market.world.slot(market.unit, 200, 300)
    moving = await market.move(await market.confirmed(), 210, slot_id=str(later.id))
    await market.step({"id": moving["pending_move_id"]}, verb, by=market.seller, reason_code="planning")
    assert await market.charges() == [("reservation_fee", FEE)]


async def test_nothing_is_owed_where_the_startup_leaves_even_if_a_slip_is_the_cause(market: Market) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    await slipped(market, first, 53)
    await cancelled(market, near, by=owner)
    assert await market.charges(owner) == CREDITED
    await cancelled(market, first, by=market.buyer)
    owing = {one["organisation_id"] for one in (await market.read("/v1/charges", market.seller))["items"]}
    assert str(market.cdmo.id) not in owing


async def test_whom_a_slip_runs_over_is_owed_what_was_agreed_if_the_cdmo_then_cancels(market: Market) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    await slipped(market, first, 53)
    await cancelled(market, near)
    assert await market.charges(owner) == [*CREDITED, ("cancellation_fee", OWED)]


async def test_a_failed_batch_is_no_cancellation_but_its_repeat_is_owed_for_on_the_same_terms(market: Market) -> None:
    later = await market.world.slot(market.unit, 200, 300, price_cents=1)
    booked = await market.confirmed()
    await market.begin(booked)
    repeat: dict[str, Any] = {"repeat_slot_id": str(later.id), "repeat_start": str(day(220))}
    await accept(market, 0)
    await market.step(booked, "fail", by=market.seller, cause="cdmo", **FAILED, **repeat)
    assert await market.charges() == CREDITED
    [held] = (await market.read("/v1/bookings?status=held", market.buyer))["items"]
    await market.step(held, "confirm", by=market.buyer)
    await cancelled(market, held)
    assert await market.charges() == [*CREDITED, *CREDITED, ("cancellation_fee", OWED)]


@pytest.mark.parametrize(
    ("terms", "charges"),
    [("terms - 'cdmo_cancellation_percent'", CREDITED), ("'{}'::jsonb", [("reservation_fee", FEE)])],
    ids=["before there was such a term", "without terms"],
)
async def test_what_was_made_without_it_is_owed_nothing(
    market: Market, terms: str, charges: list[tuple[str, int]]
) -> None:
    booked = await market.confirmed()
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).values(terms=text(terms)))
    await cancelled(market, booked)
    assert await market.charges() == charges


async def test_a_later_sale_of_the_days_credits_nobody_with_what_the_cdmo_owes(market: Market) -> None:
    """It is no fee that the start-up has paid."""
    near = await market.slot_in(60)
    place = {"slot_id": str(near.id), "product_id": str(market.product.id)}
    start = str(today() + timedelta(days=60))
    first = await market.confirmed(start, **place)
    await cancelled(market, first)
    await market.confirmed(start, **place)
    assert await market.charges() == [*CREDITED, ("cancellation_fee", OWED), ("reservation_fee", FEE)]


async def test_lines_that_accept_nothing_owe_nothing(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        await session.execute(update(ProductionLine).values(cdmo_cancellation_percent=0))
    booked = await market.confirmed()
    await cancelled(market, booked)
    assert await market.charges() == CREDITED
