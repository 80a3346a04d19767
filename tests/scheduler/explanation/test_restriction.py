"""Restricted problems allow fewer plans than their original, each of the same value."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scheduler.explanation.difference import stands
from scheduler.explanation.restriction import Shut, near, unused
from scheduler.explanation.statements import Who
from scheduler.objectives import standing
from scheduler.plan import Choice, Plan, Run, plan_of
from scheduler.problem import Demand, Option, Problem, Surge, SurgeOption, Target
from scheduler.verify import fixed_conflicts, violations
from tests.scheduler.exhaustive import _is_right, _plans
from tests.scheduler.explanation.cases import TEN_DAYS, anywhere, greedy, problem_of
from tests.scheduler.problems import ORIGIN, WINDOWS, problems

NOT_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=40, deadline=None, suppress_health_check=NOT_SLOW)
@given(problems(), st.sets(st.sampled_from([window.id for window in WINDOWS])))
def test_a_plan_near_another_is_a_plan_of_the_same_value(problem: Problem, windows: set[str]) -> None:
    assume(not fixed_conflicts(problem))
    solution = greedy(problem)
    assume(not violations(problem, solution))
    nearby = near(problem, plan_of(solution), frozenset(windows), Who("demand", "r0"))
    fixed = tuple((booking.window, booking.start, booking.end) for booking in problem.fixed)
    values = {standing(problem, plan_of(solution))}
    found = set()
    for plan in _plans(nearby.problem, fixed):
        if _is_right(nearby.problem, plan):
            assert stands(problem, nearby.original(plan))
            assert standing(nearby.problem, plan) == standing(problem, nearby.original(plan))
            found.add(standing(nearby.problem, plan))
    # The plan that it is near to is among them.
    assert values <= found


def test_what_is_outside_the_windows_stays_or_goes() -> None:
    windows = WINDOWS
    problem = Problem(
        ORIGIN,
        windows,
        ("weight", "delay"),
        demands=(
            Demand("in", "o1", 1, 1, (Option("w1", 2, 0, 4), Option("w2", 2, 8, 10))),
            Demand("out", "o2", 1, 1, (Option("w2", 2, 8, 10), Option("w1", 2, 0, 4))),
        ),
    )
    plan = Plan({"in": Choice(0, 1), "out": Choice(0, 9)})
    nearby = near(problem, plan, frozenset({"w1"}), Who("demand", "other"))
    starts = {name: set[tuple[int, int]]() for name in ("in", "out")}
    for other in _plans(nearby.problem, ()):
        for name, choice in other.placed.items():
            starts[name].add((choice.option, choice.start))
    assert starts["out"] == {(0, 9)}
    assert starts["in"] == {(0, day) for day in range(5)} | {(1, day) for day in (8, 9, 10)}


def test_what_is_held_on_its_day_adds_the_same_delay() -> None:
    # Weight 2, day 5 instead of 0: 2 x 5 = 10, though day 5 is now the only one.
    problem = problem_of(Demand("r", "o", 1, 2, (anywhere(3),)), objectives=("delay",))
    plan = Plan({"r": Choice(0, 5)})
    nearby = near(problem, plan, frozenset(), Who("demand", "other"))
    assert standing(problem, plan) == (-10,)
    assert standing(nearby.problem, plan) == (-10,)


def test_pinned_campaigns_keep_their_option() -> None:
    surge = Surge("s", (Target(10, 9),), (SurgeOption("w", 2, 0, 8, output=1), SurgeOption("w", 3, 0, 7, output=2)))
    problem = problem_of(surges=(surge,), objectives=("surge_output",))
    plan = Plan(runs=(Run("s", 0, 1), Run("s", 1, 4)))
    nearby = near(problem, plan, frozenset(), Who("demand", "none"))
    full = max(_plans(nearby.problem, ()), key=lambda other: standing(nearby.problem, other))
    assert nearby.original(full) == plan


def test_a_shut_option_fits_nowhere_and_keeps_its_place_in_the_list() -> None:
    demand = Demand("r", "o", 1, 1, (Option("w", 1, 0, 9), Option("w", 2, 0, 8)))
    problem = problem_of(demand)
    shut = Shut(problem)
    (left,) = (shut.but(demand, frozenset({1})),)
    restricted = Problem(ORIGIN, (*TEN_DAYS, *shut.windows), ("weight",), demands=(left,))
    assert {choice.option for plan in _plans(restricted, ()) for choice in plan.placed.values()} == {1}
    assert shut.but(demand, frozenset({0, 1})) is demand


def test_a_prefix_is_made_longer_until_nobody_has_it() -> None:
    assert unused("shut", ["w", "shut0", "shut-1"]) == "shut--"
