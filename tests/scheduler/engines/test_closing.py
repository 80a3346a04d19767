"""The bound without repetition, all sequences near it, and the best choice among them, by hand and against all plans.

Five days weigh 3 and six weigh 2, in ten days. A relaxation that may take the five twice bounds at 4; without
repetition only one of the two fits, and the bound is 3, which is the optimum.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given

from scheduler.engines.choices import DISTANCE_GROWTH, first_distance, next_distance, whole
from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.closing import Closer
from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.plans import plan_of_columns
from scheduler.engines.columns.sequences import NOBODY, Pool, joined
from scheduler.engines.columns.whole import choose
from scheduler.engines.incumbent import Incumbent
from scheduler.plan import Plan
from scheduler.problem import Caps, Demand, Option, Problem
from scheduler.tasks import Effort, Hold, Task
from tests.scheduler.engines.instances import endless, five_or_six, problem_of, relaxed
from tests.scheduler.engines.test_relaxation_against_exhaustive import FEW, all_plans, good
from tests.scheduler.problems import problems


def test_without_repetition_the_bound_is_the_optimum() -> None:
    relaxation = relaxed(five_or_six(), "weight", Plan())
    assert relaxation.bound == pytest.approx(4)
    closer = Closer(Diver(relaxation))
    root = closer.root(endless())
    assert root is not None
    assert root.bound == 3
    near = closer.near(root, endless(), least=3)
    assert near is not None
    assert ((0, 0),) in {column.steps for column in near.columns()}
    chosen = choose(relaxation.program, near, endless(), seed=1)
    assert chosen.columns is not None
    assert [column.steps for column in chosen.columns] == [((0, 0),)]
    assert chosen.bound == 3


def test_a_choice_that_cannot_be_made_says_so() -> None:
    # Both are asked for, and only one fits.
    problem = five_or_six()
    program = program_of(problem, "weight", (Hold("weight", 5),))
    closer = Closer(Diver(relaxed(problem, "weight", Plan())))
    root = closer.root(endless())
    assert root is not None
    near = closer.near(root, endless(), least=0)
    assert near is not None
    chosen = choose(program, near, endless(), seed=1)
    assert (chosen.columns, chosen.bound) == (None, -np.inf)


def test_a_proof_that_begins_with_a_poor_plan_ends_with_the_best() -> None:
    relaxation = relaxed(five_or_six(), "weight", Plan())
    closer = Closer(Diver(relaxation))
    root = closer.root(endless())
    assert root is not None
    near = closer.near(root, endless(), least=2)
    assert near is not None
    six = next(row for row, column in enumerate(near.columns()) if column.steps == ((1, 0),))
    among = joined(near.take(np.array([six])), near)
    chosen = choose(relaxation.program, among, endless(), seed=1, known=1, proves=True)
    assert chosen.columns is not None
    assert [column.steps for column in chosen.columns] == [((0, 0),)]
    assert chosen.bound == 3


@pytest.mark.parametrize(
    ("excluded", "expected"),
    [
        (-np.inf, 10),  # Nothing is known.
        (9.9, 10),
        (10, 10 * DISTANCE_GROWTH),
        (10 * DISTANCE_GROWTH + 1, 10 * DISTANCE_GROWTH**2),
    ],
)
def test_a_choice_begins_beyond_what_an_earlier_task_has_excluded(excluded: float, expected: float) -> None:
    assert first_distance(10, excluded) == expected


def test_a_task_goes_on_from_the_bound_of_the_one_before() -> None:
    task = Task(five_or_six(), "weight", (), Plan(), Effort(work=1.0), 1, bound=3)
    best = Incumbent(task, Plan())
    best.tighten(4)
    assert best.bound == 3


@pytest.mark.parametrize(
    ("left", "is_better", "expected"),
    [(50, False, 30), (30, False, 30), (29, False, 29), (91, True, 30), (90, True, 90), (29, True, 29)],
)
def test_steps_away_from_the_bound_grow_and_the_last_one_goes_all_the_way(
    left: float, is_better: bool, expected: float
) -> None:
    # Three times as far as 10 is 30, and once more 90.
    assert DISTANCE_GROWTH == 3
    assert next_distance(left, 10, is_better=is_better) == expected


def test_the_closest_sequences_fall_least_short() -> None:
    closer = Closer(Diver(relaxed(five_or_six(), "weight", Plan())))
    root = closer.root(endless())
    assert root is not None
    near = closer.near(root, endless(), least=0)
    assert near is not None
    short = root.window_duals[near.window] - near.gain
    one = near.closest(root.window_duals, 1)
    assert len(one) == 1
    assert root.window_duals[one.window[0]] - one.gain[0] == pytest.approx(short.min())


def test_a_pool_serves_whoever_asks_for_as_much() -> None:
    closer = Closer(Diver(relaxed(five_or_six(), "weight", Plan())))
    root = closer.root(endless())
    assert root is not None
    sequences = closer.near(root, endless(), least=0)
    assert sequences is not None
    pool = Pool(sequences, {"weight": 3, "delay": -7}, frozenset({"o1"}))
    assert pool.holds_all((Hold("weight", 4), Hold("delay", 7)), frozenset({"o1", "o2"}))
    assert not pool.holds_all((Hold("weight", 4), Hold("delay", 8)), frozenset({"o1"}))
    assert not pool.holds_all((Hold("weight", 4),), frozenset({"o1"}))
    assert not pool.holds_all((Hold("weight", 4), Hold("delay", 7)), frozenset())


def test_days_of_a_party_are_bounded_in_whole_demands() -> None:
    # 6 days each in a cap of 8, weights 4 and 3: the knapsack alone would take 4 + 3 / 3 = 5; of whole demands 4.
    windows = five_or_six().windows
    demands = (Demand("a", "o", 1, 4, (Option("w", 6, 0, 4),)), Demand("b", "o", 1, 3, (Option("w", 6, 0, 4),)))
    problem = problem_of("weight", windows=windows, demands=demands, caps=Caps(None, 8))
    assert relaxed(problem, "weight", Plan()).bound == pytest.approx(4)


@FEW
@given(problems())
def test_all_plans_near_the_bound_are_made_of_the_sequences_near_it(problem: Problem) -> None:
    found = all_plans(problem)
    for objective in problem.objectives:
        best = max(found, key=lambda plan: good(problem, plan, objective))
        gain = good(problem, best, objective)
        relaxation = relaxed(problem, objective, found[0])
        closer = Closer(Diver(relaxation))
        root = closer.root(endless())
        assume(root is not None)
        assert root is not None
        assert root.bound >= gain
        near = closer.near(root, endless(), least=gain)
        assert near is not None
        chosen = choose(relaxation.program, near, endless(), seed=1)
        assert chosen.bound >= gain
        assert chosen.columns is not None
        plan = plan_of_columns(problem, relaxation.program.activities, chosen.columns)
        assert good(problem, plan, objective) == gain
        # Every step of a sequence stands where it may, and no step follows a blank.
        for steps in near.activity.tolist():
            assert NOBODY not in steps[: len([step for step in steps if step != NOBODY])]


def test_a_choice_that_ends_without_a_bound_bounds_nothing() -> None:
    assert whole(np.inf) > 10**15
    assert whole(-np.inf) < -(10**15)
    assert whole(3.9999999) == 4
    assert whole(3.99) == 3
