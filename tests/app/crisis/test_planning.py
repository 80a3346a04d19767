"""Plans on small worlds whose figures are worked out by hand.

A line of 2,000 L makes 20,000 doses a batch. A campaign of n batches takes 40 + 17 (n - 1) days and 3 to change over;
a batch is released 10 days after it. Orders are answered within 48 hours, so the first start is on day 2: batches are
released on days 52, 69, 86 and 103 at the earliest.
"""

from datetime import UTC, datetime, time

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.vocabulary import Reserve
from tests.app.crisis.conftest import (
    CONTESTED_TARGET,
    Crises,
    booked,
    contested,
    countermeasure,
    iso,
    maker,
    power,
    scalar,
)
from tests.support.world import World, day

pytestmark = pytest.mark.database


async def test_idle_crisis_slots_come_first_and_suffice(crises: Crises, world: World, owner: AsyncEngine) -> None:
    made, other = await maker(world), await maker(world)
    kept = await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    await world.slot(other.unit, 0, 120, reserve=Reserve.STARTUP)
    _, plan = await crises.planned()
    body = plan["body"]
    [campaign] = body["campaigns"]
    assert (campaign["slot_id"], campaign["batches"], campaign["tier"]) == (str(kept.id), 3, 1)
    assert (campaign["start"], campaign["end"]) == (iso(2), iso(2 + 40 + 34 + 3))
    assert [(point["on"], point["cumulative"]) for point in body["doses"]] == [
        (iso(52), 20_000),
        (iso(69), 40_000),
        (iso(86), 60_000),
    ]
    [target] = body["targets"]
    asked = {"by": iso(86), "quantity": 60_000, "reached": 60_000, "filled": 60_000, "met": True}
    assert {name: target[name] for name in asked} == asked
    ranges = [(target[basis]["reached"], target[basis]["met"]) for basis in ("low", "expected", "high")]
    assert ranges == [(30_000, False), (60_000, True), (120_000, True)]
    assert body["totals"] == {"low": 30_000, "expected": 60_000, "high": 120_000}
    assert body["cost"] == {"orders_cents": 300_000_000, "compensation_cents": 0, "total_cents": 300_000_000}
    [step] = body["tiers"]
    assert (plan["tier"], step["tier"], step["target_doses"], body["displacements"]) == (1, 1, 60_000, [])
    assert step["why"]["code"] == "tier_met"
    assert await scalar(owner, "SELECT status FROM crises") == "planned"
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") >= 1


async def test_the_next_tier_is_opened_only_for_what_is_missing(crises: Crises, world: World) -> None:
    made, other = await maker(world), await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    startup = await world.slot(other.unit, 0, 120, reserve=Reserve.STARTUP)
    _, plan = await crises.planned(targets=[{"by": iso(86), "quantity": 100_000}])
    body = plan["body"]
    assert [step["target_doses"] for step in body["tiers"]] == [60_000, 100_000]
    assert [step["why"]["code"] for step in body["tiers"]] == ["tier_short", "tier_met"]
    assert "60,000 of the 100,000 doses" in body["tiers"][0]["why"]["en"]
    assert plan["tier"] == 3
    batches = {campaign["slot_id"]: campaign["batches"] for campaign in body["campaigns"]}
    assert batches[str(startup.id)] == 2
    assert sum(batches.values()) == 5


async def test_powers_decide_which_tiers_are_open(crises: Crises, world: World) -> None:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.STARTUP)
    _, plan = await crises.sketched(powers=[power("reserve_contract")])
    assert plan["body"]["open_tiers"] == [1, 2]
    assert plan["body"]["campaigns"] == []
    assert plan["body"]["targets"][0]["reached"] == 0


async def test_one_booking_moves_later_and_the_other_is_left_alone(crises: Crises, world: World) -> None:
    place = await contested(world)
    _, plan = await crises.planned(targets=CONTESTED_TARGET)
    body = plan["body"]
    assert (plan["tier"], body["targets_met"]) == (6, True)
    [campaign] = body["campaigns"]
    assert iso(2) <= campaign["start"] <= iso(10)
    [displacement] = body["displacements"]
    assert displacement["booking_id"] == str(place.first.booking.id)
    assert displacement["kind"] == "moved"
    assert (displacement["to"]["start"], displacement["to"]["end"]) == (iso(143), iso(186))
    assert displacement["to"]["delivery_on"] == iso(143 + 40 + 42)
    assert displacement["compensation_cents"] == 10_000_000
    assert body["cost"]["total_cents"] == 100_000_000 + 10_000_000


