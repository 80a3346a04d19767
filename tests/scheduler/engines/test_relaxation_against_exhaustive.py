"""Bounds, useful starts, columns and dives of tiny problems, against all their plans."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scheduler.engines.columns.activities import activities_of
from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.generation import memory_of, price, relax
from scheduler.engines.columns.narrowing import useful_starts
from scheduler.engines.columns.plans import columns_of_plan, plan_of_columns
from scheduler.engines.starts import Key, Kind, Starts
from scheduler.objectives import goodness, standing, value
from scheduler.plan import Choice, Plan, keeps, solution_of
from scheduler.problem import Problem
from scheduler.tasks import Hold
from scheduler.verify import violations
from tests.scheduler.engines.instances import endless, five_or_six, relaxed
from tests.scheduler.exhaustive import plans
from tests.scheduler.problems import problems

FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
MOST_PLANS = 1500


def all_plans(problem: Problem) -> list[Plan]:
    """Return every plan of a problem that has some, but not too many for a test of a moment."""
    found: list[Plan] = []
    for plan in plans(problem):
        found.append(plan)
        assume(len(found) <= MOST_PLANS)
    assume(found)
    return found


def good(problem: Problem, plan: Plan, objective: str) -> int:
    return goodness(objective, value(problem, plan, objective))


def used(problem: Problem, plan: Plan) -> list[tuple[Key, int]]:
    """Return the starts of a plan by kind, owner and option."""
    found: list[tuple[Key, int]] = []
    for d, demand in enumerate(problem.demands):
        if choice := plan.placed.get(demand.id):
            found.append(((Kind.PLACE, d, choice.option), choice.start))
    for b, booking in enumerate(problem.movable):
        if choice := plan.moved.get(booking.id):
            found.append(((Kind.MOVE, b, choice.option), choice.start))
        elif keeps(plan, booking):
            found.append(((Kind.KEEP, b, -1), booking.start))
    surges = [surge.id for surge in problem.surges]
    return found + [((Kind.RUN, surges.index(run.surge), run.option), run.start) for run in plan.runs]


def is_among(starts: Starts, day: int) -> bool:
    return any(first <= day <= last for first, last in starts)


@FEW
@given(problems())
def test_no_bound_is_below_the_optimum_and_no_useful_start_is_dropped(problem: Problem) -> None:
    found = all_plans(problem)
    for objective in problem.objectives:
        best = max(good(problem, plan, objective) for plan in found)
        relaxation = relaxed(problem, objective, found[0])
        assert relaxation.bound >= best - 1e-6
        for least in (best, best - 1):
            left = useful_starts(relaxation, least=least)
            for plan in found:
                if good(problem, plan, objective) >= least:
                    assert all(is_among(left.get(key, []), day) for key, day in used(problem, plan))


@FEW
@given(problems())
def test_no_bound_under_holds_is_below_the_optimum(problem: Problem) -> None:
    found = all_plans(problem)
    best = max(found, key=lambda plan: standing(problem, plan))
    holds: list[Hold] = []
    for objective in problem.objectives:
        assert relaxed(problem, objective, best, holds).bound >= good(problem, best, objective) - 1e-6
        holds.append(Hold(objective, value(problem, best, objective)))


@FEW
@given(problems(), st.integers(0, 2**32 - 1))
def test_any_duals_bound(problem: Problem, seed: int) -> None:
    found = all_plans(problem)
    rng = np.random.default_rng(seed)
    for objective in problem.objectives:
        program = program_of(problem, objective)
        relaxation = relax(program, [])
        duals = rng.uniform(0, 4, len(program.limit))
        price(relaxation, np.where(program.equal, duals - 2, duals), endless())
        assert relaxation.bound >= max(good(problem, plan, objective) for plan in found) - 1e-6


@FEW
@given(problems())
def test_a_plan_and_its_columns_are_the_same(problem: Problem) -> None:
    activities = activities_of(problem)
    for plan in all_plans(problem):
        columns = columns_of_plan(problem, activities, plan)
        assert len({column.window for column in columns}) == len(columns)
        assert plan_of_columns(problem, activities, columns) == plan


ASKING = {"bookings", "displacement", "cost"}
"""Limits that a booking may have to be kept for."""


@FEW
@given(problems())
def test_a_dive_ends_in_a_plan_that_passes_the_checker_but_for_what_it_owes(problem: Problem) -> None:
    found = all_plans(problem)
    for objective in problem.objectives:
        worst = min(found, key=lambda plan: good(problem, plan, objective))
        reached = good(problem, worst, objective)
        relaxation = relaxed(problem, objective, worst)
        columns = Diver(relaxation).dive(endless(), reached=reached)
        if columns is None:
            continue
        plan = plan_of_columns(problem, relaxation.program.activities, columns)
        wrong = violations(problem, solution_of(problem, plan, status="feasible"))
        # A limit on what grows with each booking that gives way asks for bookings to be kept: a dive may fall short of
        # it, and whoever is offered such a plan refuses it.
        asks = relaxation.program.asking_rows().size or (problem.movable and problem.limits.keys() & ASKING)
        owed = {"limit"} if asks else set()
        assert {violation.rule for violation in wrong} <= {"levels"} | owed
        assert good(problem, plan, objective) > reached


def test_a_dive_finds_the_optimum_below_the_bound_and_none_beyond_it() -> None:
    # The relaxation takes half of twice the five and half of the six, 4; of whole columns the five alone are best.
    problem = five_or_six()
    relaxation = relaxed(problem, "weight", Plan())
    diver = Diver(relaxation)
    columns = diver.dive(endless(), reached=0)
    assert columns is not None
    plan = plan_of_columns(problem, relaxation.program.activities, columns)
    assert plan == Plan({"five": Choice(0, plan.placed["five"].start)})
    assert diver.dive(endless(), reached=3) is None
    # The dives leave the relaxation as it was.
    assert relaxation.master.solve(endless()) == pytest.approx(4)


def test_a_dive_keeps_the_columns_it_is_given() -> None:
    problem = five_or_six()
    relaxation = relaxed(problem, "weight", Plan())
    given_columns = columns_of_plan(problem, relaxation.program.activities, Plan({"six": Choice(0, 2)}))
    columns = Diver(relaxation).dive(endless(), reached=0, fixed=given_columns)
    assert columns is not None
    assert set(plan_of_columns(problem, relaxation.program.activities, columns).placed) == {"six"}


def test_a_relaxation_that_remembers_begins_where_the_last_one_ended() -> None:
    problem = five_or_six()
    first = relaxed(problem, "weight", Plan())
    again = relax(program_of(problem, "weight"), [], memory_of(first))
    assert again.bound == pytest.approx(4)
    assert again.master.solve(endless()) == pytest.approx(4)
