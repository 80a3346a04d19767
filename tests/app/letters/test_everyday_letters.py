"""Offers that expire, and bookings that await their CDMO, are told by mail as long as there is something to answer."""

from typing import Any

import pytest

from tests.app.allocation.conftest import Rounds, planned_by_greed, room
from tests.app.allocation.waiting_room import Room
from tests.app.bookings.conftest import Market, market
from tests.app.letters.conftest import HERE, Postroom
from tests.support.mail_server import Taken

pytestmark = pytest.mark.database
__all__ = ["market", "room"]


def missing(message: Taken, *said: object) -> list[str]:
    return [str(one) for one in said if str(one) not in message.text]


async def test_an_offer_from_the_waiting_list_is_told_to_whom_it_is_made(room: Room, post: Postroom) -> None:
    booking = await room.book("holder")
    await room.wait("patient", "later")
    await room.cancel("holder", booking)
    assert await room.decided()
    [offer] = await room.offers("patient")
    [told] = await post.go_out()
    assert told.to == await post.person_of(room.requests["patient"].organisation_id)
    assert missing(told, "A place has fallen free", "Une place s'est libérée", offer["id"], room.id_of("patient")) == []
    assert missing(told, "from 1 January 2030 to 12 February 2030", "du 1er janvier 2030 au 12 février 2030") == []
    assert missing(told, "accept or decline it by ", f"To answer, sign in: {HERE}/sign-in", offer["id"]) == []
    assert "une place pour vous, répondre avant le " in told.subject


@pytest.mark.parametrize("ending", ["answered", "expired"])
async def test_an_offer_that_is_over_is_not_told(room: Room, post: Postroom, ending: str) -> None:
    booking = await room.book("holder")
    await room.wait("patient")
    await room.cancel("holder", booking)
    assert await room.decided()
    await (room.answer("patient", "accept") if ending == "answered" else room.run_out())
    assert await post.go_out() == []
    assert await post.fates() == [(False, "moot")]


async def test_the_offers_of_a_round_are_told_each_to_its_own(room: Room, post: Postroom) -> None:
    for name in ("one", "two"):
        await room.ask(name)
    await room.elsewhere()
    rounds = Rounds(room.client, room.coordinator)
    round_id, _ = await planned_by_greed(rounds, room.world)
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    sent = await post.go_out()
    assert len(sent) == 2
    for name in ("one", "two"):
        [offer] = await room.offers(name)
        [told] = post.to(await post.person_of(room.requests[name].organisation_id))
        assert missing(told, offer["id"], "The round has found a place", "Le tour d'attribution") == []


async def test_a_cdmo_is_told_that_a_booking_awaits_it_and_not_whose_it_is(market: Market, post: Postroom) -> None:
    await market.by_approval()
    held = await market.hold()
    assert await post.waiting() == []
    booking = await market.step(held, "confirm", by=market.buyer)
    [told] = await post.go_out()
    assert told.to == await post.person_of(market.cdmo.id)
    words = ("A booking on your line awaits", "Une réservation sur votre ligne", "Approve or decline it by ")
    assert missing(told, *words, booking["id"], f"To answer, sign in: {HERE}/sign-in", "11 January 2030") == []
    hidden = (market.startup.name, market.product.code_name, str(market.request.id), str(market.product.id))
    assert missing(told, *hidden) == list(hidden)


async def test_a_cdmo_is_told_of_a_move_by_the_days_that_are_asked_for(market: Market, post: Postroom) -> None:
    booking = await market.confirmed()
    await market.by_approval()
    await market.move(booking, 30)
    [told] = await post.go_out()
    assert told.to == await post.person_of(market.cdmo.id)
    assert missing(told, "is to be moved", "doit être déplacée", "from 31 January 2030", "du 31 janvier 2030") == []


@pytest.mark.parametrize("verb", ["approve", "decline"])
async def test_a_booking_that_is_answered_is_not_told(market: Market, post: Postroom, verb: str) -> None:
    await market.by_approval()
    booking = await market.step(await market.hold(), "confirm", by=market.buyer)
    why: dict[str, Any] = {"reason_code": "planning"} if verb == "decline" else {}
    await market.step(booking, verb, by=market.seller, **why)
    assert await post.go_out() == []
    assert await post.fates() == [(False, "moot")]