@pytest.mark.parametrize(
    "rules", [{"frozen_days": 21}, {"minimum_doses_per_displacement": 20_001}], ids=["frozen", "too-few-doses"]
)
async def test_a_booking_that_may_not_give_way_stays(crises: Crises, world: World, rules: dict[str, int]) -> None:
    await contested(world)
    _, plan = await crises.sketched(targets=CONTESTED_TARGET, rules=rules)
    assert plan["body"]["displacements"] == []
    assert plan["body"]["targets"][0]["reached"] == 0


async def test_a_booking_displaced_lately_is_protected(crises: Crises, world: World) -> None:
    place = await contested(world)
    lately = datetime.combine(day(-30), time(12), UTC)
    took_its_place = place.first.booking.id
    await booked(world, place.slot, 63, 100, status="displaced", replaced_by_id=took_its_place, displaced_at=lately)
    crisis_id, plan = await crises.sketched(targets=CONTESTED_TARGET)
    assert plan["body"]["displacements"] == []
    await crises.post(f"/{crisis_id}/stand-down")
    _, later = await crises.sketched(targets=CONTESTED_TARGET, rules={"protection_days": 29})
    assert len(later["body"]["displacements"]) == 1


async def test_another_booking_of_a_project_displaced_lately_is_protected(crises: Crises, world: World) -> None:
    place = await contested(world)
    lately = datetime.combine(day(-30), time(12), UTC)
    project = {"product_id": place.first.booking.product_id}
    await booked(world, place.slot, 63, 100, status="displaced", displaced_at=lately, **project)
    _, plan = await crises.sketched(targets=CONTESTED_TARGET)
    assert plan["body"]["displacements"] == []


async def test_a_project_gives_way_once_in_a_plan(crises: Crises, world: World) -> None:
    """Two lines would make a batch each by day 60, each in the place of a lot of one project."""
    project: dict[str, object] = {}
    for _ in range(2):
        made = await maker(world)
        lot = await booked(world, await world.slot(made.unit, 0, 70, reserve=Reserve.OPEN), 20, 63, **project)
        project = {"product_id": lot.booking.product_id}
    _, plan = await crises.planned(targets=[{"by": iso(60), "quantity": 40_000}])
    assert len(plan["body"]["displacements"]) == 1
    assert plan["body"]["targets"][0]["reached"] == 20_000


async def test_what_gives_way_for_too_little_is_planned_without(crises: Crises, world: World) -> None:
    """In the lot's place five batches run, four of them by day 113: 80,000 doses, and 90,000 are asked of it.

    With the lot kept, one batch runs after it, over [63, 106), and is released on day 113.
    """
    made = await maker(world)
    await booked(world, await world.slot(made.unit, 0, 120, reserve=Reserve.OPEN), 20, 63)
    _, plan = await crises.planned(
        targets=[{"by": iso(113), "quantity": 100_000}], rules={"minimum_doses_per_displacement": 90_000}
    )
    body = plan["body"]
    assert (body["displacements"], body["withheld_campaigns"]) == ([], 0)
    [campaign] = body["campaigns"]
    assert (campaign["start"], body["targets"][0]["reached"]) == (iso(63), 20_000)


async def test_a_lent_slot_is_recalled_with_its_notice(crises: Crises, world: World) -> None:
    """The lot at [20, 63) was lent with a notice of 20 days; with one of 21 it could no longer be recalled."""
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 70, reserve=Reserve.CRISIS, lendable=True, recall_notice_days=20)
    lent = await booked(world, slot, 20, 63, recallable=True)
    _, plan = await crises.sketched(targets=CONTESTED_TARGET, powers=[power("reserve_contract")])
    [displacement] = plan["body"]["displacements"]
    assert (plan["tier"], displacement["booking_id"]) == (2, str(lent.booking.id))
    assert (displacement["kind"], displacement["compensation_cents"]) == ("displaced", 0)


async def test_a_recall_without_notice_takes_a_requisition(crises: Crises, world: World) -> None:
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 70, reserve=Reserve.CRISIS, lendable=True, recall_notice_days=21)
    await booked(world, slot, 20, 63, recallable=True)
    _, plan = await crises.sketched(targets=CONTESTED_TARGET, powers=[power("reserve_contract")])
    assert plan["body"]["displacements"] == []


