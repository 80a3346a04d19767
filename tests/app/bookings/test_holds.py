"""Holding a period over HTTP: what is taken, what is refused, and what a refusal says."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from app.audit.models import AuditRecord
from app.bookings.models import Booking
from app.capacity.models import FreezeHolder, Slot, SlotFreeze, SlotStatus
from app.core.clock import now, today
from app.core.database import transaction
from app.core.model import new_id
from app.core.vocabulary import Origin, Reserve
from app.identity.models import Organisation
from app.requests.models import Request, RequestStatus
from tests.app.bookings.conftest import Market
from tests.support.world import day


def pointer(problem: dict[str, Any]) -> str:
    assert problem["type"].startswith("urn:creneau:problem:")
    return str(problem["errors"][0]["pointer"])


async def rows(market: Market) -> list[int | None]:
    """How many bookings, requests and audit records there are."""
    async with transaction(market.world.sessions) as session:
        return [await session.scalar(select(func.count()).select_from(one)) for one in (Booking, Request, AuditRecord)]


async def test_a_hold_takes_what_matching_says(market: Market) -> None:
    held = await market.hold(10)
    # One batch of 40 days, 3 days to change, 42 days of release testing from the end of production.
    assert (held["start"], held["end"]) == (str(day(10)), str(day(53)))
    assert held["delivery_on"] == str(day(10 + 40 + 42))
    assert (held["status"], held["batches"], held["price_cents"]) == ("held", 1, 100_000_000)
    assert held["product_code_name"] == market.product.code_name
    async with transaction(market.world.sessions) as session:
        record = (await session.scalars(select(AuditRecord).where(col(AuditRecord.action) == "booking.held"))).one()
    assert str(record.object_id) == held["id"]
    assert record.organisation_id == market.startup.id
    assert record.person_id is not None


async def test_a_hold_for_a_product_makes_its_request_by_itself(market: Market) -> None:
    held = await market.hold(10, product_id=str(market.product.id), batches=2)
    # Two batches: 40 days, and 17 more for the second.
    assert held["end"] == str(day(10 + 57 + 3))
    request = await market.read(f"/v1/requests/{held['request_id']}", market.buyer)
    assert (request["batches"], request["gmp_phase"], request["earliest_on"]) == (2, "phase_1", str(day(10)))
    assert request["latest_delivery_on"] == held["delivery_on"]
    await market.step(held, "confirm", by=market.buyer)
    request = await market.read(f"/v1/requests/{held['request_id']}", market.buyer)
    assert request["status"] == "booked"


async def test_over_another_booking_the_nearest_free_period_is_told(market: Market) -> None:
    await market.hold(10)
    other = await market.world.request(market.product)
    before = await rows(market)
    problem = await market.hold(30, request_id=str(other.id), expect=409)
    assert problem["type"] == "urn:creneau:problem:slot-taken"
    assert pointer(problem) == "/start"
    assert problem["in_the_way"] == [{"start": str(day(10)), "end": str(day(53))}]
    assert problem["nearest_free"] == {"slot_id": str(market.slot.id), "start": str(day(53)), "end": str(day(96))}
    assert await rows(market) == before
    await market.hold(53, request_id=str(other.id))


async def test_the_nearest_free_period_is_one_that_the_request_can_take(market: Market) -> None:
    await market.hold(40)
    late = await market.world.request(market.product, latest_delivery_on=day(45 + 40 + 42))
    problem = await market.hold(42, request_id=str(late.id), expect=409)
    # Free from day 83 on, but that delivers too late, and no 43 days are free before day 40.
    assert problem["nearest_free"] is None


async def test_for_a_product_the_nearest_free_period_may_be_any(market: Market) -> None:
    await market.hold(10)
    problem = await market.hold(30, product_id=str(market.product.id), expect=409)
    assert problem["nearest_free"]["start"] == str(day(53))


async def test_what_is_in_the_way_is_nobodys(market: Market) -> None:
    other, _ = await market.world.startup(name="The competitor")
    rival = await market.world.product(other, code_name="SECRET")
    async with transaction(market.world.sessions) as session:
        session.add(
            Booking(
                slot_id=market.slot.id,
                unit_id=market.unit.id,
                organisation_id=other.id,
                product_id=rival.id,
                batches=1,
                period=market.slot.period,
                delivery_on=day(200),
                reserve=market.slot.reserve,
                price_cents=1,
                hold_expires_at=now() + timedelta(hours=1),
            )
        )
    answer = await market.client.post(
        "/v1/bookings",
        json={"slot_id": str(market.slot.id), "start": str(day(10)), "request_id": str(market.request.id)},
        headers=market.buyer,
    )
    assert answer.status_code == 409
    for secret in (str(other.id), str(rival.id), "SECRET", "competitor"):
        assert secret not in answer.text


@pytest.mark.parametrize("start", [-1, 78, 119, 120, 500])
@pytest.mark.parametrize("given", ["request", "product"])
async def test_outside_the_slot(market: Market, given: str, start: int) -> None:
    before = await rows(market)
    asked = {"product_id": str(market.product.id), "batches": 1} if given == "product" else {}
    problem = await market.hold(start, expect=422, **asked)
    assert problem["type"] == "urn:creneau:problem:outside-slot"
    assert pointer(problem) == "/start"
    assert problem["slot"] == {"start": str(day(0)), "end": str(day(120))}
    assert await rows(market) == before


async def test_the_last_start_that_fits_is_taken(market: Market) -> None:
    assert (await market.hold(77))["end"] == str(day(120))


async def test_in_the_past(market: Market) -> None:
    before = await rows(market)
    problem = await market.hold(str(today() - timedelta(days=1)), expect=422)
    assert problem["type"] == "urn:creneau:problem:in-the-past"
    assert pointer(problem) == "/start"
    assert await rows(market) == before


async def test_on_a_withdrawn_slot(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(status=SlotStatus.WITHDRAWN))
    problem = await market.hold(expect=409)
    assert (problem["type"], pointer(problem)) == ("urn:creneau:problem:slot-not-published", "/slot_id")


async def test_on_a_slot_that_a_round_holds_still(market: Market) -> None:
    await market.world.add(SlotFreeze(slot_id=market.slot.id, holder=FreezeHolder.ROUND, holder_id=new_id()))
    problem = await market.hold(expect=409)
    assert (problem["type"], pointer(problem)) == ("urn:creneau:problem:slot-frozen", "/slot_id")


async def test_a_slot_that_cannot_be_divided_is_taken_whole(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(divisible=False))
    for named in ({}, {"product_id": str(market.product.id)}):
        problem = await market.hold(1, expect=422, **named)
        assert (problem["type"], pointer(problem)) == ("urn:creneau:problem:outside-slot", "/start")
        assert "taken whole, from its first day, 2030-01-01" in problem["detail"]
        assert (problem["first_day"], "duration_days" in problem) == (str(day(0)), False)
    assert (await market.hold(0))["end"] == str(day(120))
    other = await market.world.request(market.product)
    problem = await market.hold(0, request_id=str(other.id), expect=409)
    assert problem["nearest_free"] is None


async def test_a_line_that_does_not_serve_the_request_says_why(market: Market) -> None:
    aav = await market.world.product(market.startup, modality="viral_vector_aav")
    before = await rows(market)
    problem = await market.hold(product_id=str(aav.id), expect=409)
    assert problem["type"] == "urn:creneau:problem:not-eligible"
    reason = next(one for one in problem["reasons"] if one["code"] == "modality")
    assert "viral_vector_aav" in reason["asked"]
    assert reason["sentence"]
    assert await rows(market) == before


async def test_a_start_that_delivers_too_late_names_the_starts_that_do_not(market: Market) -> None:
    late = await market.world.request(market.product, latest_delivery_on=day(20 + 40 + 42))
    problem = await market.hold(21, request_id=str(late.id), expect=409)
    assert pointer(problem) == "/start"
    assert (problem["earliest_start"], problem["latest_start"]) == (str(day(0)), str(day(20)))
    await market.hold(20, request_id=str(late.id))


async def test_a_request_has_one_live_booking(market: Market) -> None:
    held = await market.hold(0)
    problem = await market.hold(50, expect=409)
    assert (problem["type"], pointer(problem)) == ("urn:creneau:problem:request-already-booked", "/request_id")
    assert problem["booking_id"] == held["id"]
    await market.step(held, "release", by=market.buyer)
    await market.hold(50)


async def test_a_request_is_served_once_however_many_free_units_are_tried_at_once(market: Market) -> None:
    slots = [await market.world.slot(await market.world.unit(market.cdmo)) for _ in range(8)]
    request_id = str(market.request.id)
    answers = await asyncio.gather(
        *(
            market.client.post(
                "/v1/bookings",
                json={"slot_id": str(slot.id), "start": str(day(0)), "request_id": request_id},
                headers=market.buyer,
            )
            for slot in slots
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    kinds = {answer.json()["type"] for answer in answers if answer.status_code == 409}
    assert kinds == {"urn:creneau:problem:request-already-booked"}


async def test_generated_slots_make_bookings_that_say_so(market: Market) -> None:
    assert (await market.hold(0))["origin"] == "real"
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(origin=Origin.SCENARIO))
    held = await market.hold(60, product_id=str(market.product.id))
    assert held["origin"] == "scenario"
    assert (await market.read(f"/v1/bookings/{held['id']}/quote", market.buyer))["origin"] == "scenario"


async def test_a_lent_crisis_slot_is_recallable_cheaper_and_only_for_who_accepts_it(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(reserve=Reserve.CRISIS, lendable=True, recall_notice_days=30))
    problem = await market.hold(product_id=str(market.product.id), expect=409)
    assert [one["code"] for one in problem["reasons"]] == ["recallable_not_accepted"]
    held = await market.hold(product_id=str(market.product.id), accepts_recallable=True)
    assert (held["reserve"], held["recallable"], held["price_cents"]) == ("crisis", True, 90_000_000)
    quote = await market.read(f"/v1/bookings/{held['id']}/quote", market.buyer)
    assert {"kind": "lending_discount", "amount_cents": -10_000_000} in quote["price_lines"]
    assert quote["reservation_fee_cents"] == 13_500_000


async def test_the_startup_reserve_is_for_french_startups(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(reserve=Reserve.STARTUP))
        await session.execute(
            update(Organisation).where(col(Organisation.id) == market.startup.id).values(country="BE")
        )
    problem = await market.hold(expect=409)
    assert "reserved_for_startups" in [one["code"] for one in problem["reasons"]]


async def test_a_request_that_was_withdrawn_is_not_served(market: Market) -> None:
    request = await market.world.request(market.product, status=RequestStatus.WITHDRAWN)
    problem = await market.hold(request_id=str(request.id), expect=409)
    assert pointer(problem) == "/request_id"


@pytest.mark.parametrize("field", ["slot_id", "request_id", "product_id"])
async def test_what_is_another_s_or_nothing_s_is_not_found(market: Market, field: str) -> None:
    stranger, _ = await market.world.startup()
    theirs = await market.world.product(stranger)
    foreign: dict[str, Any] = {
        "slot_id": new_id(),
        "request_id": (await market.world.request(theirs)).id,
        "product_id": theirs.id,
    }
    body: dict[str, Any] = {field: str(foreign[field])}
    problem = await market.hold(expect=404, **body)
    assert pointer(problem) == f"/{field}"


async def test_a_draft_slot_does_not_exist_for_buyers(market: Market) -> None:
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(status=SlotStatus.DRAFT))
    await market.hold(expect=404)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"product_id": None, "request_id": None}, "/request_id"),
        ({"batches": 2}, "/batches"),
        ({"start": "tomorrow"}, "/start"),
        ({"start": "0001-01-01"}, "/start"),
        ({"nonsense": 1}, "/nonsense"),
        ({"slot_id": "x"}, "/slot_id"),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_by_field(
    market: Market, changes: dict[str, Any], field: str
) -> None:
    problem = await market.hold(expect=422, **changes)
    assert pointer(problem) == field


async def test_only_startups_hold(market: Market) -> None:
    body = {"slot_id": str(market.slot.id), "start": str(day(0)), "request_id": str(market.request.id)}
    for headers in (market.seller, await market.world.coordinator()):
        await market.send("/v1/bookings", body, headers=headers, expect=403)
