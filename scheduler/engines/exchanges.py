"""From one plan to a better one, a few windows at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scheduler.engines.columns.exchanging import Exchanger
from scheduler.engines.columns.master import Column
from scheduler.engines.columns.plans import plan_of_columns
from scheduler.engines.cpsat.neighbours import Neighbours
from scheduler.engines.incumbent import Incumbent
from scheduler.engines.meter import LEAST_WORK, Meter

FIRST_WINDOWS = 20
MOST_WINDOWS = 250
EFFORT = 2.0
PATIENCE = 4


class Exchanges:
    """Windows that compete for the same demands, planned again and again.

    Parameters
    ----------
    best : Incumbent
        Is offered every plan on the way.
    starts : list of list of Column
        Plans to begin with, the best of them; they may owe what a level before has reached.
    """

    def __init__(self, best: Incumbent, exchanger: Exchanger, starts: list[list[Column]]) -> None:
        self.best, self.exchanger = best, exchanger
        problem = best.task.problem
        self._activities = exchanger.program.activities
        self._neighbours = Neighbours(problem, best.task.seed, first=FIRST_WINDOWS)
        self._position = {window.id: at for at, window in enumerate(problem.windows)}
        self.current = max(starts, key=self._worth)

    def _worth(self, columns: list[Column]) -> float:
        """Return what a plan gains less the price of what it owes."""
        plan = plan_of_columns(self.best.task.problem, self._activities, columns)
        return self.best.gain(plan) - self.exchanger.charge(columns)

    def run(self, meter: Meter, is_over: Callable[[], bool]) -> None:
        """Exchange until the effort is over; what is owed gets dearer while nothing gets better."""
        worth, idle = self._worth(self.current), 0
        while not meter.is_over() and not is_over():
            columns = self._step(meter.part(1.0, EFFORT))
            meter.spend(LEAST_WORK)
            idle += 1
            if columns is not None and (after := self._worth(columns)) >= worth:
                idle = idle if after == worth else 0
                self.current, worth = columns, after
            if idle >= PATIENCE and self.exchanger.charge(self.current):
                self.exchanger.charge_more()
                worth, idle = self._worth(self.current), 0

    def _step(self, meter: Meter) -> list[Column] | None:
        problem = self.best.task.problem
        near = self._neighbours.pick(plan_of_columns(problem, self._activities, self.current))
        is_open = np.zeros(len(self._position), dtype=np.bool_)
        is_open[[self._position[window] for window in near.windows or ()]] = True
        before = meter.left()
        columns = self.exchanger.again(self.current, is_open, meter)
        is_quick = meter.left() > before / 2
        if not is_quick or len(near.windows or ()) < MOST_WINDOWS:
            self._neighbours.learn(exhausted=is_quick)
        if columns is not None:
            self.best.offer(plan_of_columns(problem, self._activities, columns))
        return columns
