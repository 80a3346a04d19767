"""Contract, start, completion and failure: dates, money, and who may say what."""

from collections import Counter
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from app.bookings.fees import DEFAULT_POLICY, FailureTerms, share_cents, terms_of
from app.bookings.invoicing import failure_invoice, price_invoice
from app.bookings.models import Booking, BookingSource, ChargeKind, FailureCause
from app.capacity.models import Approval, Slot
from app.core.clock import SITE_ZONE, now, today
from app.core.database import transaction
from app.core.schemas import MAX_CENTS
from app.core.vocabulary import Reserve
from app.matching.outcome import Price
from tests.app.bookings.conftest import FAILED, FEE, PRICE, Market, owed, request_status
from tests.support.world import day


async def test_the_contract_only_gets_further_and_both_sides_see_it(market: Market) -> None:
    held = await market.hold()
    await market.step(held, "contract", by=market.seller, expect=409, contract_status="signed")
    booked = await market.step(held, "confirm", by=market.buyer)
    await market.step(booked, "contract", by=market.buyer, expect=403, contract_status="signed")
    for status in ("term_sheet", "signed"):
        await market.step(booked, "contract", by=market.seller, contract_status=status)
        assert (await market.read(f"/v1/bookings/{booked['id']}", market.buyer))["contract_status"] == status
    for status in ("signed", "term_sheet", "none"):
        problem = await market.step(booked, "contract", by=market.seller, expect=409, contract_status=status)
        assert problem["allowed"] == []


async def test_production_has_actual_dates_beside_the_planned_ones(market: Market) -> None:
    booked = await market.confirmed(10)
    tomorrow = str(today() + timedelta(days=1))
    problem = await market.step(booked, "start", by=market.seller, expect=422, actual_start_on=tomorrow)
    assert problem["errors"][0]["pointer"] == "/actual_start_on"
    running = await market.begin(booked)
    assert (running["status"], running["actual_start_on"]) == ("in_production", str(today()))
    assert (running["start"], running["end"]) == (booked["start"], booked["end"])
    yesterday = str(today() - timedelta(days=1))
    for body in ({"actual_end_on": tomorrow}, {"actual_end_on": yesterday}):
        problem = await market.step(booked, "complete", by=market.seller, expect=422, **body)
        assert problem["errors"][0]["pointer"] == "/actual_end_on"
    made: dict[str, Any] = {"actual_end_on": str(today()), "batches_released": 2}
    problem = await market.step(booked, "complete", by=market.seller, expect=422, **made)
    assert problem["batches"] == 1
    problem = await market.step(booked, "complete", by=market.seller, expect=422, **(made | {"batches_released": 0}))
    assert problem["errors"] == [
        {
            "pointer": "/batches_released",
            "detail": "A campaign of which no batch is released has failed: tell it with `fail`.",
        }
    ]
    done = await market.step(booked, "complete", by=market.seller, **(made | {"batches_released": 1}))
    assert (done["status"], done["actual_end_on"], done["batches_released"]) == ("completed", str(today()), 1)
    assert await request_status(market, booked) == "fulfilled"


async def test_nothing_starts_before_it_was_booked(market: Market) -> None:
    """Earlier than planned it may: the booking is for days that are years away."""
    booked = await market.confirmed(10)
    yesterday = today() - timedelta(days=1)
    problem = await market.step(booked, "start", by=market.seller, expect=422, actual_start_on=str(yesterday))
    assert (problem["errors"][0]["pointer"], problem["made_on"]) == ("/actual_start_on", str(today()))
    async with transaction(market.world.sessions) as session:
        made_at = datetime.combine(yesterday, time(0, 30), SITE_ZONE)  # the day before that in UTC
        await session.execute(update(Booking).values(created_at=made_at))
    assert (await market.begin(booked, yesterday))["actual_start_on"] == str(yesterday)


async def test_the_invoice_is_the_quote_line_by_line(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(reserve=Reserve.CRISIS, lendable=True))
    asked = {"product_id": str(market.product.id), "accepts_recallable": True}
    booked = await market.confirmed(10, **asked)
    quote = await market.read(f"/v1/bookings/{booked['id']}/quote", market.buyer)
    await market.begin(booked)
    await market.step(booked, "complete", by=market.seller, actual_end_on=str(today()))
    assert await market.charges() == [
        ("reservation_fee", 13_500_000),
        ("price", 100_000_000),
        ("lending_discount", -10_000_000),
        ("reservation_fee", -13_500_000),
    ]
    assert await owed(market) == quote["price_cents"] == 90_000_000


async def test_what_has_been_moved_is_invoiced_as_quoted_with_the_move(market: Market) -> None:
    dearer = await market.world.slot(market.unit, 200, 300, approval=Approval.INSTANT, price_cents=120_000_000)
    booked = await market.confirmed(10)
    await market.move(booked, 20)
    await market.move(booked, 200, slot_id=str(dearer.id))
    quote = await market.read(f"/v1/bookings/{booked['id']}/quote", market.buyer)
    await market.begin(booked)
    await market.step(booked, "complete", by=market.seller, actual_end_on=str(today()))
    assert await owed(market) == quote["price_cents"] + quote["move_fees_cents"] == 120_000_000 + 10_000_000


