"""Pricing by ranges of days finds what pricing day by day finds."""

from __future__ import annotations

import numpy as np
import pytest

from scheduler.engines.columns.activities import activities_of
from scheduler.engines.columns.pricing import Timetable
from scheduler.engines.columns.program import Prices
from scheduler.engines.columns.ranges import Ranges
from scheduler.problem import Demand, Option, Problem
from tests.scheduler.engines.instances import problem_of
from tests.scheduler.scenarios import balanced, national


@pytest.mark.parametrize("problem", [balanced(16, 120), national(24, 200, seed=2)])
def test_both_ways_give_the_same_amounts_and_sequences_worth_them(problem: Problem) -> None:
    acts = activities_of(problem)
    chance = np.random.default_rng(3)
    by_ranges, by_days = Timetable(acts), Timetable(acts)
    by_ranges.ranges, by_days.ranges = Ranges(acts), None
    for allowed in (None, chance.random(len(acts)) < 0.3):
        now = Prices(chance.normal(size=len(acts)), np.zeros(len(acts)))
        best = by_ranges.best(now, allowed)
        np.testing.assert_array_equal(best, by_days.best(now, allowed))
        routes = by_ranges.routes(now, best, allowed)
        gained = np.bincount(routes.window, now.worth[routes.activity], len(acts.length))
        np.testing.assert_allclose(gained, best[0])
        assert allowed is None or allowed[routes.activity].all()
        starts, ends = routes.start, routes.start + acts.duration[routes.activity]
        assert ((acts.first[routes.activity] <= starts) & (starts <= acts.last[routes.activity])).all()
        follows = routes.window[1:] == routes.window[:-1]
        assert (starts[1:] >= ends[:-1])[follows].all()


def test_the_best_of_one_duration_on_each_day_by_hand() -> None:
    # Two of 3 days: one worth 5 may start on 1 to 3, one worth 2 on 0 to 6.
    demands = tuple(Demand(name, options=(Option("w", 3, *days),)) for name, days in (("d", (1, 3)), ("e", (0, 6))))
    timetable = Timetable(activities_of(problem_of("weight", demands=demands)))
    assert timetable.ranges is not None
    top = timetable.ranges.top(np.array([5.0, 2.0]), np.array([True, True]))
    assert top[:, 0].tolist() == [2, 5, 5, 5, 2, 2, 2, -np.inf, -np.inf, -np.inf]


def test_a_price_of_days_is_seen() -> None:
    # Started on 0 it is worth 5 and again on 3 it is worth 2; on 1 and 4 worth 4 and 1.
    acts = activities_of(problem_of("weight", demands=(Demand("d", options=(Option("w", 3, 0, 7),)),)))
    best = Timetable(acts).best(Prices(np.array([5.0]), np.array([-1.0])))
    assert best[:4, 0].tolist() == [7, 5, 3, 2]
