"""Moves: at once or once the CDMO has approved, what they cost, and that nobody loses a place before the new one."""

import asyncio
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlmodel import col

from app.audit.models import AuditRecord
from app.bookings.fees import terms_of
from app.bookings.models import Booking
from app.bookings.move_costs import move_offer
from app.bookings.rules import part_outside
from app.capacity.models import Approval, FreezeHolder, Slot, SlotFreeze
from app.capacity.supply import Span
from app.core.clock import now, today
from app.core.database import transaction
from app.core.model import new_id
from app.core.schemas import MAX_CENTS
from app.matching.outcome import Price
from tests.app.bookings.conftest import Market, place
from tests.support.world import day

FEE = 15_000_000
PRICE = 100_000_000


async def test_an_instant_move_takes_effect_at_once_and_the_first_is_free(market: Market) -> None:
    booked = await market.confirmed(10)
    moved = await market.move(booked, 50, reason_text="The toxicology study is late.")
    assert (moved["id"], moved["status"], moved["version"]) == (booked["id"], "confirmed", booked["version"] + 1)
    assert (moved["start"], moved["end"], moved["delivery_on"]) == (str(day(50)), str(day(93)), str(day(50 + 82)))
    assert await market.charges() == [("reservation_fee", FEE)]
    other = await market.world.request(market.product)
    await market.hold(5, request_id=str(other.id))
    async with transaction(market.world.sessions) as session:
        record = (await session.scalars(select(AuditRecord).where(col(AuditRecord.action) == "booking.moved"))).one()
    assert record.before is not None
    assert record.after is not None
    assert (record.before["period"]["start"], record.after["period"]["start"]) == (str(day(10)), str(day(50)))
    assert (record.reason_code, record.reason_text) == ("funding", "The toxicology study is late.")