@pytest.mark.parametrize(("cause", "due"), [("cdmo", 0), ("product", PRICE), ("unknown", PRICE)])
async def test_a_failed_batch_costs_what_its_cause_says_and_the_request_waits_again(
    market: Market, cause: str, due: int
) -> None:
    booked = await market.confirmed(10)
    await market.move(booked, 20)
    await market.move(booked, 30)
    await market.begin(booked)
    failed = await market.step(booked, "fail", by=market.seller, cause=cause, **FAILED)
    assert (failed["status"], failed["failure_cause"], failed["batches_released"]) == ("failed", cause, 0)
    assert failed["ended_reason_code"] == "contamination"
    assert await owed(market) == (due + PRICE // 10 if due else 0)
    assert await request_status(market, booked) == "submitted"


async def test_each_step_is_its_cdmos_and_in_order(market: Market) -> None:
    booked = await market.confirmed(10)
    steps = {
        "start": {"actual_start_on": str(today())},
        "complete": {"actual_end_on": str(today())},
        "fail": {"cause": "cdmo", **FAILED},
        "contract": {"contract_status": "signed"},
    }
    coordinator = await market.world.coordinator()
    _, competitor = await market.world.cdmo()
    for verb, body in steps.items():
        problem = await market.step(booked, verb, by=market.buyer, expect=403, **body)
        assert problem["allowed"] == ["cdmo"]
        await market.step(booked, verb, by=coordinator, expect=403, **body)
        await market.step(booked, verb, by=competitor, expect=404, **body)
    for verb in ("complete", "fail"):
        problem = await market.step(booked, verb, by=market.seller, expect=409, **steps[verb])
        assert (problem["booking_status"], "in_production" in problem["allowed"]) == ("confirmed", True)
    await market.begin(booked)
    for verb, body in (("start", steps["start"]), ("cancel", {"reason_code": "planning"})):
        await market.step(booked, verb, by=market.seller, expect=409, **body)


async def test_what_replaces_a_displaced_booking_costs_what_that_one_was_to_cost(market: Market) -> None:
    """Its reservation fee was paid on the first, and is credited there."""
    first, second = await market.confirmed(0), await market.hold(60, product_id=str(market.product.id))
    async with transaction(market.world.sessions) as session:
        displaced = await session.get_one(Booking, first["id"])
        displaced.status, displaced.replaced_by_id = displaced.status.DISPLACED, second["id"]
        replacement = await session.get_one(Booking, second["id"])
        replacement.source, replacement.status = BookingSource.REPLACEMENT, replacement.status.CONFIRMED
        replacement.hold_expires_at, replacement.terms = None, {}
    await market.begin(second)
    await market.step(second, "complete", by=market.seller, actual_end_on=str(today()))
    assert await market.charges() == [("reservation_fee", FEE), ("price", PRICE), ("reservation_fee", -FEE)]


cents = st.integers(0, MAX_CENTS)
packages = st.builds(
    Price, batches_cents=cents, engineering_cents=cents, lending_discount_cents=st.just(0), transfer_cents=st.none()
)


@given(packages, st.integers(0, 100), cents)
def test_whatever_was_charged_the_invoice_adds_up_to_the_price(package: Price, lent: int, move_fee: int) -> None:
    discount = package.batches_cents * lent // 100
    price = Price(
        batches_cents=package.batches_cents,
        engineering_cents=package.engineering_cents,
        lending_discount_cents=discount,
        transfer_cents=None,
    )
    terms = terms_of(price, "monoclonal_antibody", instant=True)
    charged = Counter({ChargeKind.RESERVATION_FEE: terms.reservation_fee_cents, ChargeKind.MOVE_FEE: move_fee})
    lines = price_invoice(terms, charged)
    assert charged.total() + sum(line.amount_cents for line in lines) == terms.price_cents + move_fee


@given(cents, cents, st.sampled_from(FailureCause), st.integers(0, 100))
def test_a_failure_costs_its_share_of_the_price_and_where_that_is_nothing_no_move_either(
    price: int, move_fee: int, cause: FailureCause, percent: int
) -> None:
    rule = FailureTerms(cdmo_percent=0, product_percent=100, unknown_percent=percent)
    policy = DEFAULT_POLICY.model_copy(update={"failures": rule})
    terms = terms_of(Price(batches_cents=price), "monoclonal_antibody", instant=True, policy=policy)
    charged = Counter({ChargeKind.RESERVATION_FEE: terms.reservation_fee_cents, ChargeKind.MOVE_FEE: move_fee})
    total = charged.total() + sum(line.amount_cents for line in failure_invoice(terms, cause, charged))
    due = rule.percent(cause)
    assert total == (share_cents(price, due) + move_fee if due else 0)


async def test_the_contract_of_what_was_not_approved_in_time_gets_no_further(market: Market) -> None:
    await market.by_approval()
    booked = await market.confirmed(10)
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).values(approval_expires_at=now()))
    steps: dict[str, dict[str, Any]] = {"contract": {"contract_status": "signed"}, "approve": {}}
    for verb, body in steps.items():
        problem = await market.step(booked, verb, by=market.seller, expect=409, **body)
        assert problem["type"] == "urn:creneau:problem:approval-overdue"
    assert (await market.read(f"/v1/bookings/{booked['id']}", market.buyer))["contract_status"] == "none"


async def test_the_contract_is_that_of_the_booking_and_not_of_the_place_it_asks_for(market: Market) -> None:
    booked = await market.confirmed(10)
    await market.by_approval()
    asking = await market.move(booked, 60)
    asked = {"id": asking["pending_move_id"]}
    signed: dict[str, Any] = {"contract_status": "signed"}
    problem = await market.step(asked, "contract", by=market.seller, expect=409, **signed)
    assert (problem["type"], problem["moves_id"]) == ("urn:creneau:problem:move-pending", booked["id"])
    await market.step(booked, "contract", by=market.seller, **signed)
    await market.step(asked, "approve", by=market.seller)
    moved = await market.read(f"/v1/bookings/{booked['id']}", market.buyer)
    assert (moved["start"], moved["contract_status"]) == (str(day(60)), "signed")
