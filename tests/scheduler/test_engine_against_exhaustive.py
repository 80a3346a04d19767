"""On tiny problems the engine's plan is the best of all plans, level by level, and its bounds hold."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import ParamSpec, TypeVar

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from scheduler.baselines import BASELINES
from scheduler.executors import InlineExecutor
from scheduler.objectives import standing, within_limits
from scheduler.problem import Problem, is_maximised
from scheduler.solution import Solution
from scheduler.solve import NoPlan, solve
from scheduler.tasks import Outcome, Task
from scheduler.verify import violations
from tests.scheduler.exhaustive import standings
from tests.scheduler.problems import crowded_problems, problems

P = ParamSpec("P")
T = TypeVar("T")

NOT_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
MANY = int(os.environ.get("CRENEAU_EXAMPLES", "1500"))


def signed(solution: Solution, *, bounds: bool = False) -> tuple[int, ...]:
    amounts = ((level.objective, level.bound if bounds else level.value) for level in solution.levels)
    return tuple(amount if is_maximised(name) else -amount for name, amount in amounts)


def check_optimum(problem: Problem) -> None:
    best = max(standings(problem), default=None)
    if best is None:
        event("no plan")
        with pytest.raises(NoPlan) as refused:
            solve(problem, budget=40.0)
        assert refused.value.proven
        return
    solution = solve(problem, budget=40.0)
    assert signed(solution) == best
    assert solution.status == "optimal"
    assert not violations(problem, solution)


def check_bounds(problem: Problem, solution: Solution) -> None:
    """Each bound holds for every plan that is as good as the reported values on the earlier levels."""
    reached, bounds = signed(solution), signed(solution, bounds=True)
    for other in standings(problem):
        for level, bound in enumerate(bounds):
            if all(mine >= its for mine, its in zip(other[:level], reached, strict=False)):
                assert other[level] <= bound, (level, other, reached, bounds)
    for baseline in BASELINES.values():
        plan = baseline(problem)
        assert not within_limits(problem, plan) or reached >= standing(problem, plan)


class LazyExecutor(InlineExecutor):
    """Runs tasks and then forgets plans and loosens bounds, as a solver stopped early would."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future = super().submit(fn, *args, **kwargs)
        (task,), outcome = args, future.result()
        assert isinstance(task, Task)
        assert isinstance(outcome, Outcome)
        if task.start is None or outcome.bound is None:
            return future
        loose = self.chance.choice((0, 0, 1, 2, 5))
        bound = outcome.bound + (loose if is_maximised(task.objective) else -loose)
        plan = self.chance.choice((outcome.plan, None))
        lazy: Future[T] = Future()
        lazy.set_result(replace(outcome, plan=plan, bound=self.chance.choice((bound, bound, None))))
        return lazy


@settings(max_examples=60, deadline=None, suppress_health_check=NOT_SLOW)
@given(problems())
def test_plan_is_the_best_of_all_plans(problem: Problem) -> None:
    check_optimum(problem)


@settings(max_examples=80, deadline=None, suppress_health_check=NOT_SLOW)
@given(problems(), st.integers(0, 1000))
def test_bounds_hold_and_no_baseline_is_better_when_nothing_is_proven(problem: Problem, seed: int) -> None:
    try:
        solution = solve(problem, budget=40.0, executor=LazyExecutor(seed))
    except NoPlan:
        assert not standings(problem)
        return
    event(solution.status)
    check_bounds(problem, solution)


@settings(max_examples=20, deadline=None, suppress_health_check=NOT_SLOW)
@given(crowded_problems())
def test_plan_of_up_to_six_demands_is_the_best_of_all_plans(problem: Problem) -> None:
    check_optimum(problem)


@settings(max_examples=20, deadline=None, suppress_health_check=NOT_SLOW)
@given(crowded_problems(), st.integers(0, 1000))
def test_bounds_of_up_to_six_demands_hold_when_nothing_is_proven(problem: Problem, seed: int) -> None:
    check_bounds(problem, solve(problem, budget=40.0, executor=LazyExecutor(seed)))


@pytest.mark.prove
@pytest.mark.timeout(3600)
@settings(max_examples=MANY, deadline=None, suppress_health_check=NOT_SLOW)
@given(crowded_problems())
def test_plan_of_up_to_six_demands_is_the_best_of_all_plans_at_full_size(problem: Problem) -> None:
    check_optimum(problem)


@pytest.mark.prove
@pytest.mark.timeout(3600)
@settings(max_examples=MANY, deadline=None, suppress_health_check=NOT_SLOW)
@given(problems())
def test_plan_is_the_best_of_all_plans_at_full_size(problem: Problem) -> None:
    check_optimum(problem)


@pytest.mark.prove
@pytest.mark.timeout(3600)
@settings(max_examples=MANY, deadline=None, suppress_health_check=NOT_SLOW)
@given(problems(), st.integers(0, 1000))
def test_bounds_hold_at_full_size(problem: Problem, seed: int) -> None:
    try:
        solution = solve(problem, budget=40.0, executor=LazyExecutor(seed))
    except NoPlan:
        assert not standings(problem)
        return
    check_bounds(problem, solution)
