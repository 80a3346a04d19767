"""An amendment that has somebody give way says why it is they, what one fewer would cost, and how much is proven.

Lines as in `test_choices`: a batch by day 60 wants the place of the lot of its line, which weighs 10 points for tier 3
and 50 for tier 2, and has nowhere to go.
"""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.engine import EngineFailed
from app.crisis import searching
from tests.app.crisis.active_crises import makers
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, iso, scalar
from tests.app.crisis.test_choices import BATCH, lines
from tests.support.world import World

pytestmark = pytest.mark.database

ONE, TWO = ([{"by": iso(60), "quantity": batches * BATCH}] for batches in (1, 2))
GROUNDS = "FROM runs WHERE parameters ->> 'search' = 'crisis_amendment_grounds'"
FOLLOWING, STATES = f"SELECT id {GROUNDS}", f"SELECT state {GROUNDS}"


async def second_displaced(crises: Crises, world: World, **given: Any) -> tuple[str, dict[str, str], Any]:
    """Have the lot of one line give way, and plan anew for a second batch; return the lots by name, too."""
    heavy, *light = [str(lot.booking.id) for lot in await lines(world, tiers=(2, 3, 3))]
    crisis_id, plan = await crises.activated(targets=ONE)
    [first] = [one["booking_id"] for one in plan["body"]["displacements"]]
    [second] = set(light) - {first}
    amendment = await crises.amended(crisis_id, targets=TWO, **given)
    return crisis_id, {"heavy": heavy, "first": first, "second": second}, amendment


async def last_of(crises: Crises, crisis_id: str) -> Any:
    return (await crises.get(f"/{crisis_id}/plans"))["items"][-1]


async def test_it_says_why_these_and_what_is_proven(crises: Crises, world: World, owner: AsyncEngine) -> None:
    crisis_id, lots, amendment = await second_displaced(crises, world)
    body = amendment["body"]
    assert [one["booking_id"] for one in body["displacements"]] == [lots["second"]]
    assert body["displacement"] == {"bookings": 1, "moved": 0, "displaced": 1, "points": 10}
    levels = {one["objective"]: one for one in body["solved_for"]["levels"]}
    assert levels["displacement"] == {"objective": "displacement", "value": 10, "bound": 10, "proven": True}
    assert amendment["grounds"] is None
    run = await crises.solve(await scalar(owner, FOLLOWING))
    assert run["state"] == "succeeded", run["error"]
    explained = await last_of(crises, crisis_id)
    as_before = {"grounds": None, "minimality": "under_way", "version": 1}
    assert explained | as_before == amendment, "what is signed stays as it was"
    grounds = explained["grounds"]
    assert grounds["plan_hash"] == amendment["plan_hash"]
    assert (grounds["displacement"]["code"], grounds["displacement"]["data"]["value"]) == ("displacement_proven", 10)
    fewer = grounds["one_fewer"]
    assert (fewer["code"], fewer["proof"], fewer["data"]["fewer"]) == ("one_fewer_costs_doses", "proven", BATCH)
    [only] = grounds["bookings"]
    assert (only["booking_id"], only["why"]["code"]) == (lots["second"], "kept_costs_displacement")
    assert (only["why"]["proof"], only["why"]["data"]["more"]) == ("proven", 40)
    assert [one["booking_id"] for one in only["why"]["data"]["instead"]] == [lots["heavy"]]


async def test_it_is_no_point_of_the_trade_off(crises: Crises, world: World, owner: AsyncEngine) -> None:
    crisis_id, _, amendment = await second_displaced(crises, world)
    shown = await crises.get(f"/{crisis_id}/trade-off")
    assert [point["targets"][0]["quantity"] for point in shown["points"]] == [BATCH]
    assert amendment["id"] not in {point["plan_id"] for point in shown["points"]}
    assert await scalar(owner, FOLLOWING) is not None
    assert shown["run_id"] is None, "none makes plans to choose from"


async def test_signatures_do_not_end_the_search_for_grounds_and_another_amendment_does(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, _, amendment = await second_displaced(crises, world)
    await crises.put_into_force(crisis_id, amendment)
    assert await scalar(owner, STATES) == "queued"
    await crises.replan_of(crisis_id, targets=ONE)
    assert await scalar(owner, STATES) == "cancelled"


async def test_without_time_for_it_it_says_that_nothing_was_established(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    _, lots, amendment = await second_displaced(crises, world, grounds_s=0)
    grounds = amendment["grounds"]
    assert grounds["displacement"]["code"] == "displacement_proven"
    assert grounds["one_fewer"]["code"] == "one_fewer_not_shown"
    assert [(one["booking_id"], one["why"]["code"]) for one in grounds["bookings"]] == [
        (lots["second"], "kept_not_shown")
    ]
    assert await scalar(owner, STATES) is None


async def test_a_search_that_fails_says_that_nothing_was_established(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    crisis_id, lots, _ = await second_displaced(crises, world)

    async def fail(*_: Any, **__: Any) -> None:
        raise EngineFailed("no memory was left")

    monkeypatch.setattr(searching, "run_variations", fail)
    assert (await crises.solve(await scalar(owner, FOLLOWING)))["state"] == "failed"
    [only] = (await last_of(crises, crisis_id))["grounds"]["bookings"]
    assert (only["booking_id"], only["why"]["code"]) == (lots["second"], "kept_not_shown")


async def test_where_nobody_more_gives_way_it_says_so_at_once(crises: Crises, world: World) -> None:
    await makers(world, 2)
    crisis_id, _ = await crises.activated()
    amendment = await crises.amended(crisis_id, targets=[{"by": iso(86), "quantity": 80_000}])
    assert amendment["grounds"]["displacement"]["code"] == "nobody_more_gives_way"
    assert amendment["grounds"]["bookings"] == []


async def test_who_gives_way_to_another_order_than_first_planned_is_named(crises: Crises, world: World) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    amendment = await crises.amended(crisis_id, targets=[{"by": iso(77), "quantity": 40_000}])
    [only] = amendment["grounds"]["bookings"]
    assert (only["booking_id"], only["why"]["code"]) == (str(place.first.booking.id), "kept_passed_on")
