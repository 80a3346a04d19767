"""A split leaves whole what a move asks for and what a slip proposes; beside a cut, it goes with its part."""

import pytest
from sqlalchemy import select

from app.bookings.slip_models import SlipMove
from app.core.database import transaction
from tests.app.bookings.conftest import Market
from tests.app.bookings.test_slips import neighbour, slipped
from tests.support.world import day


async def split(market: Market, at: int, expect: int = 200) -> list[str]:
    """Cut the market's slot in two; what is asked for is the fact of a refusal."""
    answer = await market.send(
        f"/v1/slots/{market.slot.id}/split", {"at": [str(day(at))]}, headers=market.seller, expect=expect
    )
    if expect == 200:
        return [part["id"] for part in answer["parts"]]
    assert answer["type"] == "urn:creneau:problem:slot-asked-for"
    return [f"{one['start']} {one['end']}" for one in answer["asked_for"]]


async def test_what_a_move_asks_for_is_not_cut_where_the_booking_ends(market: Market) -> None:
    """Days 10 to 53 are the booking's, 53 to 58 held beside them: a cut between the two goes through neither."""
    booked = await market.confirmed(10)
    await market.by_approval()
    asked = {"id": (await market.move(booked, 15))["pending_move_id"]}
    assert await split(market, 53, expect=409) == [f"{day(15)} {day(58)}"]
    first, _ = await split(market, 58)
    await market.step(asked, "approve", by=market.seller)
    moved = await market.read(f"/v1/bookings/{booked['id']}", market.buyer)
    assert (moved["slot_id"], moved["start"], moved["end"]) == (first, str(day(15)), str(day(58)))


async def test_an_answered_move_keeps_nothing_whole(market: Market) -> None:
    booked = await market.confirmed(10)
    await market.by_approval()
    asked = {"id": (await market.move(booked, 15))["pending_move_id"]}
    await market.step(asked, "decline", by=market.seller, reason_code="planning")
    assert len(await split(market, 53)) == 2


@pytest.mark.parametrize("answered", [False, True])
async def test_what_a_slip_proposes_is_not_cut_and_goes_with_its_part(market: Market, answered: bool) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 60)
    [proposal] = (await slipped(market, first, 65))["moves"]
    assert proposal["start"] == str(day(65))
    if answered:
        refusal = {"reason_code": "delivery_too_late"}
        await market.send(f"/v1/slip-moves/{proposal['id']}/decline", refusal, headers=owner, expect=200)
        await split(market, 105)
        return
    assert await split(market, 105, expect=409) == [f"{day(65)} {day(108)}"]
    _, second = await split(market, 50)
    async with transaction(market.world.sessions) as session:
        assert str((await session.scalars(select(SlipMove))).one().slot_id) == second
    await market.send(f"/v1/slip-moves/{proposal['id']}/accept", None, headers=owner, expect=200)
    moved = await market.read(f"/v1/bookings/{near['id']}", owner)
    assert (moved["slot_id"], moved["start"]) == (second, str(day(65)))
