"""Sequences that name nobody twice, against all permutations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engines.columns.activities import Activities
from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.elementary import MOST_COLUMNS, Enumerator, owner_numbers
from scheduler.engines.columns.master import Column
from scheduler.engines.columns.pricing import Timetable
from scheduler.engines.columns.program import Program, prices
from scheduler.problem import Demand, Fixed, Movable, Option, Problem, Surge, SurgeOption, Target
from tests.scheduler.engines.instances import endless, five_or_six, problem_of


def enumerated(program: Program, least: float = 0.0) -> list[Column]:
    timetable, now = Timetable(program.activities), prices(program, np.zeros(len(program.limit)))
    least_of_each = np.full(timetable.windows, least)
    return Enumerator(program).some_of(now, timetable.best(now), least_of_each, endless()).columns()


def gain_of(program: Program, column: Column) -> float:
    return float(sum(program.gain[activity] for activity, _ in column.steps))


def fits(acts: Activities, column: Column) -> bool:
    """Say whether the steps follow one another, each on a day on which it may start."""
    now = 0
    for activity, day in column.steps:
        if day < now or not acts.first[activity] <= day <= acts.last[activity]:
            return False
        now = day + int(acts.duration[activity])
    return True


def best_of_permutations(acts: Activities, weights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Return the most that a sequence of different owners weighs, each started as soon as it may."""
    best = 0.0
    for size in range(1, len(acts) + 1):
        for order in permutations(range(len(acts)), size):
            if len(set(acts.owner[list(order)].tolist())) < size:
                continue
            now = 0
            for activity in order:
                now = max(now, int(acts.first[activity]))
                if now > acts.last[activity]:
                    break
                now += int(acts.duration[activity])
            else:
                best = max(best, float(weights[list(order)].sum()))
    return best


@st.composite
def crowded(draw: st.DrawFn) -> Problem:
    """Return a window of ten days that more is wanted in than fits, split in two or not."""
    demands = []
    for n in range(draw(st.integers(1, 4))):
        earliest = draw(st.integers(0, 6))
        option = Option("w", draw(st.integers(1, 5)), earliest, earliest + draw(st.integers(0, 6)))
        demands.append(Demand(f"d{n}", "", 1, draw(st.integers(1, 9)), (option,)))
    fixed = (Fixed("f", "w", 4, 5),) if draw(st.booleans()) else ()
    return problem_of("weight", fixed=fixed, demands=tuple(demands))


@settings(max_examples=40, deadline=None)
@given(crowded())
def test_the_best_sequence_is_found_and_none_repeats(problem: Problem) -> None:
    program = program_of(problem, "weight")
    acts = program.activities
    columns = enumerated(program)
    assert len(columns) <= MOST_COLUMNS
    for column in columns:
        owners = acts.owner[[activity for activity, _ in column.steps]].tolist()
        assert len(set(owners)) == len(owners)
        assert fits(acts, column)
    gains = [gain_of(program, column) for column in columns]
    assert gains == sorted(gains, reverse=True)
    assert max(gains, default=0.0) == best_of_permutations(acts, program.gain)


def test_only_what_gains_more_than_the_least_is_returned() -> None:
    # The five twice would gain 6; alone 3, and the six 2.
    program = program_of(five_or_six(), "weight")
    assert enumerated(program, 0) == [Column(0, ((0, 0),)), Column(0, ((1, 0),))]
    assert enumerated(program, 2) == [Column(0, ((0, 0),))]
    assert enumerated(program, 3) == []


def test_what_is_not_allowed_is_in_no_sequence() -> None:
    program = program_of(five_or_six(), "weight")
    timetable, now = Timetable(program.activities), prices(program, np.zeros(2))
    enumerator, allowed = Enumerator(program), np.array([False, True])
    best = timetable.best(now, allowed)
    meter = endless()
    found = enumerator.some_of(now, best, np.zeros(1), meter, allowed=allowed)
    assert found.columns() == [Column(0, ((1, 0),))]
    assert meter.work > 0


def test_keeping_and_moving_exclude_one_another_and_campaigns_nothing() -> None:
    booking = Movable("b", "w", 2, 5, options=(Option("w", 3, 6, 7),))
    demand = Demand("d", options=(Option("w", 1, 0, 0), Option("w", 1, 9, 9)))
    surge = Surge("s", (Target(9, 5),), (SurgeOption("w", 4, 0, 6, output=5), SurgeOption("w", 2, 0, 6, output=1)))
    problem = problem_of("surge_output", "displacement", demands=(demand,), movable=(booking,), surges=(surge,))
    # Each campaign is two activities: for starts that deliver by day 9, and for those that come too late.
    option, other, keep, move, *runs = owner_numbers(program_of(problem, "surge_output")).tolist()
    assert option == other
    assert keep == move
    assert len({option, keep, *runs}) == 2 + len(runs)
