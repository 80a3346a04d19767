"""A campaign keeps its unit as long as it is made, and through the changeover after it, whatever was planned."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from app.audit.author import Author
from app.bookings.errors import SlotTaken
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.bookings.service import BookingDraft, create_booking
from app.capacity.models import Approval, OpeningCause, Slot, SlotOpening
from app.capacity.occupancy import occupied_periods, span_of
from app.core.clock import today
from app.core.database import transaction
from app.core.model import period
from tests.app.bookings.conftest import FAILED, Headers, Market
from tests.support.world import DAY_ONE

PLANNED_DAYS, CHANGEOVER_DAYS = 43, 3
ENDINGS = ["complete", "fail"]
LET_SLOT_BEGIN_EARLIER = text(
    "UPDATE slots SET period = daterange(lower(period) - CAST(:days AS int), upper(period)) WHERE id = :slot"
)
LET_CAMPAIGN_LIE_EARLIER = text(
    "UPDATE bookings SET actual_start_on = actual_start_on - CAST(:days AS int),"
    " period = daterange(lower(period) - CAST(:days AS int), upper(period) - CAST(:days AS int)) WHERE id = :booking"
)


def on(days: int) -> date:
    return today() + timedelta(days=days)


def days(start: int, end: int) -> dict[str, str]:
    return {"start": str(on(start)), "end": str(on(end))}


async def other(market: Market) -> tuple[dict[str, str], Headers]:
    """Another start-up with a product of its own."""
    startup, headers = await market.world.startup()
    return {"product_id": str((await market.world.product(startup)).id)}, headers


async def hold(market: Market, slot: Slot, start: int, *, expect: int = 201) -> dict[str, Any]:
    """Have another start-up hold the slot from so many days from today."""
    product, headers = await other(market)
    body = {"slot_id": str(slot.id), "start": str(on(start)), **product}
    return await market.send("/v1/bookings", body, headers=headers, expect=expect)


async def end(market: Market, booking: dict[str, Any], how: str, day: int = 0, **given: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"actual_end_on": str(on(day))}
    if how == "fail":
        body = {**FAILED, "failed_on": str(on(day)), "cause": "cdmo", **given}
    return await market.step(booking, how, by=market.seller, **body)


async def free(market: Market, slot: Slot) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = (await market.read(f"/v1/slots/{slot.id}", market.buyer))["free"]
    return listed


async def begun(market: Market, slot: Slot, since: int = 0) -> dict[str, Any]:
    """A campaign in production, planned from today on; or so many days ago, once all of it lies earlier."""
    booked = await market.confirmed(str(on(0)), slot_id=str(slot.id), product_id=str(market.product.id))
    running = await market.begin(booked)
    place, campaign = {"days": since, "slot": slot.id}, {"days": since, "booking": UUID(booked["id"])}
    async with transaction(market.world.sessions) as session:
        await session.execute(LET_SLOT_BEGIN_EARLIER, place)
        await session.execute(LET_CAMPAIGN_LIE_EARLIER, campaign)
    return running


@pytest.fixture
async def wide(market: Market) -> Slot:
    """A slot of the unit from today on, twice as long as a campaign."""
    first = (today() - DAY_ONE).days
    return await market.world.slot(market.unit, first, first + 120, approval=Approval.INSTANT)


@pytest.mark.parametrize("how", ENDINGS)
async def test_no_other_product_meets_a_campaign_on_the_day_it_ended_nor_in_its_changeover(
    market: Market, wide: Slot, how: str
) -> None:
    await end(market, await begun(market, wide), how)
    clean = 1 + CHANGEOVER_DAYS
    assert await free(market, wide) == [days(clean, 120)]
    async with transaction(market.world.sessions) as session:
        busy = (await occupied_periods(session, [market.unit.id]))[market.unit.id]
    assert [(one.slot_id, tuple(one.period)) for one in busy] == [(wide.id, (on(0), on(clean)))]
    for start in (0, clean - 1):
        refused = await hold(market, wide, start, expect=409)
        assert refused["type"] == "urn:creneau:problem:slot-taken"
        assert refused["in_the_way"] == [days(0, clean)]
        assert refused["nearest_free"] == {"slot_id": str(wide.id), **days(clean, clean + PLANNED_DAYS)}
    await hold(market, wide, clean)


async def test_a_repeat_waits_for_the_changeover_too(market: Market, wide: Slot) -> None:
    running = await begun(market, wide)
    repeat = {"repeat_slot_id": str(wide.id), "cause": "cdmo", **FAILED}
    for start in (0, CHANGEOVER_DAYS):
        refused = await market.step(
            running, "fail", by=market.seller, expect=409, **repeat, repeat_start=str(on(start))
        )
        assert refused["type"] == "urn:creneau:problem:slot-taken"
        assert [fault["pointer"] for fault in refused["errors"]] == ["/repeat_start"]
    assert (await market.read(f"/v1/bookings/{running['id']}", market.buyer))["status"] == "in_production"
    await market.step(running, "fail", by=market.seller, **repeat, repeat_start=str(on(1 + CHANGEOVER_DAYS)))


@pytest.mark.parametrize(
    ("since", "ended", "slipped_to", "kept_until"),
    [
        (20, -5, None, None),
        (40, 0, None, 3),
        (41, 0, None, 2),
        (41, 0, 3, 3),
        (41, 0, 30, 4),
        (41, 0, 1, 2),
        (60, 0, None, 4),
        (60, -2, None, 2),
        (60, -10, None, None),
    ],
    ids=[
        "long over",
        "as planned",
        "late, within what was planned",
        "within what a slip said",
        "before what a slip said",
        "a slip does not shorten the plan",
        "past its plan",
        "past its plan, told later",
        "past its plan, long over",
    ],
)
async def test_the_changeover_is_kept_up_to_what_was_told_and_in_full_past_it(
    market: Market, wide: Slot, since: int, ended: int, slipped_to: int | None, kept_until: int | None
) -> None:
    running = await begun(market, wide, since)
    if slipped_to is not None:
        body = {"expected_end_on": str(on(slipped_to)), "reason_code": "process"}
        await market.send(f"/v1/bookings/{running['id']}/slip", body, headers=market.seller, expect=201)
    await end(market, running, "complete", ended)
    [left] = await free(market, wide)
    assert left["start"] == str(on(kept_until or 0))


async def test_what_is_still_made_past_its_plan_keeps_its_unit_through_today(market: Market, wide: Slot) -> None:
    running = await begun(market, wide, 60)
    assert (await free(market, wide))[0]["start"] == str(on(1))
    refused = await hold(market, wide, 0, expect=409)
    assert (refused["type"], refused["in_the_way"]) == (
        "urn:creneau:problem:slot-taken",
        [{"start": str(on(PLANNED_DAYS - 60)), "end": str(on(1))}],
    )
    assert refused["nearest_free"] == {"slot_id": str(wide.id), **days(1, 1 + PLANNED_DAYS)}
    await hold(market, wide, 1)
    body = {"expected_end_on": str(on(10)), "reason_code": "process"}
    await market.send(f"/v1/bookings/{running['id']}/slip", body, headers=market.seller, expect=201)
    assert (await free(market, wide))[0]["start"] == str(on(1 + PLANNED_DAYS))


@pytest.mark.parametrize("made", ["still", "ended"])
async def test_the_database_itself_refuses_a_day_that_is_kept(market: Market, wide: Slot, made: str) -> None:
    running = await begun(market, wide, 60)
    if made == "ended":
        await end(market, running, "complete", -2)
    first_free = {"still": 1, "ended": 2}[made]
    async with transaction(market.world.sessions) as session:
        for start in (first_free - 1, first_free):
            draft = BookingDraft(
                slot_id=wide.id,
                organisation_id=market.startup.id,
                period=period(on(start), on(start + 10)),
                delivery_on=on(100),
                batches=1,
                price_cents=1,
                source=BookingSource.CRISIS,
                status=BookingStatus.CONFIRMED,
            )
            if start < first_free:
                with pytest.raises(SlotTaken):
                    await create_booking(session, Author.of_job("test"), draft)
            else:
                await create_booking(session, Author.of_job("test"), draft)


@pytest.mark.parametrize("how", ENDINGS)
async def test_who_waits_is_offered_what_a_campaign_leaves_and_no_day_that_it_keeps(
    market: Market, wide: Slot, how: str
) -> None:
    await end(market, await begun(market, wide), how)
    async with transaction(market.world.sessions) as session:
        statement = select(SlotOpening).where(col(SlotOpening.cause) == OpeningCause.FREED)
        opened = [span_of(one.period) for one in await session.scalars(statement) if one.period is not None]
    assert [tuple(one) for one in opened] == [(on(1 + CHANGEOVER_DAYS), on(PLANNED_DAYS))]


async def test_a_later_change_of_the_line_does_not_change_what_is_kept(market: Market, wide: Slot) -> None:
    running = await begun(market, wide)
    await end(market, running, "complete")
    async with transaction(market.world.sessions) as session:
        await session.execute(text("UPDATE production_lines SET changeover_days = 20"))
        stored = await session.get_one(Booking, UUID(running["id"]))
        assert stored.free_from_on == on(1 + CHANGEOVER_DAYS)
    assert (await free(market, wide))[0]["start"] == str(on(1 + CHANGEOVER_DAYS))