async def test_each_move_after_the_free_one_costs_a_tenth_as_quoted(market: Market) -> None:
    booked = await market.confirmed(10)
    path = f"/v1/bookings/{booked['id']}/quote"
    for start, free, fee, left in ((20, True, 0, 1), (30, False, PRICE // 10, 0)):
        quote = await market.read(f"{path}?start={day(start)}", market.buyer)
        assert quote["free_moves_left"] == left
        asked = quote["move"]
        assert (asked["free"], asked["move_fee_cents"], asked["due_cents"]) == (free, fee, fee)
        assert (asked["end"], asked["delivery_on"]) == (str(day(start + 43)), str(day(start + 82)))
        moved = await market.move(booked, start)
        assert (moved["end"], moved["delivery_on"]) == (asked["end"], asked["delivery_on"])
    assert await market.charges() == [("reservation_fee", FEE), ("move_fee", PRICE // 10)]
    assert (await market.read(path, market.buyer))["move_fees_cents"] == PRICE // 10


async def test_with_little_notice_the_free_move_is_kept_for_later(market: Market) -> None:
    slot = await market.slot_in(59)
    start = today() + timedelta(days=59)
    booked = await market.confirmed(str(start), slot_id=str(slot.id), product_id=str(market.product.id))
    await market.move(booked, str(start + timedelta(days=2)))
    assert await market.charges() == [("reservation_fee", FEE), ("move_fee", PRICE // 10)]
    quote = await market.read(f"/v1/bookings/{booked['id']}/quote", market.buyer)
    assert quote["free_moves_left"] == 1


async def test_the_new_place_is_at_its_own_price(market: Market) -> None:
    dearer = await market.world.slot(market.unit, 200, 300, approval=Approval.INSTANT, price_cents=120_000_000)
    booked = await market.confirmed(10)
    path = f"/v1/bookings/{booked['id']}/quote"
    asked = (await market.read(f"{path}?slot_id={dearer.id}&start={day(200)}", market.buyer))["move"]
    assert (asked["price_difference_cents"], asked["reservation_difference_cents"]) == (20_000_000, 3_000_000)
    moved = await market.move(booked, 200, slot_id=str(dearer.id))
    assert (moved["slot_id"], moved["price_cents"]) == (str(dearer.id), 120_000_000)
    assert await market.charges() == [("reservation_fee", FEE), ("reservation_fee", 3_000_000)]
    back = await market.move(booked, 10, slot_id=str(market.slot.id))
    assert back["price_cents"] == PRICE
    assert (await market.charges())[2:] == [("move_fee", 12_000_000), ("reservation_fee", -3_000_000)]


async def test_a_hold_that_has_run_out_stands_against_no_move_before_any_sweep(market: Market) -> None:
    booked = await market.confirmed(10)
    other = await market.world.request(market.product)
    held = await market.hold(60, request_id=str(other.id))
    async with transaction(market.world.sessions) as session:
        stale = update(Booking).where(col(Booking.id) == held["id"]).values(hold_expires_at=now())
        await session.execute(stale)
    assert (await market.move(booked, 70))["start"] == str(day(70))
    assert (await market.read(f"/v1/bookings/{held['id']}", market.buyer))["status"] == "expired"


async def test_a_move_is_refused_as_a_hold_would_be_and_changes_nothing(market: Market) -> None:
    booked = await market.confirmed(0)
    other = await market.world.request(market.product)
    await market.confirmed(60, request_id=str(other.id))
    problem = await market.move(booked, 30, expect=409)
    assert (problem["type"], problem["errors"][0]["pointer"]) == ("urn:creneau:problem:slot-taken", "/start")
    assert problem["in_the_way"] == [{"start": str(day(60)), "end": str(day(103))}]
    for start, kind in ((100, "outside-slot"), (0, "same-place")):
        problem = await market.move(booked, start, expect=422)
        assert problem["type"] == f"urn:creneau:problem:{kind}"
    elsewhere = await market.world.slot(await market.world.unit((await market.world.cdmo())[0]))
    problem = await market.move(booked, 10, slot_id=str(elsewhere.id), expect=409)
    assert problem["type"] == "urn:creneau:problem:other-cdmo"
    await market.world.add(SlotFreeze(slot_id=market.slot.id, holder=FreezeHolder.ROUND, holder_id=new_id()))
    problem = await market.move(booked, 5, expect=409)
    assert problem["type"] == "urn:creneau:problem:slot-frozen"
    after = await market.read(f"/v1/bookings/{booked['id']}", market.buyer)
    assert (place(after), after["version"]) == (place(booked), booked["version"])


async def test_only_its_startup_moves_a_booking_and_only_before_it_starts(market: Market) -> None:
    held = await market.hold(10)
    problem = await market.move(held, 20, expect=409)
    assert problem["allowed_in"] == ["awaiting_cdmo", "confirmed"]
    booked = await market.step(held, "confirm", by=market.buyer)
    await market.move(booked, 20, by=market.seller, expect=403)
    await market.move(booked, 20, by=(await market.world.startup())[1], expect=404)
    await market.begin(booked)
    problem = await market.move(booked, 20, expect=409)
    assert problem["booking_status"] == "in_production"


async def test_of_two_moves_into_one_place_one_wins(market: Market) -> None:
    units = [await market.world.unit(market.cdmo) for _ in range(2)]
    homes = [await market.world.slot(unit, approval=Approval.INSTANT) for unit in units]
    booked = [await market.confirmed(10, slot_id=str(home.id), product_id=str(market.product.id)) for home in homes]
    body = {"slot_id": str(market.slot.id), "start": str(day(20)), "reason_code": "supply"}
    answers = await asyncio.gather(
        *(market.client.post(f"/v1/bookings/{one['id']}/move", json=body, headers=market.buyer) for one in booked)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_two_bookings_cross_without_a_deadlock(market: Market) -> None:
    """Both lock both units, one after the other, whoever comes first: each finds the place taken, or free."""
    other = await market.world.slot(await market.world.unit(market.cdmo), approval=Approval.INSTANT)
    first = await market.confirmed(10, product_id=str(market.product.id))
    second = await market.confirmed(10, slot_id=str(other.id), product_id=str(market.product.id))
    for one, slot in ((first, other), (second, market.slot)) * 3:
        body = {"slot_id": str(slot.id), "start": str(day(60)), "reason_code": "supply"}
        asked = [
            market.client.post(f"/v1/bookings/{each['id']}/move", json=body | {"slot_id": place}, headers=market.buyer)
            for each, place in ((first, str(other.id)), (second, str(market.slot.id)))
        ]
        assert {answer.status_code for answer in await asyncio.gather(*asked)} <= {200, 409, 422}, one["id"]


async def test_an_approval_and_a_cancellation_at_once_leave_one_booking_in_one_place(market: Market) -> None:
    later = await market.world.slot(market.unit, 200, 300)
    for start in (210, 220, 230):
        booked = await market.confirmed(10, product_id=str(market.product.id))
        pending = (await market.move(booked, start, slot_id=str(later.id)))["pending_move_id"]
        approval, cancellation = await asyncio.gather(
            market.client.post(f"/v1/bookings/{pending}/approve", headers=market.seller),
            market.client.post(
                f"/v1/bookings/{booked['id']}/cancel", json={"reason_code": "funding"}, headers=market.buyer
            ),
        )
        assert (approval.status_code, cancellation.status_code) in {(200, 200), (409, 200)}
        ends = [await market.read(f"/v1/bookings/{one}", market.buyer) for one in (booked["id"], pending)]
        assert [one["status"] for one in ends] == ["cancelled", "released"]
        assert (ends[0]["slot_id"] == str(later.id)) is (approval.status_code == 200)


prices = st.integers(0, MAX_CENTS)


@given(prices, prices, st.integers(-400, 400), st.integers(0, 3), st.booleans())
def test_a_move_costs_nothing_or_a_tenth_and_the_differences_add_up(
    before: int, after: int, notice: int, used: int, bound: bool
) -> None:
    present, new = (
        terms_of(Price(batches_cents=price), "monoclonal_antibody", instant=True) for price in (before, after)
    )
    offer = move_offer(present, new, day(0), day(1), notice_days=notice, free_used=used, bound=bound)
    free = notice >= 60 and used == 0
    assert offer.free == (bound and free)
    assert offer.fee_cents == (0 if free or not bound else (before * 10 + 50) // 100)
    assert present.price_cents + offer.price_difference_cents == new.price_cents
    if bound:
        assert present.reservation_fee_cents + offer.reservation_difference_cents == new.reservation_fee_cents


spans = st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda pair: Span(day(pair[0]), day(sum(pair))))


@given(spans, spans)
def test_the_part_outside_is_what_day_by_day_is_not_ones_own(wanted: Span, own: Span) -> None:
    def days(one: Span) -> set[int]:
        return set(range(one.start_on.toordinal(), one.end_on.toordinal()))

    outside = days(wanted) - days(own)
    part = part_outside(wanted, own)
    if part is not None:
        assert days(part) == outside
    else:
        surrounds = wanted.start_on < own.start_on and own.end_on < wanted.end_on
        assert not outside or surrounds


async def test_a_whole_slot_is_moved_into_whole(market: Market) -> None:
    whole = await market.world.slot(market.unit, 200, 300, approval=Approval.INSTANT, divisible=False)
    booked = await market.confirmed(10)
    await market.move(booked, 201, slot_id=str(whole.id), expect=422)
    moved = await market.move(booked, 200, slot_id=str(whole.id))
    assert (moved["start"], moved["end"]) == (str(day(200)), str(day(300)))
    async with transaction(market.world.sessions) as session:
        slot = await session.get_one(Slot, whole.id)
        assert slot.divisible is False
