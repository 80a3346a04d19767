"""A crisis plans on no days that a slip runs over, and asks nobody for them."""

import pytest

from app.core.vocabulary import Reserve
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, booked, contested, iso, maker
from tests.support.world import World, day

pytestmark = pytest.mark.database

RUNNING = {"status": "in_production", "actual_start_on": day(-40)}


async def test_a_campaign_starts_when_the_one_that_slips_has_ended(crises: Crises, world: World) -> None:
    made = await maker(world)
    before = await world.slot(made.unit, -40, 0)
    await world.slot(made.unit, 0, 120, reserve=Reserve.CRISIS)
    await booked(world, before, -40, 0, expected_end_on=day(25), **RUNNING)
    _, plan = await crises.sketched(targets=[{"by": iso(110), "quantity": 20_000}])
    [campaign] = plan["body"]["campaigns"]
    assert campaign["start"] == iso(25)


async def test_who_is_run_over_is_not_asked_to_give_way(crises: Crises, world: World) -> None:
    """A batch by day 60 starts by day 10, over the days that the slip needs until day 25: there is none."""
    place = await contested(world)
    before = await world.slot(place.made.unit, -40, 0)
    await booked(world, before, -40, 0, expected_end_on=day(25), **RUNNING)
    _, plan = await crises.sketched(targets=CONTESTED_TARGET)
    assert plan["body"]["displacements"] == []
    assert plan["body"]["targets"][0]["reached"] == 0
