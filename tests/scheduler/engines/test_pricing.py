"""The best sequences of a window by hand, and the starts they leave useful.

Five days weigh 3 and six weigh 2, in ten days. At duals of 2 and 0 the five are worth 1 and the six 2: the best of
the window is 2, by two times five or by the six, and the bound is 2 + 2 = 4, where the optimum is 3.
"""

from __future__ import annotations

import numpy as np
import pytest

from scheduler.engines.columns.activities import activities_of
from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.generation import generate, price, relax
from scheduler.engines.columns.master import Column, columns_of
from scheduler.engines.columns.narrowing import useful_starts
from scheduler.engines.columns.pricing import Timetable
from scheduler.engines.columns.program import prices
from scheduler.engines.starts import Kind
from scheduler.problem import Demand, Option, Surge, SurgeOption, Target
from tests.scheduler.engines.instances import FAR_BELOW, endless, five_or_six, problem_of

DUALS = np.array([2.0, 0.0])


def test_the_best_of_each_day_on_and_before() -> None:
    program = program_of(five_or_six(), "weight")
    timetable, now = Timetable(program.activities), prices(program, DUALS)
    assert now.worth.tolist() == [1, 2]
    # The six start on day 4 at the latest, the five on day 5; the five end on day 5 at the earliest, the six on 6.
    assert timetable.best(now)[:, 0].tolist() == [2, 2, 2, 2, 2, 1, 0, 0, 0, 0, 0]
    assert timetable.reached(now)[:, 0].tolist() == [0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2]


def test_a_route_may_name_a_demand_twice_and_starts_at_once() -> None:
    program = program_of(five_or_six(), "weight")
    timetable, now = Timetable(program.activities), prices(program, np.zeros(2))
    best = timetable.best(now)
    assert best[0].tolist() == [6]
    assert columns_of(timetable.routes(now, best)) == [Column(0, ((0, 0), (0, 5)))]


def test_activities_that_are_not_allowed_take_no_part() -> None:
    program = program_of(five_or_six(), "weight")
    timetable, now = Timetable(program.activities), prices(program, np.zeros(2))
    allowed = np.array([False, True])
    best = timetable.best(now, allowed)
    assert best[0].tolist() == [2]
    assert columns_of(timetable.routes(now, best, allowed)) == [Column(0, ((1, 0),))]


@pytest.mark.parametrize(("duals", "bound"), [((0, 0), 6), ((1, 0), 5), ((2, 0), 4), ((3, 0), 5), ((3, 2), 5)])
def test_every_duals_bound(duals: tuple[float, float], bound: float) -> None:
    # The duals themselves, each limit being 1, and the better of twice the five, 2 * (3 - a), and the six, 2 - b.
    program = program_of(five_or_six(), "weight")
    relaxation = relax(program, [])
    price(relaxation, np.array(duals, dtype=np.float64), endless())
    assert relaxation.bound == pytest.approx(bound)


def test_generation_ends_at_the_best_duals() -> None:
    # Half of twice the five, 3, and half of the six, 1.
    relaxation = relax(program_of(five_or_six(), "weight"), [])
    meter = endless()
    generate(relaxation, meter, reached=FAR_BELOW)
    assert relaxation.optimum == pytest.approx(4)
    assert relaxation.bound == pytest.approx(4)
    assert relaxation.whole_bound == 4
    assert relaxation.is_closed
    assert meter.work > 0


def test_generation_ends_when_a_plan_reaches_the_bound() -> None:
    # At first each demand is charged all that it gains: a bound of 3 and 2, which is reached already.
    relaxation = relax(program_of(five_or_six(), "weight"), [])
    generate(relaxation, endless(), reached=5)
    assert relaxation.bound == pytest.approx(5)
    assert not relaxation.master.columns


def test_the_starts_left_for_a_gain() -> None:
    relaxation = relax(program_of(five_or_six(), "weight"), [])
    price(relaxation, DUALS, endless())
    # A gain of 4 leaves nothing to spare: the five are as good as 2 only twice, on days 0 and 5.
    best = {(Kind.PLACE, 0, 0): [[0, 0], [5, 5]], (Kind.PLACE, 1, 0): [[0, 4]]}
    assert useful_starts(relaxation, least=4) == best
    # A gain of 3 leaves 1 to spare: the five alone, worth 1, may start whenever they fit.
    assert useful_starts(relaxation, least=3) == {**best, (Kind.PLACE, 0, 0): [[0, 5]]}
    assert useful_starts(relaxation, least=5) == {}


def test_a_price_that_falls_day_by_day_and_one_that_ends() -> None:
    # 3 days that deliver by day 6 start by day 2: only one campaign of 2 counts, and the bound says so.
    surge = Surge("s", (Target(6, 4),), (SurgeOption("w", 3, 0, 9, output=2, lag=1),))
    program = program_of(problem_of("surge_output", surges=(surge,)), "surge_output")
    relaxation = relax(program, [])
    price(relaxation, np.array([2.0]), endless())
    assert relaxation.bound == pytest.approx(2)
    best = relaxation.timetable.best(prices(program, np.array([2.0])))
    assert best[:4, 0].tolist() == [2, 2, 2, 0]


def test_each_day_lists_what_may_start_on_it() -> None:
    demands = (Demand("d", options=(Option("w", 3, 1, 2),)), Demand("e", options=(Option("w", 8, 0, 9),)))
    timetable = Timetable(activities_of(problem_of("weight", demands=demands)))
    assert [day.tolist() for day in timetable.starting] == [[1], [0, 1], [0, 1], [], [], [], [], [], [], []]
