"""Plans to choose from, on small worlds worked out by hand.

Each line has one open slot [0, 70) with a lot at [20, 63): a batch released by day 60 starts by day 10, and only where
that lot is displaced, for there is nowhere to move it to. That weighs 10 times the weight of its request: 200 points
for tier 1, 50 for tier 2, 10 for tier 3.
"""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.models import Run
from app.allocation.runs import Success, claim_run, end_run
from app.core.database import transaction
from app.core.errors import Conflict
from app.core.vocabulary import Reserve
from app.worker import FOLLOW_UPS
from tests.app.crisis.conftest import Booked, Crises, booked, iso, maker, power, scalar
from tests.support.world import World

pytestmark = pytest.mark.database

FOLLOWING = "SELECT id FROM runs WHERE follows_id IS NOT NULL ORDER BY id DESC LIMIT 1"
BATCH = 20_000
TIERS = (1, 2, 3, 3)


@dataclass
class Chosen:
    """A crisis with the run that makes its plans to choose from solved."""

    crisis_id: str
    run: Any
    plans: list[Any]

    @property
    def proposed(self) -> Any:
        return next(plan for plan in self.plans if "proposed" in plan["labels"])

    def labelled(self, label: str) -> list[Any]:
        return [plan for plan in self.plans if label in plan["labels"]]


async def lines(world: World, *, tiers: tuple[int, ...] = TIERS, prices: tuple[int, ...] = ()) -> list[Booked]:
    """Store a line for each tier, with the lot of a request of that tier."""
    made = []
    for number, tier in enumerate(tiers):
        line = await maker(world)
        price = {"price_cents": prices[number]} if prices else {}
        slot = await world.slot(line.unit, 0, 70, reserve=Reserve.OPEN, **price)
        made.append(await booked(world, slot, 20, 63, priority_tier=tier))
    return made


async def chosen(crises: Crises, owner: AsyncEngine, **given: Any) -> Chosen:
    """Declare a crisis, propose a plan, and make those to choose from."""
    crisis_id = await crises.declared(**given)
    run = await crises.solve(await crises.run_of(crisis_id, choices_s=40))
    assert run["state"] == "succeeded", run["error"]
    following: UUID = await scalar(owner, FOLLOWING)
    run = await crises.solve(following)
    return Chosen(crisis_id, run, (await crises.get(f"/{crisis_id}/plans?limit=100"))["items"])


def sum_of(plan: Any) -> tuple[int, int]:
    """Return what a plan weighs, and the doses that it reaches by its last target."""
    return plan["body"]["displacement"]["points"], plan["body"]["targets"][-1]["reached"]


