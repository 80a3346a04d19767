"""What a slip costs those behind it: nothing, whether they leave or move away by themselves, as the quote says."""

from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.capacity.models import Approval, Slot
from app.core.clock import today
from app.core.database import transaction
from app.core.model import period
from tests.app.bookings.conftest import FEE, PRICE, Headers, Market
from tests.app.bookings.test_slips import neighbour, slipped
from tests.support.world import since_day_one


class Behind(NamedTuple):
    """A campaign from the fifth day on, and a booking right behind it, 48 days from now: nothing is free any more."""

    first: dict[str, Any]
    near: dict[str, Any]
    owner: Headers
    later: Slot

    def place(self) -> dict[str, Any]:
        """Where it can move by itself."""
        return {"slot_id": str(self.later.id), "start": str(today() + timedelta(days=110))}


@pytest.fixture
async def behind(market: Market) -> Behind:
    """Nothing is free in its slot after it; a later one, taken whole, is proposed by no slip, but the market's is."""
    slot = await add_slot(market, 5, 91)
    later = await add_slot(market, 110, 170, divisible=False)
    first = await market.confirmed(since_day_one() + 5, slot_id=str(slot.id), product_id=str(market.product.id))
    near, owner = await neighbour(market, since_day_one() + 48, slot_id=str(slot.id))
    return Behind(first, near, owner, later)


async def add_slot(market: Market, start: int, end: int, **given: Any) -> Slot:
    days = period(today() + timedelta(days=start), today() + timedelta(days=end))
    return await market.world.add(Slot(unit_id=market.unit.id, period=days, approval=Approval.INSTANT, **given))


async def quoted(market: Market, booking: dict[str, Any], owner: Headers, **move: Any) -> dict[str, Any]:
    asked = "&".join(f"{name}={value}" for name, value in move.items())
    return await market.read(f"/v1/bookings/{booking['id']}/quote?{asked}", owner)


async def owed(market: Market, owner: Headers) -> int:
    return sum(amount for _, amount in await market.charges(owner))


@pytest.mark.parametrize("state", ["unplaced", "proposed", "declined"])
async def test_whom_a_slip_runs_over_leaves_for_nothing_as_quoted(market: Market, behind: Behind, state: str) -> None:
    """Answered with a refusal or not: its days are run over all the same."""
    if state == "unplaced":
        async with transaction(market.world.sessions) as session:
            await session.execute(update(Slot).where(col(Slot.id) == market.slot.id).values(divisible=False))
    [asked] = (await slipped(market, behind.first, since_day_one() + 58))["moves"]
    assert asked["status"] == ("unplaced" if state == "unplaced" else "proposed")
    if state == "declined":
        path = f"/v1/slip-moves/{asked['id']}/decline"
        await market.send(path, {"reason_code": "supply"}, headers=behind.owner, expect=200)
    quote = await quoted(market, behind.near, behind.owner)
    assert (quote["caused_by_cdmo"], quote["cancellation_today_cents"]) == (True, 0)
    assert [(one["total_cents"], one["due_cents"]) for one in quote["cancellation"]] == [(0, -FEE)]
    await market.step(behind.near, "cancel", by=behind.owner, reason_code="planning")
    assert await market.charges(behind.owner) == [("reservation_fee", FEE), ("reservation_fee", -FEE)]
    [_, credit] = (await market.read("/v1/charges", behind.owner))["items"]
    assert (credit["detail"]["cancelled_by"], credit["detail"]["caused_by_cdmo"]) == ("startup", True)


