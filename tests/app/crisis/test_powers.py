"""Powers over HTTP: what lies outside their scope, or after their end, is not planned, signed, ordered or accepted."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.vocabulary import Reserve
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, booked, contested, declaration, iso, maker, power
from tests.support.world import World

pytestmark = pytest.mark.database

REGIONS = {"regions": ["Bretagne"]}


async def end_powers(owner: AsyncEngine) -> None:
    """Have every act end yesterday, with its crisis lasting on: as a renewal never leaves it."""
    async with owner.begin() as connection:
        await connection.execute(text("ALTER TABLE crisis_powers DISABLE TRIGGER tr_crisis_powers_within_acts"))
        await connection.execute(text("UPDATE crisis_powers SET validity = daterange('2020-01-01', CURRENT_DATE - 1)"))
        await connection.execute(text("ALTER TABLE crisis_powers ENABLE TRIGGER tr_crisis_powers_within_acts"))


async def test_only_lines_in_the_scope_of_a_power_are_called(crises: Crises, world: World) -> None:
    inside, outside = await maker(world), await maker(world)
    for made in (inside, outside):
        await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    site = (await crises.client.get(f"/v1/lines/{inside.unit.line_id}", headers=crises.coordinator)).json()["site_id"]
    powers = [power(scope={"site_ids": [site]})]
    _, plan = await crises.sketched(powers=powers, targets=[{"by": iso(86), "quantity": 120_000}])
    assert {one["organisation_id"] for one in plan["body"]["campaigns"]} == {str(inside.cdmo.id)}
    assert plan["body"]["legal_grounds"] == [
        {
            "kind": "requisition_or_order",
            "act_reference": "Act on requisition_or_order",
            "campaigns": [one["number"] for one in plan["body"]["campaigns"]],
            "displaced_booking_ids": [],
        }
    ]


async def test_a_booking_gives_way_on_the_days_of_the_act_alone_that_lets_it(crises: Crises, world: World) -> None:
    """A campaign cannot start before day 2, when the requisition is over: nobody gives way, and a free place is all."""
    await contested(world)
    targets = [{"by": iso(60), "quantity": 20_000}, {"by": iso(290), "quantity": 20_000}]
    _, plan = await crises.sketched(powers=[power(end=iso(1)), power("voluntary")], targets=targets)
    assert plan["body"]["displacements"] == []
    assert [one["start"] for one in plan["body"]["campaigns"]] == [iso(143)]


async def test_a_recallable_booking_gives_way_to_a_voluntary_power_and_a_firm_one_does_not(
    crises: Crises, world: World
) -> None:
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 100, reserve=Reserve.OPEN)
    lot = await booked(world, slot, 35, 78, recallable=True)
    crisis_id = await crises.declared(powers=[power("voluntary")], targets=[{"by": iso(80), "quantity": 20_000}])
    [gone] = (await crises.plan_by_greed(crisis_id))["body"]["displacements"]
    assert (gone["booking_id"], gone["tier"], gone["recallable"]) == (str(lot.booking.id), 5, True)
    firm = await world.slot((await maker(world)).unit, 0, 100, reserve=Reserve.OPEN)
    await booked(world, firm, 35, 78)
    crisis_id = await crises.declared(powers=[power("voluntary")], targets=[{"by": iso(80), "quantity": 60_000}])
    assert len((await crises.plan_by_greed(crisis_id))["body"]["displacements"]) == 1


@pytest.mark.parametrize("step", ["sign", "activate", "accept"])
async def test_what_rests_on_no_power_in_force_goes_no_further(
    crises: Crises, world: World, owner: AsyncEngine, step: str
) -> None:
    place = await contested(world)
    if step == "sign":
        crisis_id, plan = await crises.sketched(targets=CONTESTED_TARGET)
        await end_powers(owner)
        refused = await crises.sign(crisis_id, plan, by=crises.coordinator, expect=409)
    elif step == "activate":
        crisis_id, _ = await crises.signed(targets=CONTESTED_TARGET)
        await end_powers(owner)
        refused = await crises.post(f"/{crisis_id}/activate", expect=409)
    else:
        crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
        order = await crises.order_of(crisis_id)
        await end_powers(owner)
        refused = await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers, expect=409)
    assert refused["type"].endswith("no-power-in-force")
    assert [one["unit_id"] for one in refused["lacking"]][:1] == [str(place.made.unit.id)]


async def end_requisition(owner: AsyncEngine) -> None:
    ended = "UPDATE crisis_powers SET validity = daterange('2020-01-01', CURRENT_DATE - 1) WHERE kind = :kind"
    async with owner.begin() as connection:
        await connection.execute(text(ended), {"kind": "requisition_or_order"})


async def test_what_an_amendment_takes_over_rests_on_the_power_that_it_was_signed_on(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """The order over a firm lot is replaced by a longer one, with a power beside that opens free places alone."""
    place = await contested(world)
    powers = [power("voluntary"), power("requisition_or_order")]
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, powers=powers)
    amendment = await crises.amended(crisis_id, targets=[{"by": iso(77), "quantity": 40_000}])
    body = amendment["body"]
    assert (body["tier"], [one["tier"] for one in body["campaigns"]]) == (6, [6])
    [ground] = body["legal_grounds"]
    assert (ground["kind"], ground["campaigns"]) == ("requisition_or_order", [1])
    assert ground["displaced_booking_ids"] == [str(place.first.booking.id)]
    await end_requisition(owner)
    await crises.sign(crisis_id, amendment, by=crises.coordinator, expect=409)


async def test_nobody_gives_way_to_an_order_of_a_lower_tier_than_was_signed_without_its_power(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    powers = [power("voluntary"), power("requisition_or_order")]
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, powers=powers)
    order = await crises.order_of(crisis_id)
    await end_requisition(owner)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE crisis_orders SET tier = 4"))
    refused = await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers, expect=409)
    assert [one["tier"] for one in refused["lacking"]] == [6]


async def test_every_day_of_the_validity_lies_within_an_act(crises: Crises) -> None:
    gap: list[dict[str, Any]] = [power(end=iso(50)), power("voluntary", start=iso(60))]
    for powers, pointer in (
        (gap, "/powers"),
        ([power(start=iso(3))], "/start"),
        ([power(end=iso(299))], "/end"),
        ([power(scope={"modalities": ["moon_dust"]})], "/powers/0/scope/modalities/0"),
        ([power(scope={"site_ids": ["00000000-0000-7000-8000-000000000000"]})], "/powers/0/scope/site_ids/0"),
    ):
        refused = await crises.post("", declaration(powers=powers), expect=422)
        assert pointer in {fault["pointer"] for fault in refused["errors"]}
    acts = [power(end=iso(60)), power("voluntary", start=iso(60))]
    await crises.post("", declaration(powers=acts), expect=201)


async def test_the_database_lets_no_crisis_outlast_its_acts(crises: Crises, owner: AsyncEngine) -> None:
    await crises.declared(powers=[power(scope=REGIONS)])
    with pytest.raises(IntegrityError, match="no longer than its acts"):
        async with owner.begin() as connection:
            await connection.execute(text("UPDATE crises SET validity = daterange(lower(validity), '2040-01-01')"))