async def test_the_curve_has_its_five_points_and_each_is_a_plan(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    lots = await lines(world)
    made = await chosen(crises, owner, targets=[{"by": iso(60), "quantity": 4 * BATCH}])
    assert made.run["state"] == "succeeded", made.run["error"]
    curve = sorted(made.labelled("trade_off"), key=sum_of)
    assert [sum_of(plan) for plan in curve] == [(0, 0), (10, BATCH), (20, 2 * BATCH), (70, 3 * BATCH), (270, 4 * BATCH)]
    assert made.proposed["labels"] == ["proposed", "least_displacement", "cheapest", "trade_off"]
    assert {plan["status"] for plan in made.plans} == {"proposed"}
    for plan in made.plans:
        assert plan["grounds"]["plan_hash"] == plan["plan_hash"]
        assert len(plan["grounds"]["bookings"]) == len(plan["body"]["displacements"])
    assert len({plan["plan_hash"] for plan in made.plans}) == len(made.plans) == 5
    assert {one["booking_id"] for one in curve[-1]["body"]["displacements"]} == {str(lot.booking.id) for lot in lots}


async def test_the_points_stand_side_by_side(crises: Crises, world: World, owner: AsyncEngine) -> None:
    await lines(world, tiers=(2, 3))
    made = await chosen(crises, owner, targets=[{"by": iso(60), "quantity": 2 * BATCH}])
    shown = await crises.get(f"/{made.crisis_id}/trade-off", by=crises.authority)
    assert (shown["run_id"], shown["run_state"], shown["run_error"]) == (made.run["id"], "succeeded", None)
    figures = [(point["points"], point["bookings"], point["cost_cents"]) for point in shown["points"]]
    assert figures == [(0, 0, 0), (10, 1, 130_000_000), (60, 2, 260_000_000)]
    doses = [(one["low"], one["expected"], one["high"]) for point in shown["points"] for one in point["targets"]]
    assert doses == [(0, 0, 0), (10_000, BATCH, 40_000), (20_000, 2 * BATCH, 80_000)]
    met = [(one["met_low"], one["met_expected"], one["met_high"]) for one in shown["points"][2]["targets"]]
    assert met == [(False, True, True)]
    assert {point["plan_id"] for point in shown["points"]} == {plan["id"] for plan in made.plans}


async def test_one_plan_may_be_several_of_those_to_choose_from(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """A batch by the first date counts for both: no plan that reaches as much has more by then."""
    await lines(world, tiers=(3,))
    made = await chosen(crises, owner, targets=[{"by": iso(60), "quantity": BATCH}, {"by": iso(90), "quantity": BATCH}])
    named = ["proposed", "least_displacement", "most_doses_first", "cheapest", "trade_off"]
    assert made.proposed["labels"] == named
    assert sorted(map(sum_of, made.plans)) == [(0, 0), (10, BATCH)]


async def test_each_booking_says_what_its_place_buys(crises: Crises, world: World, owner: AsyncEngine) -> None:
    lots = await lines(world)
    made = await chosen(crises, owner, targets=[{"by": iso(60), "quantity": 4 * BATCH}])
    grounds = made.proposed["grounds"]
    for one in grounds["bookings"]:
        why = one["why"]
        assert (why["code"], why["proof"]) == ("kept_costs_doses", "proven")
        assert (why["data"]["by"], why["data"]["fewer_by"], why["data"]["fewer"]) == (iso(60), BATCH, BATCH)
        assert "20,000 doses fewer" in why["en"]
        assert "20 000 doses de moins" in why["fr"]
    assert (grounds["one_fewer"]["code"], grounds["one_fewer"]["proof"]) == ("one_fewer_costs_doses", "proven")
    assert grounds["one_fewer"]["data"] | {"targets": []} == {
        "most": 3,
        "by": iso(60),
        "fewer_by": BATCH,
        "fewer": BATCH,
        "targets": [],
        "at_least": BATCH,
    }
    assert (grounds["displacement"]["code"], grounds["displacement"]["data"]["value"]) == ("displacement_proven", 270)
    [point] = [plan for plan in made.labelled("trade_off") if sum_of(plan)[0] == 10]
    [only] = point["grounds"]["bookings"]
    others = {str(lot.booking.id) for lot in lots[2:]} - {only["booking_id"]}
    assert only["why"]["code"] == "kept_ties"
    assert {one["booking_id"] for one in only["why"]["data"]["instead"]} == others


async def test_the_cheapest_displaces_more_where_that_costs_less(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """One batch is wanted. The lot of tier 3 weighs least, and its line asks most."""
    lots = await lines(world, tiers=(2, 3), prices=(50_000_000, 300_000_000))
    made = await chosen(crises, owner, targets=[{"by": iso(60), "quantity": BATCH}])
    [least], [cheapest] = made.labelled("least_displacement"), made.labelled("cheapest")
    assert least is made.proposed
    assert [sum_of(plan) for plan in (least, cheapest)] == [(10, BATCH), (50, BATCH)]
    assert cheapest["labels"] == ["cheapest"]
    assert [plan["body"]["cost"]["total_cents"] for plan in (least, cheapest)] == [330_000_000, 80_000_000]
    [instead] = least["grounds"]["bookings"]
    assert instead["why"]["code"] == "kept_costs_displacement"
    assert instead["why"]["data"]["more"] == 40
    assert [one["booking_id"] for one in instead["why"]["data"]["instead"]] == [str(lots[0].booking.id)]


async def test_most_doses_by_the_first_date_is_another_plan_where_the_two_dates_compete(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """A slot [0, 97) with a lot at [46, 89), which gives way to campaigns that start from day 3 on alone.

    A batch released by day 52 starts on day 2, and so runs alone, [2, 45), and one more after it, [45, 88), released on
    day 95: 20,000 by day 52 and 40,000 by day 104. Four batches in one run, which take 40 + 3 x 17 + 3 = 94 days, start
    on day 3, and are released on days 53, 70, 87 and 104: none by day 52, and 80,000 by day 104. In both the lot gives
    way, with nowhere to go.
    """
    slot = await world.slot((await maker(world)).unit, 0, 97, reserve=Reserve.OPEN)
    await booked(world, slot, 46, 89)
    made = await chosen(
        crises,
        owner,
        targets=[{"by": iso(52), "quantity": BATCH}, {"by": iso(104), "quantity": 4 * BATCH}],
        powers=[power("voluntary"), power("requisition_or_order", start=iso(3))],
    )
    [least], [most] = made.labelled("least_displacement"), made.labelled("most_doses_first")
    assert least is made.proposed
    reached = [[one["reached"] for one in plan["body"]["targets"]] for plan in (least, most)]
    assert reached == [[0, 4 * BATCH], [BATCH, 2 * BATCH]]
    days = [sorted((one["start"], one["end"]) for one in plan["body"]["campaigns"]) for plan in (least, most)]
    assert days == [[(iso(3), iso(97))], [(iso(2), iso(45)), (iso(45), iso(88))]]
    assert [plan["body"]["displacement"]["points"] for plan in (least, most)] == [10, 10]
    assert most["body"]["solved_for"]["first_target_weighs"] == 10


async def test_one_is_signed_and_the_others_are_superseded(crises: Crises, world: World, owner: AsyncEngine) -> None:
    await lines(world, tiers=(3, 3))
    made = await chosen(crises, owner, targets=[{"by": iso(60), "quantity": 2 * BATCH}])
    plan = next(one for one in made.plans if sum_of(one) == (10, BATCH))
    await crises.sign(made.crisis_id, made.proposed, by=crises.coordinator)
    await crises.sign(made.crisis_id, plan, by=crises.coordinator)
    await crises.sign(made.crisis_id, plan, by=crises.authority)
    plans = (await crises.get(f"/{made.crisis_id}/plans"))["items"]
    assert {one["id"]: one["status"] for one in plans if one["status"] != "superseded"} == {plan["id"]: "signed"}
    await crises.post(f"/{made.crisis_id}/activate")
    assert len((await crises.get(f"/{made.crisis_id}/orders"))["items"]) == 1


async def test_what_changed_meanwhile_adds_nothing_and_says_so(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    lots = await lines(world, tiers=(3,))
    crisis_id = await crises.declared(targets=[{"by": iso(60), "quantity": BATCH}])
    await crises.end_by_greed(await crises.run_of(crisis_id, choices_s=20))
    async with owner.begin() as connection:
        await connection.exec_driver_sql(
            f"UPDATE bookings SET status = 'cancelled' WHERE id = '{lots[0].booking.id}'"  # noqa: S608
        )
    run = await crises.solve(await scalar(owner, FOLLOWING))
    assert (run["state"], "nothing was added" in run["error"]) == ("failed", True)
    [plan] = (await crises.get(f"/{crisis_id}/plans"))["items"]
    assert (plan["labels"], plan["status"], plan["grounds"]) == (["proposed"], "proposed", None)


async def test_another_plan_asked_for_gives_up_what_is_made_beside_the_first(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await lines(world, tiers=(3,))
    crisis_id = await crises.declared(targets=[{"by": iso(60), "quantity": BATCH}])
    await crises.end_by_greed(await crises.run_of(crisis_id, choices_s=20))
    await crises.run_of(crisis_id)
    assert await scalar(owner, "SELECT state FROM runs WHERE follows_id IS NOT NULL") == "cancelled"


async def test_none_are_made_where_none_are_wanted(crises: Crises, world: World, owner: AsyncEngine) -> None:
    await lines(world, tiers=(3,))
    crisis_id = await crises.declared(targets=[{"by": iso(60), "quantity": BATCH}])
    await crises.end_by_greed(await crises.run_of(crisis_id, choices_s=0))
    assert await scalar(owner, "SELECT count(*) FROM runs") == 1


async def end_while(world: World, following: UUID, asked: Any) -> asyncio.Task[None]:
    """Do what is asked of the crisis while the end of a following run holds that run and waits for the crisis.

    Returns
    -------
    The end of the run, which goes on.
    """
    run_is_held, asked_is_done = asyncio.Event(), asyncio.Event()

    async def after_that(session: Any, run: Run) -> None:
        run_is_held.set()
        await asyncio.wait_for(asked_is_done.wait(), 20)
        await FOLLOW_UPS[run.kind](session, run)

    async def ended() -> None:
        async with transaction(world.sessions) as session:
            run = await claim_run(session, following, FOLLOW_UPS)
        assert run is not None
        ending = Success(run.references["followed_solution"], {"choices": []})
        async with transaction(world.sessions) as session:
            await end_run(session, following, run.attempt, ending, {run.kind: after_that})

    worker = asyncio.create_task(ended())
    await run_is_held.wait()
    await asyncio.wait_for(asked(), 15)
    asked_is_done.set()
    return worker


async def test_a_signature_does_not_wait_for_a_run_that_ends(crises: Crises, world: World, owner: AsyncEngine) -> None:
    """It is refused at once, and given when the run has ended."""
    await lines(world, tiers=(3,))
    crisis_id = await crises.declared(targets=[{"by": iso(60), "quantity": BATCH}])
    await crises.end_by_greed(await crises.run_of(crisis_id, choices_s=20))
    [plan] = (await crises.get(f"/{crisis_id}/plans"))["items"]
    following = await scalar(owner, FOLLOWING)
    by, expect = crises.coordinator, 409
    await (await end_while(world, following, lambda: crises.sign(crisis_id, plan, by=by, expect=expect)))
    await crises.signed_by_both(crisis_id, plan)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "signed"


async def test_another_plan_asked_for_does_not_wait_for_a_run_that_ends(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await lines(world, tiers=(3,))
    crisis_id = await crises.declared(targets=[{"by": iso(60), "quantity": BATCH}])
    await crises.end_by_greed(await crises.run_of(crisis_id, choices_s=20))
    worker = await end_while(world, await scalar(owner, FOLLOWING), lambda: crises.run_of(crisis_id))
    with pytest.raises(Conflict, match="nothing was added"):
        await worker
    assert await scalar(owner, "SELECT count(*) FROM crisis_plans") == 1