async def test_a_move_that_was_paid_before_the_slip_is_credited_when_leaving(market: Market, behind: Behind) -> None:
    await market.move(behind.near, by=behind.owner, **behind.place())
    assert await owed(market, behind.owner) == FEE + PRICE // 10
    await slipped(market, behind.first, since_day_one() + 120)
    [told] = (await quoted(market, behind.near, behind.owner))["cancellation"]
    assert (told["total_cents"], told["due_cents"]) == (0, -FEE - PRICE // 10)
    await market.step(behind.near, "cancel", by=behind.owner, reason_code="planning")
    assert await owed(market, behind.owner) == 0


async def test_whom_a_slip_runs_over_moves_for_nothing_and_keeps_its_free_move(market: Market, behind: Behind) -> None:
    before = await quoted(market, behind.near, behind.owner, **behind.place())
    assert (before["caused_by_cdmo"], before["move"]["due_cents"], before["move_fee_cents"]) == (
        False,
        PRICE // 10,
        PRICE // 10,
    )
    await slipped(market, behind.first, since_day_one() + 58)
    quote = await quoted(market, behind.near, behind.owner, **behind.place())
    assert (quote["move_fee_cents"], quote["move"]["due_cents"]) == (0, 0)
    assert (quote["move"]["caused_by_cdmo"], quote["move"]["free"]) == (True, False)
    await market.move(behind.near, by=behind.owner, **behind.place())
    assert await market.charges(behind.owner) == [("reservation_fee", FEE)]
    # Where it is now, nothing runs over it: the next move is its own, and its free one is there for it.
    after = await quoted(market, behind.near, behind.owner)
    assert (after["caused_by_cdmo"], after["free_moves_left"], after["move_fee_cents"]) == (False, 1, PRICE // 10)


async def test_a_free_move_with_much_notice_is_not_used_up_by_a_slip(market: Market) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    later = await market.world.slot(market.unit, 200, 300, approval=Approval.INSTANT)
    await slipped(market, first, 53)
    await market.move(near, 200, by=owner, slot_id=str(later.id))
    assert (await quoted(market, near, owner))["free_moves_left"] == 1


async def test_a_move_that_awaits_its_cdmo_costs_what_was_quoted_when_it_was_asked_for(
    market: Market, behind: Behind
) -> None:
    await market.by_approval(behind.later)
    await slipped(market, behind.first, since_day_one() + 58)
    asked = await market.move(behind.near, by=behind.owner, **behind.place())
    await slipped(market, behind.first, since_day_one() + 48)
    await market.send(f"/v1/bookings/{asked['pending_move_id']}/approve", None, headers=market.seller, expect=200)
    assert await market.charges(behind.owner) == [("reservation_fee", FEE)]


async def test_a_move_that_was_asked_for_before_the_slip_and_approved_after_it_costs_nothing(
    market: Market, behind: Behind
) -> None:
    await market.by_approval(behind.later)
    asked = await market.move(behind.near, by=behind.owner, **behind.place())
    await slipped(market, behind.first, since_day_one() + 58)
    assert (await quoted(market, behind.near, behind.owner))["move_fee_cents"] == 0
    await market.send(f"/v1/bookings/{asked['pending_move_id']}/approve", None, headers=market.seller, expect=200)
    assert await market.charges(behind.owner) == [("reservation_fee", FEE)]


async def test_a_free_move_that_was_asked_for_before_the_slip_is_not_used_up_by_it(market: Market) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    later = await market.world.slot(market.unit, 200, 300)
    asked = await market.move(near, 200, by=owner, slot_id=str(later.id))
    await slipped(market, first, 53)
    await market.send(f"/v1/bookings/{asked['pending_move_id']}/approve", None, headers=market.seller, expect=200)
    assert (await quoted(market, near, owner))["free_moves_left"] == 1


@pytest.mark.parametrize("how", ["slips less", "is cancelled"])
async def test_once_the_days_are_given_back_leaving_costs_its_fee_again(
    market: Market, behind: Behind, how: str
) -> None:
    await slipped(market, behind.first, since_day_one() + 58)
    if how == "slips less":
        await slipped(market, behind.first, since_day_one() + 48)
    else:
        await market.step(behind.first, "cancel", by=market.seller, reason_code="equipment_failure")
    quote = await quoted(market, behind.near, behind.owner)
    assert (quote["caused_by_cdmo"], quote["cancellation_today_cents"]) == (False, PRICE * 55 // 100)
    await market.step(behind.near, "cancel", by=behind.owner, reason_code="planning")
    assert await owed(market, behind.owner) == PRICE * 55 // 100


async def test_whoever_slips_itself_pays_as_its_terms_say(market: Market, behind: Behind) -> None:
    """Its own slip takes nobody's days but those of others."""
    await slipped(market, behind.first, since_day_one() + 58)
    quote = await quoted(market, behind.first, market.buyer)
    assert (quote["caused_by_cdmo"], quote["cancellation_today_cents"]) == (False, PRICE)


async def test_whom_another_one_pushes_leaves_for_nothing_too(market: Market) -> None:
    """No day of its own is run over: it is asked to make room for one of which they are."""
    first = await market.confirmed(0)
    near, _ = await neighbour(market, 43)
    later = await market.world.slot(market.unit, 120, 300, approval=Approval.INSTANT)
    far, owner = await neighbour(market, 120, slot_id=str(later.id))
    pushed = {one["booking_id"] for one in (await slipped(market, first, 80))["moves"]}
    assert pushed == {near["id"], far["id"]}
    await market.step(far, "cancel", by=owner, reason_code="planning")
    assert await owed(market, owner) == 0
