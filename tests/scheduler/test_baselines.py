"""Baselines are right plans: they respect everything, and serve in the order that their name says."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from scheduler.baselines import BASELINES, first_come_first_served, greedy_by_weight
from scheduler.objectives import value, within_limits
from scheduler.plan import Choice, Plan, merged, solution_of
from scheduler.problem import Caps, Demand, Fixed, Movable, Option, Problem, Surge, SurgeOption, Target, Window
from scheduler.tidy import filled, without_idle_runs
from scheduler.verify import violations
from tests.scheduler.problems import ORIGIN, problems

TEN_DAYS = (Window("w", "l", 0, 10),)


def rules_broken(problem: Problem, plan: Plan) -> set[str]:
    found = violations(problem, solution_of(problem, plan, status="feasible"))
    return {violation.rule for violation in found} - {"levels"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_baselines_break_no_rule(problem: Problem) -> None:
    for baseline in BASELINES.values():
        plan = baseline(problem)
        # Only bookings in each other's way can pass a limit before anything else is decided.
        assert rules_broken(problem, plan) <= {"limit"}
        if not problem.movable:
            assert within_limits(problem, plan)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_finishing_touches_break_no_rule_and_lose_no_output(problem: Problem) -> None:
    plan = first_come_first_served(problem)
    bare = Plan({}, plan.runs, {}, frozenset(booking.id for booking in problem.movable))
    better = filled(problem, without_idle_runs(problem, bare))
    assert rules_broken(problem, better) <= {"limit"}
    assert value(problem, better, "surge_output") == value(problem, bare, "surge_output")
    assert value(problem, better, "displacement") <= value(problem, bare, "displacement")


def test_first_come_is_served_first_and_greedy_serves_by_tier_then_weight() -> None:
    def demand(name: str, tier: int, weight: int) -> Demand:
        return Demand(name, name, tier, weight, (Option("w", 5, 0, 5),))

    demands = (demand("r1", 3, 9), demand("r2", 2, 1), demand("r3", 2, 4), demand("r4", 1, 1))
    problem = Problem(ORIGIN, TEN_DAYS, ("weight",), demands=demands)
    assert first_come_first_served(problem).placed == {"r1": Choice(0, 0), "r2": Choice(0, 5)}
    assert greedy_by_weight(problem).placed == {"r4": Choice(0, 0), "r3": Choice(0, 5)}


def test_the_best_ranked_option_with_room_is_taken_as_early_as_it_goes() -> None:
    options = (Option("w", 4, 0, 6, rank=2), Option("v", 4, 1, 6, rank=1))
    windows = (*TEN_DAYS, Window("v", "k", 0, 10))
    demands = tuple(Demand(f"r{n}", "o", 1, 1, options) for n in range(4))
    problem = Problem(ORIGIN, windows, ("weight",), demands=demands, caps=Caps(per_party=3))
    placed = first_come_first_served(problem).placed
    assert placed == {"r0": Choice(1, 1), "r1": Choice(1, 5), "r2": Choice(0, 0)}


def test_bookings_stay_unless_output_comes_before_displacement() -> None:
    movable = (Movable("b", "w", 0, 10),)
    surge = Surge("s", (Target(10, 5),), (SurgeOption("w", 10, 0, 0, output=5),))
    for names, output in ((("displacement", "surge_output"), 0), (("surge_output", "displacement"), 5)):
        problem = Problem(ORIGIN, TEN_DAYS, names, movable=movable, surges=(surge,))
        plan = greedy_by_weight(problem)
        assert value(problem, plan, "surge_output") == output
        assert plan.displaced == (frozenset({"b"}) if output else frozenset())


def test_contradicting_fixed_bookings_have_no_baseline() -> None:
    fixed = (Fixed("f", "w", 0, 5), Fixed("g", "w", 4, 6))
    with pytest.raises(ValueError, match="contradict"):
        greedy_by_weight(Problem(ORIGIN, TEN_DAYS, ("weight",), fixed))


def test_merged_plans_hold_what_each_held() -> None:
    one, two = Plan({"a": Choice(0, 1)}), Plan({}, (), {"b": Choice(0, 2)}, frozenset({"c"}))
    assert merged([one, two]) == Plan({"a": Choice(0, 1)}, (), {"b": Choice(0, 2)}, frozenset({"c"}))
