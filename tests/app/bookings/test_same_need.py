"""A hold stands for the need that it was made for, as quoted: neither side can make another of it."""

from datetime import timedelta
from typing import Any

import pytest

from app.capacity.models import Slot
from app.catalogue.models import ProductionLine, Unit
from app.core.database import transaction
from app.core.model import period
from app.core.schemas import LATEST_DAY
from tests.app.bookings.conftest import FEE, Market
from tests.support.world import day


async def test_a_hold_of_a_draft_is_confirmed_for_the_need_that_it_was_made_for(market: Market) -> None:
    held = await market.hold(product_id=str(market.product.id))
    path = f"/v1/requests/{held['request_id']}"
    changed = await market.client.patch(path, json={"batches": 2}, headers=market.buyer)
    assert changed.status_code == 200, changed.text
    problem = await market.step(held, "confirm", by=market.buyer, expect=409)
    assert problem["type"] == "urn:creneau:problem:not-eligible"
    assert (await market.read(f"/v1/bookings/{held['id']}", market.buyer))["status"] == "held"
    assert await market.charges() == []
    await market.client.patch(path, json={"batches": 1}, headers=market.buyer)
    assert (await market.step(held, "confirm", by=market.buyer))["status"] == "confirmed"


@pytest.mark.parametrize("divisible", [True, False])
async def test_a_hold_is_confirmed_whatever_its_slot_has_become_around_it(market: Market, divisible: bool) -> None:
    path = f"/v1/slots/{market.slot.id}"
    for state in (divisible, not divisible):
        changed = await market.client.patch(path, json={"divisible": state}, headers=market.seller)
        assert changed.status_code == 200, changed.text
        if state is divisible:
            held = await market.hold(0, product_id=str(market.product.id))
    confirmed = await market.step(held, "confirm", by=market.buyer)
    assert (confirmed["status"], confirmed["end"]) == ("confirmed", str(day(43 if divisible else 120)))


TERMS = {"modality": "monoclonal_antibody", "is_standard": True}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("slots", {"price_cents": 100_000_001}),
        ("lines", {"terms": [TERMS | {"release_days": 400, "price_cents": 100_000_000}]}),
        ("lines", {"terms": [TERMS | {"release_days": 42, "price_cents": 200_000_000}]}),
        ("lines", {"gmp_phases": ["phase_2"]}),
        ("lines", {"first_batch_days": 90}),
    ],
)
async def test_what_was_quoted_binds_the_cdmo_too(market: Market, kind: str, change: dict[str, Any]) -> None:
    wanted: dict[str, Any] = {"product_id": str(market.product.id), "budget_cents": 100_000_000, "gmp_phase": "phase_1"}
    held = await market.hold(**wanted)
    draft = await market.send("/v1/requests", asked(market), headers=market.buyer, expect=201)
    other = await market.hold(53, request_id=draft["id"])
    path = f"/v1/{kind}/{market.slot.id if kind == 'slots' else market.unit.line_id}"
    changed = await market.client.patch(path, json=change, headers=market.seller)
    assert changed.status_code == 200, changed.text
    for one in (held, other):
        confirmed = await market.step(one, "confirm", by=market.buyer)
        assert [confirmed[name] for name in ("status", "price_cents", "end", "delivery_on")] == (
            ["confirmed", 100_000_000, one["end"], one["delivery_on"]]
        )
    assert await market.charges() == [("reservation_fee", FEE)] * 2


def asked(market: Market) -> dict[str, Any]:
    return {
        "product_id": str(market.product.id),
        "batches": 1,
        "gmp_phase": "phase_1",
        "earliest_on": str(day(50)),
        "latest_delivery_on": str(day(150)),
        "budget_cents": 100_000_000,
    }


async def test_a_product_that_became_another_does_not_take_the_place_held_for_the_first(market: Market) -> None:
    product = await market.world.product(market.startup)
    held = await market.hold(product_id=str(product.id))
    change = {"modality": "viral_vector_aav", "platform": None}
    changed = await market.client.patch(f"/v1/products/{product.id}", json=change, headers=market.buyer)
    assert changed.status_code == 200, changed.text
    problem = await market.step(held, "confirm", by=market.buyer, expect=409)
    assert problem["type"] == "urn:creneau:problem:not-eligible"
    assert "modality" in [reason["code"] for reason in problem["reasons"]]


async def test_what_a_start_leads_to_may_lie_past_all_days(market: Market) -> None:
    wanted = {"product_id": str(market.product.id), "batches": 1000}
    async with transaction(market.world.sessions) as session:
        (await session.get_one(Slot, market.slot.id)).period = period(day(0), LATEST_DAY)
        unit = await session.get_one(Unit, market.unit.id)
        (await session.get_one(ProductionLine, unit.line_id)).cadence_days = 3650
    for start in (day(0), LATEST_DAY - timedelta(days=20)):
        problem = await market.hold(str(start), **wanted, expect=409)
        assert problem["type"] == "urn:creneau:problem:not-eligible"
        assert "time_too_short" in [reason["code"] for reason in problem["reasons"]]
