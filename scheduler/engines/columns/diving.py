"""A plan out of the relaxation: columns are fixed one after the other, and the rest priced again in between.

Source: Sadykov, Vanderbeck, Pessoa, Tahiri, Uchoa, Primal Heuristics for Branch and Price: The Assets of Diving
Methods (2019).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from scheduler.engines.columns.elementary import Enumerator
from scheduler.engines.columns.generation import Relaxation
from scheduler.engines.columns.master import Column, Unsolved
from scheduler.engines.columns.program import prices
from scheduler.engines.meter import Meter
from scheduler.engines.starts import Kind

LEAST_GAIN = 1e-7
WHOLE = 0.999
SOME = 1e-6
ROUNDS = 2
RESCUE_ROUNDS = 6
STEP_SHARE = 0.02


class Diver:
    """Dives from the root of one relaxation, as often as asked."""

    def __init__(self, relaxation: Relaxation) -> None:
        self.relaxation = relaxation
        self.enumerator = Enumerator(relaxation.program)
        self.owner = self.enumerator.owner
        self._repeatable = relaxation.program.activities.kind == Kind.RUN
        self._seen, self._renewals = 0, relaxation.master.renewals
        self._repeating: list[int] = []

    def dive(self, meter: Meter, *, reached: float, fixed: Sequence[Column] = ()) -> list[Column] | None:
        """Return the columns of a plan that gains more than `reached`, None if the dive does not get there.

        Parameters
        ----------
        fixed : sequence of Column
            Columns that the plan must have.
        """
        master = self.relaxation.master
        master.add(fixed)
        dive = _Dive(self, meter)
        with self.without_repeats():
            try:
                master.allow_debts(math.inf)
                for column in fixed:
                    dive.fix(master.position(column))
                return dive.descend(reached)
            except Unsolved:
                return dive.finish()
            finally:
                master.allow_debts(0.0)
                master.free(dive.held)

    @contextmanager
    def without_repeats(self) -> Iterator[None]:
        """Hold every column at 0 that names somebody twice."""
        self.sort_out()
        self.relaxation.master.fix(self._repeating, 0)
        try:
            yield
        finally:
            self.relaxation.master.free(self._repeating)

    def sort_out(self) -> None:
        """Hold at 0 every new column that names somebody twice, and offer it without the repetition."""
        master = self.relaxation.master
        if master.renewals != self._renewals:
            self._renewals, self._seen, self._repeating = master.renewals, 0, []
        while self._seen < len(master.columns):
            column = master.columns[self._seen]
            lean = self._without_repeats(column)
            if len(lean.steps) < len(column.steps):
                master.fix([self._seen], 0)
                self._repeating.append(self._seen)
                master.add([lean])
            self._seen += 1

    def _without_repeats(self, column: Column) -> Column:
        seen: set[int] = set()
        steps = []
        for activity, start in column.steps:
            owner = int(self.owner[activity])
            if owner not in seen:
                if not self._repeatable[activity]:
                    seen.add(owner)
                steps.append((activity, start))
        return Column(column.window, tuple(steps))


class _Dive:
    """One dive on its way down."""

    def __init__(self, diver: Diver, meter: Meter) -> None:
        self.diver, self.meter = diver, meter
        self.relaxation, self.owner = diver.relaxation, diver.owner
        self.master = self.relaxation.master
        self.acts = self.relaxation.program.activities
        self.taken = np.zeros(int(self.owner.max(initial=-1)) + 1, dtype=np.bool_)
        self.closed = np.zeros(self.relaxation.timetable.windows, dtype=np.bool_)
        self.room = self.relaxation.program.limit.copy()
        self.soft = self.relaxation.program.soft_rows()
        self.chosen: list[Column] = []
        self.held: list[int] = []
        self._steps, self._effort = 0, meter.left()

    def descend(self, reached: float) -> list[Column] | None:
        """Fix columns until nothing is open; None when the relaxation falls to what is reached already."""
        while True:
            self.diver.sort_out()
            if not self._priced(reached):
                return None
            if self.meter.is_over():
                return self.finish()
            self.diver.sort_out()
            self.master.solve(self.meter)
            shares = self.master.shares()
            taken = np.flatnonzero(shares > SOME).tolist()
            wanted = [at for at in taken if not self.closed[self.master.columns[at].window]]
            if not wanted:
                return list(self.chosen)
            wanted.sort(key=lambda at: (-shares[at], at))
            least = self._pace()
            for rank, at in enumerate(wanted):
                if shares[at] < WHOLE and rank >= least:
                    break
                if self._fits(at):
                    self.fix(at)
                else:
                    self.drop(at)

    def _priced(self, reached: float) -> bool:
        """Price a few rounds, more of them while too little is gained, and say whether enough is."""
        rounds = 0
        while True:
            is_enough = self.master.solve(self.meter) > reached + 1 - 1e-6
            rounds += 1
            if self.meter.is_over() or rounds > (ROUNDS if is_enough else RESCUE_ROUNDS) or not self._price():
                return is_enough

    def _pace(self) -> int:
        """Return how many columns to fix at least, so that the dive comes to its end in time."""
        self._steps += 1
        least = max(1, round(STEP_SHARE * len(self.closed)))
        if math.isinf(self._effort):
            return least
        a_step = (self._effort - self.meter.left()) / self._steps
        steps_left = self.meter.left() / max(a_step, 1e-9)
        open_windows = int((~self.closed).sum())
        return max(least, math.ceil(open_windows / max(steps_left, 1.0)))

    def finish(self) -> list[Column]:
        """Take what fits of the last solution, the greatest shares first, without looking again."""
        shares = self.master.shares()
        for at in np.argsort(-shares, kind="stable").tolist():
            if shares[at] <= SOME:
                break
            if self._fits(at):
                self.fix(at)
        return list(self.chosen)

    def _price(self) -> int:
        allowed = ~self.closed[self.acts.window] & ~self.taken[self.owner]
        now = prices(self.relaxation.program, self.master.duals())
        best = self.relaxation.timetable.best(now, allowed)
        self.meter.spend(self.relaxation.timetable.pass_work)
        least = self.master.window_duals() + LEAST_GAIN
        found = self.diver.enumerator.some_of(now, best, least, self.meter, allowed=allowed)
        fresh = self.master.add(found.columns())
        self.diver.sort_out()
        return fresh

    def _fits(self, at: int) -> bool:
        column = self.master.columns[at]
        owners = self.owner[[activity for activity, _ in column.steps]]
        if self.closed[column.window] or self.taken[owners].any():
            return False
        return all(
            self.soft[row] or adds <= max(0.0, self.room[row]) + SOME for row, adds in self.master.adds(column).items()
        )

    def drop(self, at: int) -> None:
        """Hold a column at 0: with those chosen it does not fit."""
        self.master.fix([at], 0)
        self.held.append(at)

    def fix(self, at: int) -> None:
        """Hold a column at 1: its window is closed, and whoever it serves is taken."""
        column = self.master.columns[at]
        self.master.fix([at], 1)
        self.held.append(at)
        self.chosen.append(column)
        for row, adds in self.master.adds(column).items():
            self.room[row] -= adds
        self.closed[column.window] = True
        self.taken[self.owner[[activity for activity, _ in column.steps]]] = True
