"""What it costs to have one's place back when a crisis ends, and on what terms it is had again."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings.fees import terms_of
from app.core.vocabulary import Reserve
from app.matching.outcome import Price
from tests.app.crisis.conftest import Contested, Crises, booked, contested, iso, maker, power, scalar
from tests.app.crisis.test_restoring import displaced, do, rows, without_room
from tests.support.world import World

pytestmark = pytest.mark.database

COMPENSATED = """
    SELECT o.kind, c.amount_cents, c.detail ->> 'code' FROM charges c JOIN organisations o ON o.id = c.organisation_id
    WHERE c.kind = 'displacement_compensation' ORDER BY c.id
"""


async def test_a_quarter_of_the_compensation_is_kept_and_the_rest_owed_back_on_both_sides(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id = await displaced(crises, place)
    await crises.post(f"/{crisis_id}/stand-down")
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    await crises.post(f"/{crisis_id}/restorations/{offer['id']}/accept", by=place.first.headers)
    assert await rows(owner, COMPENSATED) == [
        ("authority", 10_000_000, None),
        ("startup", -10_000_000, None),
        ("startup", 7_500_000, "restored"),
        ("authority", -7_500_000, "restored"),
    ]


async def test_what_was_paid_to_reserve_the_place_follows_the_lot(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """Displaced to nowhere, its fee of 15 % is credited; back in its place it is charged once more, under its terms."""
    place = await without_room(world)
    terms = terms_of(Price(batches_cents=100_000_000), "monoclonal_antibody", instant=True, cdmo_cancellation_percent=0)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE bookings SET terms = :terms"), {"terms": terms.model_dump_json()})
    await do(
        owner,
        "INSERT INTO charges (id, organisation_id, counterparty_id, booking_id, kind, amount_cents, detail)"
        " VALUES (gen_random_uuid(), :startup, :cdmo, :booking, 'reservation_fee', 15000000, '{}')",
        startup=place.first.startup.id,
        cdmo=place.made.cdmo.id,
        booking=place.first.booking.id,
    )
    crisis_id = await displaced(crises, place)
    fees = "SELECT amount_cents FROM charges WHERE kind = 'reservation_fee' ORDER BY id"
    assert sorted(await rows(owner, fees)) == [(-15_000_000,), (15_000_000,)]
    await crises.post(f"/{crisis_id}/stand-down")
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    await crises.post(f"/{crisis_id}/restorations/{offer['id']}/accept", by=place.first.headers)
    assert await scalar(owner, "SELECT sum(amount_cents) FROM charges WHERE kind = 'reservation_fee'") == 15_000_000
    again = "SELECT amount_cents FROM charges WHERE kind = 'reservation_fee' AND booking_id = :id"
    assert await scalar(owner, again, id=offer["booking_id"]) == 15_000_000
    kept = "SELECT count(DISTINCT terms) FROM bookings WHERE organisation_id = :id"
    assert await scalar(owner, kept, id=place.first.startup.id) == 1


async def test_a_lent_crisis_slot_is_on_loan_again_as_it_was(crises: Crises, world: World, owner: AsyncEngine) -> None:
    """A reserve contract recalls the loan, 35 days ahead of a notice of 30, and the same loan is there again after."""
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 90, reserve=Reserve.CRISIS, lendable=True, recall_notice_days=30)
    lot = await booked(world, slot, 35, 78, recallable=True)
    terms = "reserve, recallable, price_cents, batches, product_id"
    loan = f"SELECT DISTINCT {terms} FROM bookings WHERE source <> 'crisis'"  # noqa: S608
    before, slots = await rows(owner, loan), await rows(owner, "SELECT * FROM slots")
    place = Contested(made, slot, lot, lot)
    crisis_id = await displaced(
        crises, place, powers=[power("reserve_contract")], targets=[{"by": iso(80), "quantity": 20_000}]
    )
    [gone] = (await crises.get(f"/{crisis_id}/report"))["displacements"]
    assert (gone["status"], gone["ground"]) == ("effective", "reserve_contract: Act on reserve_contract")
    await crises.post(f"/{crisis_id}/stand-down")
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    await crises.post(f"/{crisis_id}/restorations/{offer['id']}/accept", by=lot.headers)
    assert await rows(owner, loan) == before
    assert await rows(owner, "SELECT * FROM slots") == slots
    back = "SELECT lower(period)::text FROM bookings WHERE status = 'confirmed' AND recallable"
    assert await rows(owner, back) == [(iso(35),)]


async def test_a_place_given_up_after_the_end_is_settled_as_a_correction(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """The ledger is closed by then: the difference up to what a lot without a place is owed says what it corrects."""
    place = await contested(world)
    crisis_id = await displaced(crises, place)
    await crises.post(f"/{crisis_id}/stand-down")
    [gone] = (await crises.get(f"/{crisis_id}/displacements", by=place.first.headers))["items"]
    await crises.post(f"/{crisis_id}/displacements/{gone['id']}/decline", by=place.first.headers)
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    await crises.post(f"/{crisis_id}/restorations/{offer['id']}/accept", by=place.first.headers)
    owned = [(cents, code) for kind, cents, code in await rows(owner, COMPENSATED) if kind == "startup"]
    assert owned == [(-10_000_000, None), (-20_000_000, "place_declined"), (22_500_000, "restored")]
    report = await crises.get(f"/{crisis_id}/report")
    assert (report["ledger"]["faults"], report["ledger"]["net_cost_cents"]) == ([], 7_500_000)
