"""The day a start-up slot is released: search, matching, booking and price agree on it, and on the day before."""

from datetime import timedelta
from typing import Any

import pytest

from app.capacity.facts import slot_facts
from app.core.clock import today
from app.core.database import transaction
from app.core.vocabulary import Reserve
from tests.app.bookings.conftest import Market
from tests.app.capacity.rows import agreement
from tests.support.world import day

PRICE, CAP = 100_000_000, 60_000_000


async def reserved(market: Market, released_in_days: int) -> str:
    """Publish a start-up slot under a cap, two months from now, and return its identifier."""
    promise = await agreement(market.world, market.cdmo, capped_price_cents=CAP)
    slot = await market.slot_in(
        60,
        reserve=Reserve.STARTUP,
        releases_on=today() + timedelta(days=released_in_days),
        agreement_id=promise.id,
    )
    return str(slot.id)


async def buyer_of(market: Market, country: str) -> Any:
    """Make a start-up of a country the market's buyer, with a request that the slot can serve."""
    market.startup, market.buyer = await market.world.startup(country=country)
    market.product = await market.world.product(market.startup)
    market.request = await market.world.request(market.product, earliest_on=today(), latest_delivery_on=day(365))
    return market.buyer


@pytest.mark.parametrize(("released_in_days", "reserve", "cents"), [(1, "startup", CAP), (0, "open", PRICE)])
async def test_a_french_startup_finds_and_books_it_under_one_reserve_at_one_price(
    market: Market, released_in_days: int, reserve: str, cents: int
) -> None:
    slot_id = await reserved(market, released_in_days)
    buyer = await buyer_of(market, "FR")
    found = {
        name: {one["id"]: one for one in (await market.read(f"/v1/slots?reserve={name}", buyer))["items"]}
        for name in ("open", "startup")
    }
    assert [name for name, slots in found.items() if slot_id in slots] == [reserve]
    read = found[reserve][slot_id]
    assert (read["reserve"], read["effective_reserve"], read["price_cents"]) == ("startup", reserve, cents)
    matches = await market.read(f"/v1/requests/{market.request.id}/matches", buyer)
    (option,) = [one for one in matches["options"] if one["slot_id"] == slot_id]
    assert (option["reserve"], option["package_price_cents"]) == (reserve, cents)
    booked = await market.hold(read["start"], slot_id=slot_id)
    assert (booked["reserve"], booked["price_cents"]) == (reserve, cents)


@pytest.mark.parametrize(("released_in_days", "is_open"), [(1, False), (0, True)])
async def test_anybody_else_has_it_from_that_day_on(market: Market, released_in_days: int, is_open: bool) -> None:
    slot_id = await reserved(market, released_in_days)
    buyer = await buyer_of(market, "DE")
    matches = await market.read(f"/v1/requests/{market.request.id}/matches", buyer)
    assert (slot_id in {one["slot_id"] for one in matches["options"]}) is is_open
    start = (await market.read(f"/v1/slots/{slot_id}", buyer))["start"]
    answer = await market.hold(start, slot_id=slot_id, expect=201 if is_open else 409)
    if is_open:
        assert (answer["reserve"], answer["price_cents"]) == ("open", PRICE)
    else:
        assert [one["code"] for one in answer["reasons"]] == ["reserved_for_startups"]


async def test_the_nearest_free_period_of_a_refusal_is_under_the_same_reserve(market: Market) -> None:
    released = await reserved(market, 0)
    buyer = await buyer_of(market, "FR")
    taken = await market.hold((await market.read(f"/v1/slots/{released}", buyer))["start"], slot_id=released)
    await buyer_of(market, "DE")
    refused = await market.hold(taken["start"], slot_id=released, expect=409)
    # Ahead of the released slot there is nothing, after it the market's own open slot.
    assert refused["nearest_free"]["slot_id"] == str(market.slot.id)
    refused = await market.hold(10, expect=201)
    assert refused["reserve"] == "open"


async def test_the_reserves_of_a_round_are_those_of_its_day(market: Market) -> None:
    slot_id = await reserved(market, 0)
    for days, found in ((-1, Reserve.STARTUP), (0, Reserve.OPEN)):
        for reserve in Reserve:
            async with transaction(market.world.sessions) as session:
                slots = await slot_facts(session, reserves=[reserve], as_of_on=today() + timedelta(days=days))
            there = slot_id in {str(one.slot_id) for listed in slots.values() for one in listed}
            assert there is (reserve is found), (days, reserve)
