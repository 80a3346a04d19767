"""Waste and envy against every start of every option, each tried with the checker of plans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scheduler.baselines import BASELINES
from scheduler.certificate.envy import justified_envy, priority
from scheduler.certificate.report import Counterexample
from scheduler.certificate.room import Room
from scheduler.certificate.waste import wasted
from scheduler.objectives import value
from scheduler.plan import Choice, Plan, Run, solution_of
from scheduler.problem import Caps, Demand, Option, Problem, SurgeOption, Window, tier_of
from scheduler.solve import solve
from scheduler.verify import fixed_conflicts, violations
from tests.scheduler.certificate.plans import certified, verdicts
from tests.scheduler.problems import ORIGIN, problems

QUICK = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def crowded(draw: st.DrawFn) -> Problem:
    """Return a problem with more demands than room, in two short windows."""
    windows = (Window("w", "l1", 0, 7), Window("v", "l2", 0, 4))

    def option() -> Option:
        window = draw(st.sampled_from(windows))
        duration = draw(st.integers(1, 4))
        earliest = draw(st.integers(0, window.end - duration))
        latest = draw(st.integers(earliest, window.end - duration))
        return Option(window.id, duration, earliest, latest, draw(st.integers(1, 2)), draw(st.integers(0, 3)))

    demands = tuple(
        Demand(
            f"r{number}",
            draw(st.sampled_from(["o1", "o2", "o3"])),
            draw(st.integers(1, 2)),
            draw(st.integers(1, 3)),
            tuple(option() for _ in range(draw(st.integers(1, 2)))),
        )
        for number in range(5)
    )
    names = draw(st.sampled_from([("weight",), ("weight:1", "weight:2", "parties"), ("parties", "weight"), ("delay",)]))
    caps = Caps(draw(st.sampled_from([None, 1, 2])), draw(st.sampled_from([None, 4, 6])))
    limits = draw(st.sampled_from([{}, {"cost": 4}, {"delay": 5}]))
    return Problem(ORIGIN, windows, names, demands=demands, caps=caps, limits=limits)


@st.composite
def plans(draw: st.DrawFn) -> tuple[Problem, Plan]:
    """Return a problem with a feasible plan that leaves some out."""
    problem = draw(st.one_of(problems(), crowded()))
    assume(not fixed_conflicts(problem))
    plan = BASELINES[draw(st.sampled_from(sorted(BASELINES)))](problem)
    taken_out = draw(st.sets(st.sampled_from(sorted(plan.placed)), max_size=2)) if plan.placed else set()
    plan = replace(plan, placed={name: choice for name, choice in plan.placed.items() if name not in taken_out})
    if draw(st.booleans()):
        plan = replace(plan, runs=())
    assume(is_feasible(problem, plan))
    return problem, plan


def is_feasible(problem: Problem, plan: Plan) -> bool:
    rules = {violation.rule for violation in violations(problem, solution_of(problem, plan, status="feasible"))}
    return rules <= {"levels"}


def starts(option: Option | SurgeOption) -> range:
    return range(option.earliest, option.latest + 1)


def placings(problem: Problem, plan: Plan, demand: Demand) -> Iterator[tuple[Plan, str, int, int]]:
    """Yield each feasible plan with the demand placed as well, and where that is."""
    for index, option in enumerate(demand.options):
        for start in starts(option):
            more = replace(plan, placed={**plan.placed, demand.id: Choice(index, start)})
            if is_feasible(problem, more):
                yield more, option.window, start, start + option.duration


def left_out(problem: Problem, plan: Plan) -> list[Demand]:
    return [demand for demand in problem.demands if demand.id not in plan.placed]


def tried(problem: Problem, plan: Plan, found: Counterexample, *, instead: str | None = None) -> Plan:
    """Return the plan that a counterexample proposes."""
    placed = {name: choice for name, choice in plan.placed.items() if name != instead}
    choice = Choice(found.option or 0, found.start or 0)
    if found.demands:
        return replace(plan, placed={**placed, found.demands[0]: choice})
    if found.surges:
        return replace(plan, runs=(*plan.runs, Run(found.surges[0], *choice)))
    (booking,) = found.bookings
    back = replace(plan, displaced=plan.displaced - {booking})
    return back if found.option is None else replace(back, moved={**plan.moved, booking: choice})


def check_effect(problem: Problem, plan: Plan, found: Counterexample, other: Plan) -> None:
    """The counterexample's plan is feasible, and changes the objectives as it says, and no others."""
    assert is_feasible(problem, other)
    before, after = ({name: value(problem, it, name) for name in problem.objectives} for it in (plan, other))
    told = {change.objective: (change.before, change.after) for change in found.effect}
    assert told == {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def returns(problem: Problem, plan: Plan) -> set[str]:
    """Return the displaced bookings that have somewhere to go."""
    able = set()
    for booking in problem.movable:
        if booking.id in plan.displaced:
            back = replace(plan, displaced=plan.displaced - {booking.id})
            ways = [back] + [
                replace(back, moved={**plan.moved, booking.id: Choice(index, start)})
                for index, option in enumerate(booking.options)
                for start in starts(option)
            ]
            able |= {booking.id for way in ways if is_feasible(problem, way)}
    return able


def more_output(problem: Problem, plan: Plan) -> set[str]:
    """Return the surges with a campaign that could be added and adds output."""
    if "surge_output" not in problem.objectives:
        return set()
    now = value(problem, plan, "surge_output")
    return {
        surge.id
        for surge in problem.surges
        for index, option in enumerate(surge.options)
        for start in starts(option)
        for more in (replace(plan, runs=(*plan.runs, Run(surge.id, index, start))),)
        if is_feasible(problem, more) and value(problem, more, "surge_output") > now
    }


@QUICK
@given(plans())
def test_waste_is_what_trying_everything_finds(case: tuple[Problem, Plan]) -> None:
    problem, plan = case
    found = list(wasted(Room(problem, plan)))
    assert {name for item in found for name in item.demands} == {
        demand.id for demand in left_out(problem, plan) if any(placings(problem, plan, demand))
    }
    assert {name for item in found for name in item.bookings} == returns(problem, plan)
    assert {name for item in found for name in item.surges} == more_output(problem, plan)
    for item in found:
        check_effect(problem, plan, item, tried(problem, plan, item))


def envied(problem: Problem, plan: Plan, demand: Demand) -> set[str]:
    """Return the placed demands of lower priority whose place the demand could take."""
    fits = any(placings(problem, plan, demand))
    able = set()
    for other in problem.demands:
        choice = plan.placed.get(other.id)
        if choice is None or not priority(problem, demand) > priority(problem, other):
            continue
        held = other.options[choice.option]
        rest = replace(plan, placed={name: at for name, at in plan.placed.items() if name != other.id})
        for _, window, start, end in placings(problem, rest, demand):
            on_held_days = window == held.window and start < choice.start + held.duration and choice.start < end
            if on_held_days or not fits:
                able.add(other.id)
    return able


@QUICK
@given(plans())
def test_envy_is_what_trying_everything_finds(case: tuple[Problem, Plan]) -> None:
    problem, plan = case
    found = {item.demands[0]: item for item in justified_envy(Room(problem, plan))}
    by_id = {demand.id: demand for demand in problem.demands}
    expected = {demand.id: envied(problem, plan, demand) for demand in left_out(problem, plan) if demand.options}
    assert found.keys() == {name for name, others in expected.items() if others}
    for name, item in found.items():
        instead = item.demands[1]
        assert instead in expected[name]
        lowest = min(priority(problem, by_id[other]) for other in expected[name])
        assert priority(problem, by_id[instead]) == lowest
        check_effect(problem, plan, item, tried(problem, plan, item, instead=instead))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_a_proven_optimum_by_weight_is_not_envious_and_nothing_contradicts_its_bounds(problem: Problem) -> None:
    weights = tuple(name for name in problem.objectives if name == "weight" or tier_of(name) is not None)
    rest = tuple(name for name in problem.objectives if name not in weights and name != "surge_output")
    problem = replace(problem, objectives=(*(weights or ("weight",)), *rest), limits={}, surges=())
    assume(not fixed_conflicts(problem))
    solution = solve(problem, budget=10.0)
    assume(solution.status == "optimal")
    plan = Plan({item.demand: Choice(item.option, item.start) for item in solution.placed}, (), {}, frozenset())
    moved = {item.booking: Choice(item.option, item.start) for item in solution.moved}
    plan = replace(plan, moved=moved, displaced=frozenset(solution.displaced))
    found = verdicts(certified(problem, plan))
    assert found["no_justified_envy"] == "holds"
    assert found["bounds"] == "holds"
