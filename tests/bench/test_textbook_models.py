"""The competitors' models say what the problem says: on tiny problems they find what trying every plan finds."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from ortools.sat.python import cp_model

from scheduler.objectives import standing
from scheduler.plan import Choice
from scheduler.problem import Caps, Demand, Fixed, Movable, Option, Problem, is_maximised
from tests.bench.engines.climb import CannotExpress, Found, Model, Settings, climb, whole_bound
from tests.bench.engines.plain_model import PlainModel
from tests.bench.engines.shop import shop_of
from tests.bench.engines.time_indexed import TimeIndexed
from tests.scheduler.exhaustive import standings
from tests.scheduler.problems import ORIGIN, WINDOWS, problems


class SolvedArrays:
    """The time-indexed arrays, solved as they stand by a solver that is at hand."""

    def __init__(self, problem: Problem) -> None:
        self.form = TimeIndexed(problem)
        self.levels = len(problem.objectives)
        self.model = cp_model.CpModel()
        matrix = self.form.matrix
        self.columns = [self.model.new_int_var(0, int(most), "") for most in matrix.most]
        for row, (low, high) in enumerate(zip(matrix.lower, matrix.upper, strict=True)):
            entries = np.flatnonzero(matrix.rows == row)
            terms = [int(matrix.entries[e]) * self.columns[matrix.columns[e]] for e in entries]
            domain = cp_model.Domain(-(10**9) if np.isinf(low) else int(low), 10**9 if np.isinf(high) else int(high))
            self.model.add_linear_expression_in_domain(cp_model.LinearExpr.sum(terms), domain)

    def best(self, objective: str, seconds: float) -> Found:
        amount = self._amount(objective)
        if is_maximised(objective):
            self.model.maximize(amount)
        else:
            self.model.minimize(amount)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_time_in_seconds = seconds
        if solver.solve(self.model) != cp_model.OPTIMAL:
            return Found(None, None)
        values = np.array([float(solver.value(column)) for column in self.columns])
        return Found(self.form.plan(values), whole_bound(objective, solver.best_objective_bound))

    def hold(self, objective: str, reached: int) -> None:
        amount = self._amount(objective)
        self.model.add(amount >= reached if is_maximised(objective) else amount <= reached)

    def _amount(self, objective: str) -> cp_model.LinearExprT:
        factors = [int(amount) for amount in self.form.amounts[objective]]
        return cp_model.LinearExpr.weighted_sum(self.columns, factors)


def _best_of_all(problem: Problem) -> tuple[int, ...] | None:
    """Return how the best of all plans stands, or None where there is none."""
    return max(standings(problem), default=None)


def _proven_best(problem: Problem, model: Model) -> tuple[int, ...] | None:
    """Return how the plan of a model stands, of which every level is proven, or None where it has found none."""
    climbed = climb(problem, model, time.monotonic() + 60)
    if climbed is None:
        return None
    plan, levels = climbed
    assert [level.objective for level in levels if not level.proven] == []
    return standing(problem, plan)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_the_plain_model_finds_the_best_of_all_plans(problem: Problem) -> None:
    model = PlainModel(problem, Settings(time.monotonic() + 60, 1, 1))
    assert _proven_best(problem, model) == _best_of_all(problem)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_the_time_indexed_arrays_hold_the_best_of_all_plans(problem: Problem) -> None:
    assert _proven_best(problem, SolvedArrays(problem)) == _best_of_all(problem)


def test_a_round_in_a_shop_has_a_task_for_each_place_and_stores_for_caps() -> None:
    demands = (
        Demand("r1", "o1", 1, 4, (Option("w1", 3, 0, 9), Option("w3", 6, 0, 9))),  # The second fits nowhere: 6 > 5.
        Demand("r2", "o1", 2, 2, (Option("w2", 2, 8, 10),)),
    )
    problem = Problem(ORIGIN, WINDOWS, ("weight",), (Fixed("f1", "w1", 2, 3),), demands, caps=Caps(1, 4))
    shop = shop_of(problem)
    assert shop.due == 12
    assert shop.breaks == [[(2, 3)], [], []]
    assert shop.stores == [1, 4]
    assert [job.weight for job in shop.jobs] == [4, 2]
    (first,), (second,) = (job.tasks for job in shop.jobs)
    assert (first.machine, first.place.earliest, first.place.latest, first.uses) == (0, 0, 3, ((0, 1), (1, 3)))
    assert (second.machine, second.place.earliest, second.place.latest, second.uses) == (1, 8, 10, ((0, 1), (1, 2)))
    assert shop.plan(problem, [[3], [None]]).placed == {"r1": Choice(0, 3)}


def test_a_place_that_no_full_store_can_serve_is_none() -> None:
    options = (Option("w1", 5, 0, 5), Option("w1", 3, 0, 5))
    shop = shop_of(Problem(ORIGIN, WINDOWS, ("weight",), demands=(Demand("r1", "o1", 1, 4, options),), caps=Caps(1, 4)))
    assert [task.place.duration for task in shop.jobs[0].tasks] == [3]


def test_a_shop_counts_only_the_tier_that_is_asked_for() -> None:
    demands = tuple(Demand(f"r{tier}", "o1", tier, 3, (Option("w1", 1, 0, 1),)) for tier in (1, 2))
    assert [job.weight for job in shop_of(Problem(ORIGIN, WINDOWS, ("weight:2",), demands=demands)).jobs] == [0, 3]


@pytest.mark.parametrize(
    "problem",
    [
        Problem(ORIGIN, WINDOWS, ("displacement",), movable=(Movable("b1", "w1", 0, 2),)),
        Problem(ORIGIN, WINDOWS, ("parties", "weight"), demands=(Demand("r1"),)),
        Problem(ORIGIN, WINDOWS, ("weight",), demands=(Demand("r1"),), limits={"cost": 3}),
    ],
)
def test_what_a_shop_has_no_words_for_is_refused(problem: Problem) -> None:
    with pytest.raises(CannotExpress):
        shop_of(problem)
