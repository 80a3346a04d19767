"""Windows of a plan planned again, by hand and against all plans.

The long demand weighs 5 and fills either window; the two short ones weigh 3 each and fit into one together.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.exchanging import Exchanger
from scheduler.engines.columns.plans import columns_of_plan, plan_of_columns
from scheduler.engines.columns.program import Prices
from scheduler.engines.course import Course
from scheduler.engines.cpsat.engine import NeighbourSearch
from scheduler.engines.exchanges import Exchanges
from scheduler.engines.incumbent import Incumbent
from scheduler.engines.meter import Meter
from scheduler.engines.redives import Redives
from scheduler.engines.turns import Improver
from scheduler.plan import Choice, Plan
from scheduler.problem import Demand, Option, Problem, Window
from scheduler.tasks import Effort, Hold, Task
from tests.scheduler.engines.instances import endless, relaxed
from tests.scheduler.engines.test_relaxation_against_exhaustive import FEW, all_plans, good
from tests.scheduler.problems import ORIGIN, problems

FIRST, BOTH = np.array([True, False]), np.array([True, True])


def long_or_short() -> Problem:
    """Return a problem whose best plan gives one window to the long demand and the other to the short ones."""
    windows = tuple(Window(name, name, 0, 10) for name in ("w1", "w2"))
    long = tuple(Option(window.id, 10, 0, 0) for window in windows)
    short = tuple(Option(window.id, 5, 0, 5) for window in windows)
    demands = (Demand("long", "o1", 1, 5, long), Demand("a", "o1", 1, 3, short), Demand("b", "o1", 1, 3, short))
    return Problem(ORIGIN, windows, ("weight", "delay"), demands=demands)


def exchanger_of(problem: Problem, objective: str, holds: tuple[Hold, ...] = ()) -> Exchanger:
    program = program_of(problem, objective, holds)
    task = Task(problem, objective, holds, Plan(), Effort(work=1.0), 1)
    return Exchanger(task, program, Prices(program.gain, program.gain_per_day))


def exchanged(problem: Problem, exchanger: Exchanger, plan: Plan, is_open: np.ndarray, price: float = 3.0) -> Plan:
    acts = exchanger.program.activities
    columns = exchanger.again(columns_of_plan(problem, acts, plan), is_open, endless(), {"weight": price})
    assert columns is not None
    return plan_of_columns(problem, acts, columns)


def test_an_open_window_is_planned_as_well_as_can_be() -> None:
    problem = long_or_short()
    # The second window keeps the first short one, and nobody else fits but the long one.
    plan = Plan({"a": Choice(1, 0), "b": Choice(0, 0)})
    after = exchanged(problem, exchanger_of(problem, "weight"), plan, FIRST)
    assert after == Plan({"a": Choice(1, 0), "long": Choice(0, 0)})


def test_what_a_closed_window_holds_is_not_placed_twice() -> None:
    problem = long_or_short()
    after = exchanged(problem, exchanger_of(problem, "weight"), Plan({"long": Choice(1, 0)}), FIRST)
    assert after.placed.keys() == {"long", "a", "b"}
    assert after.placed["long"] == Choice(1, 0)


def test_what_is_owed_is_charged_and_paid_off() -> None:
    problem = long_or_short()
    exchanger = exchanger_of(problem, "delay", (Hold("weight", 11),))
    # Nothing is known of the row, in which a weight of 5 counts as 1: that costs three times 1 at least.
    assert exchanger.debt_prices(np.zeros(0)) == {"weight": pytest.approx(0.6)}
    # The last five days late, at a weight of 3, cost more than what is then owed.
    assert exchanged(problem, exchanger, Plan(), BOTH).placed.keys() < {"long", "a", "b"}
    assert exchanged(problem, exchanger, Plan(), BOTH, 48.0).placed.keys() == {"long", "a", "b"}


def test_what_is_owed_gets_dearer_while_nothing_is_gained() -> None:
    problem = long_or_short()
    start = Plan({"long": Choice(0, 0), "a": Choice(1, 0), "b": Choice(1, 5)})
    task = Task(problem, "delay", (Hold("weight", 11),), start, Effort(work=1.0), 1, served=frozenset({"o1"}))
    best = Incumbent(task, start)
    course = Course(best, {"weight": 1.0, "served": 1.0})
    assert course.worth == -15
    # Owes 3, and is not late at all.
    assert course.offer(Plan({"long": Choice(0, 0), "a": Choice(1, 0)})) == 12
    assert course.owed == {"weight": 3}
    assert best.plan == start
    for gained in (0, 0, 1, 0, 0, 0):
        _turn(course, gained)
    assert course.worth == -6
    # Once what is owed costs more than it gains, the best plan is gone on from.
    for _ in range(6):
        _turn(course, 0)
    assert course.plan == start
    assert course.prices == {"weight": 8.0, "served": 8.0}


def _turn(course: Course, gained: float) -> None:
    meter = Meter(Effort(work=1.0))

    def step(within: Meter) -> float:
        within.spend(within.left())
        return gained

    course.take(step, meter)


def test_what_breaks_a_hold_that_cannot_be_owed_is_not_gone_on_from() -> None:
    problem = long_or_short()
    start = Plan({"long": Choice(0, 0), "a": Choice(1, 0)})
    holds = (Hold("weight", 8), Hold("delay", 0))
    task = Task(problem, "rank", holds, start, Effort(work=1.0), 1, relaxed=(Hold("weight", 8), Hold("delay", 15)))
    best = Incumbent(task, start)
    course = Course(best, {"weight": 1.0})
    late = Plan({"long": Choice(0, 0), "a": Choice(1, 5)})
    assert course.offer(late) == 0
    assert course.plan == start
    assert best.plan == start


def ways(problem: Problem, course: Course) -> dict[str, Improver]:
    task = course.best.task
    relaxation = relaxed(problem, task.objective, course.best.plan, task.holds)
    return {
        "exchanges": Exchanges(course, exchanger_of(problem, task.objective, task.holds)),
        "redives": Redives(course, Diver(relaxation)),
        "neighbours": NeighbourSearch(course),
    }


@pytest.mark.parametrize("way", ["exchanges", "redives", "neighbours"])
def test_ways_lead_from_a_plan_that_owes_to_one_that_does_not(way: str) -> None:
    problem = long_or_short()
    hold = (Hold("weight", 6),)
    # Both short ones start five days late, at a weight of 3. Nobody placed owes 6 at a price of 3, which is less.
    start = Plan({"a": Choice(0, 5), "b": Choice(1, 5)})
    best = Incumbent(Task(problem, "delay", hold, start, Effort(work=1.0), 1), start)
    assert best.reached == -30
    course = Course(best, {"weight": 3.0, "served": 3.0})
    assert course.offer(Plan()) == 12
    assert ways(problem, course)[way].turn(Meter(Effort(work=1.0))) >= 18
    assert best.reached == 0
    assert not course.owed
    assert sum(demand.weight for demand in problem.demands if demand.id in best.plan.placed) >= 6


@FEW
@given(problems())
def test_with_all_windows_open_the_best_plan_is_found(problem: Problem) -> None:
    plans = all_plans(problem)
    for objective in ("weight", "delay", "displacement"):
        start = max(plans, key=lambda plan: good(problem, plan, "weight"))
        holds = (Hold("weight", good(problem, start, "weight")),)
        exchanger = exchanger_of(problem, objective, holds)
        after = exchanged(problem, exchanger, start, np.ones(len(problem.windows), dtype=np.bool_), price=1e6)
        kept = [plan for plan in plans if good(problem, plan, "weight") >= holds[0].value]
        assert after in kept
        assert good(problem, after, objective) == max(good(problem, plan, objective) for plan in kept)
