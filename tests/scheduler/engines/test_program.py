"""The linear program of a task, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.program import Program, extras_worth, prices
from scheduler.problem import Caps, Demand, Movable, Option, Problem, Surge, SurgeOption, Target, Window
from scheduler.tasks import Hold
from tests.scheduler.engines.instances import five_or_six, problem_of


def row_of(program: Program, row: int) -> dict[int, float]:
    """Return what activities add to a row on day 0 of their windows."""
    mine = program.entries.row == row
    return dict(zip(program.entries.activity[mine].tolist(), program.entries.adds[mine].tolist(), strict=True))


def capped(**rest: Any) -> Problem:
    demands = (
        Demand("one", "o", 1, 3, (Option("w", 5, 0, 9, cost=30),)),
        Demand("two", "o", 1, 2, (Option("w", 6, 0, 9, cost=20),)),
    )
    return problem_of("weight", demands=demands, **rest)


def test_each_demand_has_a_row_and_the_program_of_weights_knows_no_time() -> None:
    program = program_of(five_or_six(), "weight")
    assert program.gain.tolist() == [3, 2]
    assert program.limit.tolist() == [1, 1]
    assert [row_of(program, row) for row in range(2)] == [{0: 1}, {1: 1}]
    assert program.is_timeless


def test_caps_count_the_demands_and_the_days_of_a_party() -> None:
    program = program_of(capped(caps=Caps(1, 8)), "weight")
    assert program.limit[:4].tolist() == [1, 1, 1, 8]
    assert row_of(program, 2) == {0: 1, 1: 1}
    assert row_of(program, 3) == {0: 5, 1: 6}


def test_the_demands_of_a_party_are_a_mix_of_sets_within_its_days() -> None:
    # Five days and six do not fit into eight: the sets are each alone, and at most one of them in all.
    program = program_of(capped(caps=Caps(None, 8)), "weight")
    assert program.limit[-3:].tolist() == [1, 0, 0]
    first, second = len(program.limit) - 2, len(program.limit) - 1
    assert (row_of(program, first), row_of(program, second)) == ({0: 1}, {1: 1})
    of_row = {row: set(program.extras.extra[program.extras.row == row].tolist()) for row in (first - 1, first, second)}
    assert of_row[first] | of_row[second] == of_row[first - 1] == {0, 1}
    assert len(of_row[first]) == len(of_row[second]) == 1
    assert program.soft_rows().tolist() == [False, False, False, False, True, True]


def test_a_limit_is_scaled_by_its_largest_entry() -> None:
    # 30 x + 20 y <= 40 over 30 is x + 2/3 y <= 4/3.
    program = program_of(capped(limits={"cost": 40}), "weight")
    assert row_of(program, 2) == pytest.approx({0: 1, 1: 2 / 3})
    assert program.limit[2] == pytest.approx(4 / 3)


def test_what_is_held_is_not_worse_than_its_value_whichever_way_it_is_better() -> None:
    # 3 x + 2 y >= 3 over -3 is -x - 2/3 y <= -1; 30 x + 20 y <= 30 over 30 is x + 2/3 y <= 1.
    program = program_of(capped(), "parties", (Hold("weight", 3), Hold("cost", 30)))
    weight, cost = len(program.limit) - 2, len(program.limit) - 1
    assert row_of(program, weight) == pytest.approx({0: -1, 1: -2 / 3})
    assert row_of(program, cost) == pytest.approx({0: 1, 1: 2 / 3})
    assert program.limit[-2:].tolist() == pytest.approx([-1, 1])


def test_a_party_that_must_be_served_has_one_of_its_demands_placed() -> None:
    program = program_of(capped(), "weight", served=frozenset({"o"}))
    assert row_of(program, 2) == {0: -1, 1: -1}
    assert program.limit[2] == -1


def test_delay_falls_by_its_weight_for_each_day_earlier() -> None:
    # The window opens on day 8. First delivery: 9 + 3 + 1 = 13. A start on day 11 delivers on 15, 2 days late,
    # for a weight of 2: 4. That is day 3 of the window: -(2 * 3 - 2) = -4.
    windows = (Window("v", "l", 8, 18),)
    demand = Demand("d", weight=2, options=(Option("v", 3, 9, 15, lag=1),))
    program = program_of(problem_of("delay", windows=windows, demands=(demand,)), "delay")
    assert program.gain.tolist() == [2]
    assert program.gain_per_day.tolist() == [-2]
    assert not program.is_timeless
    at_zero = prices(program, np.zeros(1))
    assert at_zero.at(np.array([0, 0]), np.array([1, 3])).tolist() == [0, -4]


def test_a_booking_stays_moves_or_is_displaced() -> None:
    # Recallable, of weight 3: moved 3 * 1, displaced 3 * 4.
    booking = Movable("b", "w", 2, 5, weight=3, recallable=True, options=(Option("w", 3, 6, 7),))
    program = program_of(problem_of("displacement", movable=(booking,)), "displacement")
    assert program.gain.tolist() == [0, -3]
    assert program.extras.gain.tolist() == [-12]
    assert program.limit.tolist() == [1]
    assert program.equal.tolist() == [True]
    assert row_of(program, 0) == {0: 1, 1: 1}
    # At a dual of -5 keeping is worth 5, moving 5 - 3, displacing 5 - 12.
    duals = np.array([-5.0])
    assert prices(program, duals).worth.tolist() == [5, 2]
    assert extras_worth(program, duals).tolist() == [-7]


def test_an_output_counts_from_starts_that_deliver_by_the_day_of_the_target() -> None:
    # 3 days and a lag of 1: a start on day 2 delivers on day 6, the last that counts. Outputs count in units of 2.
    surge = Surge("s", (Target(6, 4),), (SurgeOption("w", 3, 0, 9, output=2, lag=1),))
    program = program_of(problem_of("surge_output", surges=(surge,)), "surge_output")
    acts = program.activities
    assert (acts.first.tolist(), acts.last.tolist()) == ([0, 3], [2, 7])
    assert row_of(program, 0) == {0: -1}
    assert program.extras.most.tolist() == [2]
    assert program.extras.gain.tolist() == [2]
    # At a dual of 5 a start by day 2 is worth 5, a later one nothing, and the output itself 2 - 5.
    duals = np.array([5.0])
    assert prices(program, duals).worth.tolist() == [5, 0]
    assert extras_worth(program, duals).tolist() == [-3]
