"""From one plan to a better one by a dive that keeps most of its windows as they are."""

from __future__ import annotations

import math

from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.plans import columns_of_plan, plan_of_columns
from scheduler.engines.course import Course
from scheduler.engines.cpsat.neighbours import Neighbours
from scheduler.engines.meter import Meter

FIRST_WINDOWS = 15


class Redives:
    """Windows that compete for the same demands are set free, and dived for again.

    Of plans that are as good, the last one found is gone on from: a better one may be near only that one.
    """

    def __init__(self, course: Course, diver: Diver) -> None:
        self.course, self.diver = course, diver
        self._neighbours = Neighbours(course.best.task.problem, course.best.task.seed, first=FIRST_WINDOWS)

    def turn(self, meter: Meter) -> float:
        """Dive again until the effort is over; return what was gained."""
        return self.course.take(self._step, meter)

    def _step(self, meter: Meter) -> float:
        problem, acts = self.course.best.task.problem, self.diver.relaxation.program.activities
        near = self._neighbours.pick(self.course.plan)
        kept = columns_of_plan(problem, acts, self.course.plan)
        fixed = [column for column in kept if not near.is_open(problem.windows[column.window].id)]
        least = -math.inf if self.course.owed else self.course.worth - 1
        columns = self.diver.dive(meter, reached=least, fixed=fixed)
        gained = 0.0 if columns is None else self.course.offer(plan_of_columns(problem, acts, columns))
        self._neighbours.learn(exhausted=not gained)
        return gained
