"""From one plan to a better one, a few windows at a time."""

from __future__ import annotations

import numpy as np

from scheduler.engines.columns.exchanging import Exchanger
from scheduler.engines.columns.plans import columns_of_plan, plan_of_columns
from scheduler.engines.course import Course
from scheduler.engines.cpsat.neighbours import Neighbours
from scheduler.engines.meter import Meter

FIRST_WINDOWS = 20
MOST_WINDOWS = 250
EFFORT = 2.0


class Exchanges:
    """Windows that compete for the same demands, planned again and again."""

    def __init__(self, course: Course, exchanger: Exchanger) -> None:
        self.course, self.exchanger = course, exchanger
        task = course.best.task
        self._neighbours = Neighbours(task.problem, task.seed, first=FIRST_WINDOWS)
        self._position = {window.id: at for at, window in enumerate(task.problem.windows)}

    def turn(self, meter: Meter) -> float:
        """Exchange until the effort is over; return what was gained."""
        return self.course.take(self._step, meter)

    def _step(self, meter: Meter) -> float:
        problem, acts = self.course.best.task.problem, self.exchanger.program.activities
        near = self._neighbours.pick(self.course.plan)
        is_open = np.zeros(len(self._position), dtype=np.bool_)
        is_open[[self._position[window] for window in near.windows or ()]] = True
        columns = columns_of_plan(problem, acts, self.course.plan)
        before = meter.left()
        found = self.exchanger.again(columns, is_open, meter.part(1.0, EFFORT), self.course.prices)
        is_quick = before - meter.left() < EFFORT / 2
        # An effort cut short by the end of the turn says nothing.
        if (is_quick and len(near.windows or ()) < MOST_WINDOWS) or (not is_quick and before >= EFFORT):
            self._neighbours.learn(exhausted=is_quick)
        return 0.0 if found is None else self.course.offer(plan_of_columns(problem, acts, found))
