"""Whose days a campaign has run over past its plan leaves for nothing, told by a slip or not, ended or not."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.capacity.models import Slot
from app.core.database import transaction
from tests.app.bookings.conftest import PRICE, Headers, Market
from tests.app.bookings.test_slip_costs import owed, quoted
from tests.app.bookings.test_unit_kept import (
    ENDINGS,
    LET_CAMPAIGN_LIE_EARLIER,
    LET_SLOT_BEGIN_EARLIER,
    PLANNED_DAYS,
    end,
    on,
    other,
    wide,
)

__all__ = ["wide"]
AS_BOOKED = text("UPDATE bookings SET status = CAST(:status AS text) WHERE id = :booking")


async def two_in_a_row(market: Market, slot: Slot, since: int) -> tuple[dict[str, Any], dict[str, Any], Headers]:
    """A campaign in production, planned to start so many days ago, and another start-up's booking right behind it."""
    booked = await market.confirmed(str(on(0)), slot_id=str(slot.id), product_id=str(market.product.id))
    running = await market.begin(booked)
    product, owner = await other(market)
    body = {"slot_id": str(slot.id), "start": str(on(PLANNED_DAYS)), **product}
    held = await market.send("/v1/bookings", body, headers=owner, expect=201)
    near = await market.step(held, "confirm", by=owner)
    async with transaction(market.world.sessions) as session:
        await session.execute(LET_SLOT_BEGIN_EARLIER, {"days": since, "slot": slot.id})
        # No campaign lies where another one keeps the unit: it is as before its start while both are put earlier.
        await session.execute(AS_BOOKED, {"status": "confirmed", "booking": UUID(running["id"])})
        for one in (running, near):
            await session.execute(LET_CAMPAIGN_LIE_EARLIER, {"days": since, "booking": UUID(one["id"])})
        await session.execute(AS_BOOKED, {"status": "in_production", "booking": UUID(running["id"])})
    return running, near, owner


async def slip_to(market: Market, booking: dict[str, Any], end_in: int) -> None:
    body = {"expected_end_on": str(on(end_in)), "reason_code": "equipment_failure"}
    await market.send(f"/v1/bookings/{booking['id']}/slip", body, headers=market.seller, expect=201)


async def leaving(market: Market, booking: dict[str, Any], owner: Headers) -> tuple[bool, int]:
    quote = await quoted(market, booking, owner)
    return quote["caused_by_cdmo"], quote["cancellation_today_cents"]


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
@pytest.mark.parametrize("how", [None, *ENDINGS])
async def test_whom_a_campaign_runs_over_past_its_plan_leaves_for_nothing(
    market: Market, wide: Slot, how: str | None, told: bool
) -> None:
    running, near, owner = await two_in_a_row(market, wide, PLANNED_DAYS + 2)
    if told:
        await slip_to(market, running, 6)
        assert await leaving(market, near, owner) == (True, 0)
    if how is not None:
        await end(market, running, how)
    assert await leaving(market, near, owner) == (True, 0)
    await market.step(near, "cancel", by=owner, reason_code="planning")
    assert await owed(market, owner) == 0


@pytest.mark.parametrize(
    ("since", "ended", "caused"),
    [
        (PLANNED_DAYS - 1, None, False),
        (PLANNED_DAYS, None, True),
        (PLANNED_DAYS - 1, 0, False),
        (PLANNED_DAYS, -1, False),
        (PLANNED_DAYS, 0, True),
    ],
    ids=["on its last day", "on the day after", "ended on its last day", "the same, told later", "ended a day late"],
)
async def test_the_cdmo_is_the_cause_from_the_first_day_that_it_takes(
    market: Market, wide: Slot, since: int, ended: int | None, caused: bool
) -> None:
    """What ends within its plan has its changeover within it too."""
    running, near, owner = await two_in_a_row(market, wide, since)
    if ended is not None:
        await end(market, running, "complete", ended)
    assert await leaving(market, near, owner) == (caused, 0 if caused else PRICE)


async def test_a_slip_that_ends_before_the_days_behind_it_has_taken_none_of_them(market: Market, wide: Slot) -> None:
    running, near, owner = await two_in_a_row(market, wide, PLANNED_DAYS - 4)
    await slip_to(market, running, 10)
    assert await leaving(market, near, owner) == (True, 0)
    await end(market, running, "complete")
    assert await leaving(market, near, owner) == (False, PRICE)
