"""The options that one change would give: pure, worked out by hand on one line.

A batch takes 40 days and 3 to change over, and is released 42 days after its 40: delivery is 82 days after the start.
"""

from dataclasses import replace
from typing import Any

from app.allocation.planner import Supply, match_policy
from app.allocation.policy import RoundPolicy
from app.allocation.relaxing import Wanted, relaxed_options
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.core.vocabulary import GmpPhase
from app.matching.facts import RequestFacts
from tests.app.allocation.test_planner import day, request_of, slot_of, supply_of, unit_of

YEAR = Span(day(0), day(365))


def relaxed(request: RequestFacts, supply: Supply, *placed: tuple[SlotFacts, int, int], horizon: Span = YEAR) -> Any:
    """Return the relaxed options in a plan that places others there."""
    slots = [slot for listed in supply.slots.values() for slot in listed]
    problem = {
        "origin": day(0).isoformat(),
        "windows": [{"id": str(slot.slot_id)} for slot in slots],
        "fixed": [],
    }
    items = [{"window": str(slot.slot_id), "start": start, "end": end} for slot, start, end in placed]
    return relaxed_options(Wanted(request, supply, match_policy(RoundPolicy()), horizon), problem, {"placed": items})


def changes(found: Any) -> list[tuple[str, float, str]]:
    return [tuple(one["change"].values()) for one in found]


def test_the_first_free_start_tells_how_many_days_are_missing() -> None:
    """Another has [0, 50) of the slot: a start on day 50 delivers on day 132, and day 100 was asked."""
    unit = unit_of()
    slot = slot_of(unit, 0, 200)
    found = relaxed(request_of(latest=100), supply_of(unit, slot), (slot, 0, 50))
    assert changes(found)[:1] == [("days", 32, "day")]
    option = found[0]["option"]
    assert (option["window"], option["earliest"], option["latest"]) == (str(slot.slot_id), 50, 50)
    assert (option["duration"], option["lag"]) == (43, 39)


def test_a_slot_that_starts_too_late_counts_and_one_beyond_the_horizon_does_not() -> None:
    unit = unit_of()
    supply = supply_of(unit, slot_of(unit, 60, 200))
    assert changes(relaxed(request_of(latest=100), supply)) == [("days", 60 + 82 - 100, "day")]
    assert relaxed(request_of(latest=100), supply, horizon=Span(day(0), day(60))) == []


def test_what_the_calendar_says_today_does_not_count_but_what_the_plan_says() -> None:
    unit = unit_of()
    slot = slot_of(unit, 0, 200, (0, 200))
    assert changes(relaxed(request_of(latest=81), supply_of(unit, slot))) == [("days", 1, "day")]


def test_money_is_what_the_package_costs_beyond_the_budget() -> None:
    unit = unit_of()
    request = replace(request_of(), budget_cents=60)
    assert changes(relaxed(request, supply_of(unit, slot_of(unit, 0, 100)))) == [("money", 40, "cent")]
    assert relaxed(replace(request, budget_cents=100), supply_of(unit, slot_of(unit, 0, 100))) == []


def test_volume_is_the_distance_to_the_nearest_bound_that_was_asked() -> None:
    unit = unit_of()
    supply = supply_of(unit, slot_of(unit, 0, 100))
    assert changes(relaxed(replace(request_of(), volume_min_l=2500.0), supply)) == [("volume", 500.0, "L")]
    assert changes(relaxed(replace(request_of(), volume_max_l=200.0), supply)) == [("volume", 1800.0, "L")]


def test_another_phase_counts_by_its_distance() -> None:
    unit = unit_of()
    request = replace(request_of(), gmp_phase=GmpPhase.PHASE_3)
    assert changes(relaxed(request, supply_of(unit, slot_of(unit, 0, 100)))) == [("phase", 2, "phase")]


def test_two_changes_at_once_are_none() -> None:
    unit: UnitFacts = unit_of()
    request = replace(request_of(), budget_cents=60, gmp_phase=GmpPhase.PHASE_3)
    assert relaxed(request, supply_of(unit, slot_of(unit, 0, 100))) == []