async def test_transfer_and_engineering_batch_count_where_nothing_is_qualified(crises: Crises, world: World) -> None:
    """30 days of transfer, then an engineering batch: the first release is on day 30 + 40 + 17 + 10 = 97."""
    made = await maker(world, transfer_days=30, engineering_batch_required=True)
    await world.slot(made.unit, 0, 200, reserve=Reserve.CRISIS)
    site_id = await _site_of(world, str(made.unit.id), crises)
    targets = [{"by": iso(96), "quantity": 20_000}]
    crisis_id, plan = await crises.sketched(targets=targets)
    assert plan["body"]["targets"][0]["reached"] == 0
    assert [reason["code"] for reason in plan["body"]["reasons"]] == ["transfer"]
    await crises.post(f"/{crisis_id}/stand-down")
    crisis_id, plan = await crises.sketched(targets=[{"by": iso(97), "quantity": 20_000}])
    [point] = plan["body"]["doses"]
    expected = {"on": iso(97), "doses": 20_000, "cumulative": 20_000, "filled": 20_000}
    assert {name: point[name] for name in expected} == expected
    assert plan["body"]["campaigns"][0]["engineering_batches"] == 1
    await crises.post(f"/{crisis_id}/stand-down")
    _, plan = await crises.sketched(targets=targets, countermeasure=countermeasure(prequalified_site_ids=[site_id]))
    assert plan["body"]["campaigns"][0]["engineering_batches"] == 0
    assert plan["body"]["targets_met"]


async def _site_of(world: World, unit_id: str, crises: Crises) -> str:
    items = (await crises.client.get("/v1/lines", headers=crises.coordinator)).json()["items"]
    return next(str(line["site_id"]) for line in items if unit_id in str(line))


@pytest.mark.parametrize("until", [90, 89])
async def test_transfer_and_engineering_batch_count_for_a_replacement(crises: Crises, world: World, until: int) -> None:
    """The lot at [20, 63) could go to a line where its product was never made, free over [0, until).

    30 days of transfer, then an engineering batch and its own, 40 + 17 days, and 3 to change over: [30, 90), delivered
    after 42 days of release, on day 30 + 57 + 42 = 129. On day 20, and for 43 days, nothing of it can run there. Nor
    could the countermeasure there by day 60: its first release is on day 30 + 57 + 10 = 97.
    """
    lot = await booked(world, await world.slot((await maker(world)).unit, 0, 70, reserve=Reserve.OPEN), 20, 63)
    new = await maker(world, transfer_days=30, engineering_batch_required=True)
    await world.slot(new.unit, 0, until, reserve=Reserve.OPEN)
    _, plan = await crises.sketched(targets=CONTESTED_TARGET)
    [displacement] = plan["body"]["displacements"]
    assert displacement["booking_id"] == str(lot.booking.id)
    if until < 90:
        assert (displacement["kind"], displacement["to"]) == ("displaced", None)
        return
    to = displacement["to"]
    assert (displacement["kind"], to["unit_id"]) == ("moved", str(new.unit.id))
    assert (to["start"], to["end"], to["delivery_on"]) == (iso(30), iso(90), iso(129))


async def test_where_no_line_makes_it_the_plan_says_zero_and_why(crises: Crises, world: World) -> None:
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    _, plan = await crises.sketched(countermeasure=countermeasure(modality="viral_vector_aav"))
    body = plan["body"]
    assert (body["campaigns"], body["totals"]["expected"], body["targets_met"]) == ([], 0, False)
    [reason] = [reason for reason in body["reasons"] if reason["code"] == "modality"]
    assert reason["units"] == 1
    assert "viral_vector_aav" in reason["en"]


async def test_filling_caps_what_is_asked_and_what_arrives(crises: Crises, world: World) -> None:
    """Of 60,000 doses asked by day 86, 14,000 can be filled at 1,140 a week: one batch of 20,000 is all that helps."""
    made = await maker(world)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    _, plan = await crises.sketched(countermeasure=countermeasure(fill_cap_per_week=1_140))
    [campaign] = plan["body"]["campaigns"]
    assert campaign["batches"] == 1
    [target] = plan["body"]["targets"]
    assert target["reached"] == 20_000
    assert target["filled"] < 14_000
    assert [target[basis]["reached"] for basis in ("low", "expected", "high")] == [10_000, 20_000, 40_000]
    # In the 34 days from day 52 to day 86 no more can be filled than 5,537, of however many doses.
    assert [target[basis]["filled"] for basis in ("low", "expected", "high")] == [5_537] * 3
    assert not any(target[basis]["met"] for basis in ("low", "expected", "high"))
