"""Closing the gap: every sequence that a plan close to the bound may hold, for the best choice among them.

The linear program over all sequences that name nobody twice lies above every plan by at least what each of the plan's
sequences falls short of its window's dual. The sequences within a distance of its optimum therefore hold every plan
within that distance.

Source: Baldacci, Christofides, Mingozzi, An Exact Algorithm for the Vehicle Routing Problem Based on the Set
Partitioning Formulation (2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scheduler.engines.columns.activities import Floats
from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.elementary import lowered
from scheduler.engines.columns.master import Unsolved
from scheduler.engines.columns.program import Prices, extras_worth, prices
from scheduler.engines.columns.sequences import Sequences
from scheduler.engines.meter import Meter

MOST_FRESH = 3
WORK_A_SEQUENCE = 1e-7
TINY = 1e-9
ROUNDING = 1e-6
CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Root:
    """A bound over all sequences without repetition, the prices it was found at, and what it allows every window.

    Attributes
    ----------
    window_duals : ndarray
        The most that a sequence of each window gains at these prices, or more.
    """

    optimum: float
    unit: int
    now: Prices
    window_duals: Floats

    @property
    def bound(self) -> int:
        """The greatest amount that a plan can gain."""
        return math.floor((self.optimum + ROUNDING) / self.unit + CLOSE) * self.unit


class Closer:
    """What one relaxation leaves to plans close to its bound.

    Parameters
    ----------
    pool : Sequences, optional
        Sequences that are known to hold every plan that counts, to choose from instead of enumerating.
    """

    def __init__(self, diver: Diver, pool: Sequences | None = None) -> None:
        self.diver, self.pool = diver, pool
        self.relaxation = diver.relaxation
        self.unit = diver.relaxation.program.unit

    def root(self, meter: Meter) -> Root | None:
        """Return the linear program's optimum, None where the effort does not get there."""
        master = self.relaxation.master
        with self.diver.without_repeats():
            while not meter.is_over():
                try:
                    optimum = master.solve(meter)
                except Unsolved:
                    return None
                duals = master.duals()
                now = prices(self.relaxation.program, duals)
                root = Root(optimum, self.unit, now, master.window_duals())
                fresh, is_whole = self._dearer(root, meter)
                if fresh is None:
                    return None
                if not master.add(fresh.columns()) and is_whole:
                    return self._settled(root, duals, fresh)
        return None

    def _settled(self, root: Root, duals: Floats, dearer: Sequences) -> Root:
        """Return the root with the bound of Lagrange at its duals, which allows for the solver's tolerance."""
        program = self.relaxation.program
        most = root.window_duals + _tolerance(root.window_duals)
        np.maximum.at(most, dearer.window, dearer.gain)
        extras = (np.maximum(extras_worth(program, duals), 0) * program.extras.most).sum()
        return Root(float(duals @ program.limit + most.sum() + extras), root.unit, root.now, most)

    def _dearer(self, root: Root, meter: Meter) -> tuple[Sequences | None, bool]:
        """Return sequences that gain more than their window's dual, and whether the best of each window is among them.

        None where that is too much to find out.
        """
        least = root.window_duals + _tolerance(root.window_duals)
        if self.pool is None:
            best = self.relaxation.timetable.best(root.now)
            found = self.diver.enumerator.some_of(root.now, best, least, meter)
            meter.spend(self.relaxation.timetable.pass_work)
            if self.relaxation.master.has_new(found.columns()):
                return found, False
        found_all = self._all_of(root, least, meter)
        if found_all is None:
            return None, True
        over = found_all.gain - root.window_duals[found_all.window]
        return found_all.best_of_each(over, MOST_FRESH), True

    def near(self, root: Root, meter: Meter, *, least: int) -> Sequences | None:
        """Return every sequence that a plan gaining `least` may hold, None where they are too many."""
        short = max(0.0, root.optimum - least) + ROUNDING + CLOSE * abs(root.optimum)
        return self._all_of(root, root.window_duals - short, meter)

    def _all_of(self, root: Root, least: Floats, meter: Meter) -> Sequences | None:
        if self.pool is not None:
            meter.spend(WORK_A_SEQUENCE * len(self.pool))
            priced = self.pool.priced(root.now)
            return priced.take(priced.gain >= lowered(least)[priced.window])
        timetable = self.relaxation.timetable
        best, reached = timetable.best(root.now), timetable.reached(root.now)
        meter.spend(2 * timetable.pass_work)
        useful = timetable.best_through(root.now, best, reached) >= least[timetable.activities.window]
        return self.diver.enumerator.all_of(root.now, best, least, meter, useful)


def _tolerance(window_duals: Floats) -> Floats:
    return TINY * (1 + np.abs(window_duals))
