"""On tiny problems every cost stated is what trying all plans gives, and every displacement passes the checker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from hypothesis import HealthCheck, assume, event, given, settings

from scheduler.explanation.explain import explain
from scheduler.explanation.places import Occupancy
from scheduler.explanation.relaxing import Relaxing
from scheduler.explanation.restriction import part_of
from scheduler.explanation.statements import Facts, Statement
from scheduler.objectives import standing
from scheduler.plan import Choice, Plan, keeps, plan_of
from scheduler.problem import Demand, Movable, Problem, is_maximised
from scheduler.solution import Solution
from scheduler.solve import NoPlan, solve
from scheduler.verify import fixed_conflicts, violations
from tests.scheduler.exhaustive import _is_right, _plans
from tests.scheduler.explanation.cases import ENOUGH, greedy
from tests.scheduler.problems import problems

NOT_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
TRIED = {"would_cost", "would_gain", "would_tie", "impossible"}


def all_plans(problem: Problem) -> list[Plan]:
    fixed = tuple((booking.window, booking.start, booking.end) for booking in problem.fixed)
    return [plan for plan in _plans(problem, fixed) if _is_right(problem, plan)]


def granted(statement: Statement, subject: Demand | Movable) -> Callable[[Plan], bool]:
    """Return which plans do what the statement is about."""
    if isinstance(subject, Movable):
        return lambda plan: keeps(plan, subject)
    option = statement.data.place.option if statement.data.place else None

    def is_placed(plan: Plan) -> bool:
        choice = plan.placed.get(subject.id)
        return choice is not None and option in {None, choice.option}

    return is_placed


def signed(data: Facts, *, best: bool = False) -> tuple[int, ...]:
    amounts = ((one.objective, one.best if best else one.after) for one in data.levels or ())
    return tuple(amount if is_maximised(name) else -amount for name, amount in amounts if amount is not None)


def check(statement: Statement, plans: list[Plan], problem: Problem, solution: Solution) -> None:
    """Compare a statement with the best of the plans that do what it is about."""
    given_standing, data = standing(problem, plan_of(solution)), statement.data
    best = max((standing(problem, plan) for plan in plans), default=None)
    event(statement.code if data.proven is None else f"{statement.code}, proven: {data.proven}")
    if statement.code == "impossible" or best is None:
        assert statement.code == "impossible"
        assert best is None
        return
    after, bound = signed(data), signed(data, best=True)
    depth = len(after)
    assert best[:depth] >= after
    for level, most in enumerate(bound):
        if best[:level] == after[:level]:
            assert best[level] <= most
    if statement.code == "would_cost":
        assert after < given_standing[:depth]
        if data.proven:
            assert best[:depth] == after
    elif statement.code == "would_gain":
        assert after > given_standing[:depth]
    else:
        assert after == given_standing


def statements_about(problem: Problem, solution: Solution) -> Iterator[tuple[Demand | Movable, Statement]]:
    subjects: list[Demand | Movable] = [*problem.demands, *problem.movable]
    for subject in subjects:
        for statement in explain(problem, solution, subject.id, seconds=ENOUGH).statements:
            if statement.code in TRIED:
                yield subject, statement
            # Of a demand without weight it cannot be told whether a limit on delay excludes it.
            told = statement.code != "not_found"
            assert told or (subject.weight == 0 and "delay" in problem.limits)


@settings(max_examples=35, deadline=None, suppress_health_check=NOT_SLOW)
@given(problems())
def test_the_cost_in_the_best_plan_is_that_of_the_best_plan_that_is_otherwise(problem: Problem) -> None:
    try:
        solution = solve(problem, budget=40.0)
    except NoPlan:
        return
    plans = all_plans(problem)
    for subject, statement in statements_about(problem, solution):
        assert statement.code != "would_gain"
        check(statement, [plan for plan in plans if granted(statement, subject)(plan)], problem, solution)


def same_elsewhere(problem: Problem, part: Problem, given_plan: Plan) -> Callable[[Plan], bool]:
    """Return which plans are as the given one outside a part of the problem."""
    inside = {demand.id for demand in part.demands}, {booking.id for booking in part.movable}
    surges = {surge.id for surge in part.surges}

    def rest(plan: Plan) -> tuple[object, ...]:
        return (
            {name: choice for name, choice in plan.placed.items() if name not in inside[0]},
            {name: choice for name, choice in plan.moved.items() if name not in inside[1]},
            plan.displaced - inside[1],
            sorted(run for run in plan.runs if run.surge not in surges),
        )

    return lambda plan: rest(plan) == rest(given_plan)


@settings(max_examples=35, deadline=None, suppress_health_check=NOT_SLOW)
@given(problems())
def test_the_cost_in_any_plan_is_that_with_the_rest_as_it_is(problem: Problem) -> None:
    assume(not fixed_conflicts(problem))
    solution = greedy(problem)
    assume(not violations(problem, solution))
    plans = all_plans(problem)
    for subject, statement in statements_about(problem, solution):
        near = same_elsewhere(problem, part_of(problem, subject), plan_of(solution))
        check(statement, [p for p in plans if granted(statement, subject)(p) and near(p)], problem, solution)


def least_days(problem: Problem, plan: Plan, demand: Demand) -> dict[str, int]:
    """Return the fewest days before and after those of its options that let the demand fit, by trying every day."""
    least: dict[str, int] = {}
    spans = {window.id: (window.start, window.end) for window in problem.windows}
    for index, option in enumerate(demand.options):
        begin, end = spans[option.window]
        for day in range(begin, end - option.duration + 1):
            beyond = max(option.earliest - day, day - option.latest)
            wider = replace(option, earliest=min(day, option.earliest), latest=max(day, option.latest))
            widened = replace(demand, options=(*demand.options[:index], wider, *demand.options[index + 1 :]))
            allowing = replace(problem, demands=tuple(widened if one is demand else one for one in problem.demands))
            there = replace(plan, placed={**plan.placed, demand.id: Choice(index, day)})
            if beyond > 0 and _is_right(allowing, there):
                side = "later" if day > option.latest else "earlier"
                least[side] = min(beyond, least.get(side, beyond))
    return least


@settings(max_examples=60, deadline=None, suppress_health_check=NOT_SLOW)
@given(problems())
def test_the_extra_days_stated_are_the_fewest_that_let_everyone_else_keep_their_place(problem: Problem) -> None:
    assume(not fixed_conflicts(problem))
    solution = greedy(problem)
    assume(not violations(problem, solution))
    plan = plan_of(solution)
    for demand in problem.demands:
        occupancy = Occupancy(problem, plan, demand)
        if demand.id not in plan.placed:
            nearest = Relaxing(occupancy, demand, ()).nearest()
            stated = {one.kind: one.amount for one in nearest if one.kind in {"later", "earlier"}}
            event(f"days: {sorted(stated)}")
            assert stated == least_days(problem, plan, demand)
