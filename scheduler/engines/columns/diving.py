"""A plan out of the relaxation: columns are fixed one after the other, and the rest priced again in between.

Source: Sadykov, Vanderbeck, Pessoa, Tahiri, Uchoa, Primal Heuristics for Branch and Price: The Assets of Diving
Methods (2019).
"""

from __future__ import annotations

import math

import numpy as np

from scheduler.engines.columns.activities import Ints
from scheduler.engines.columns.elementary import Enumerator
from scheduler.engines.columns.generation import Relaxation, price
from scheduler.engines.columns.master import Column, Unsolved
from scheduler.engines.columns.program import Program, prices
from scheduler.engines.meter import Meter
from scheduler.engines.starts import Kind

LEAST_GAIN = 1e-7
WHOLE = 0.999
SOME = 1e-6
ROUNDS = 2
STEP_SHARE = 0.02


class Dive:
    """One dive from the root of a relaxation, some windows fixed from the start."""

    def __init__(self, relaxation: Relaxation, meter: Meter) -> None:
        self.relaxation, self.meter = relaxation, meter
        self.master = relaxation.master
        self.acts = relaxation.program.activities
        self.owner = owner_numbers(relaxation.program)
        self.taken = np.zeros(int(self.owner.max(initial=-1)) + 1, dtype=np.bool_)
        self.closed = np.zeros(relaxation.timetable.windows, dtype=np.bool_)
        self.chosen: list[Column] = []
        self._held: list[int] = []
        self._seen = 0
        self._steps, self._effort = 0, meter.left()
        self.enumerator = Enumerator(self.acts, self.owner)

    def run(self, *, reached: float, fixed: list[Column] | None = None) -> list[Column] | None:
        """Return the columns of a plan that gains more than `reached`, None if the dive does not get there."""
        try:
            self._hold_fixed(fixed or [])
            return self._descend(reached)
        except Unsolved:
            return None
        finally:
            self.master.free(self._held)

    def _hold_fixed(self, fixed: list[Column]) -> None:
        if fixed:
            self.master.add(fixed)
            self._sort_out()
            positions = {self.master.key(column): at for at, column in enumerate(self.master.columns)}
            for column in fixed:
                self._fix(positions[self.master.key(column)])

    def _descend(self, reached: float) -> list[Column] | None:
        while True:
            self._sort_out()
            for _ in range(ROUNDS):
                optimum = self._solve()
                if optimum <= reached + 1 - 1e-6:
                    return None
                if self.meter.is_over():
                    return self._finish()
                if not self._price():
                    break
            self._sort_out()
            self._solve()
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
                    self._fix(at)

    def _pace(self) -> int:
        """Return how many columns to fix at least, so that the dive comes to its end in time."""
        self._steps += 1
        a_step = (self._effort - self.meter.left()) / self._steps
        steps_left = self.meter.left() / max(a_step, 1e-9)
        open_windows = int((~self.closed).sum())
        return max(1, round(STEP_SHARE * len(self.closed)), math.ceil(open_windows / max(steps_left, 1.0)))

    def _finish(self) -> list[Column]:
        """Take what fits of the last solution, the greatest shares first, without looking again."""
        shares = self.master.shares()
        for at in np.argsort(-shares, kind="stable").tolist():
            if shares[at] <= SOME:
                break
            if self._fits(at):
                self._fix(at)
        return list(self.chosen)

    def _solve(self) -> float:
        before = self.master.work
        try:
            return self.master.solve()
        finally:
            self.meter.spend(self.master.work - before)

    def _price(self) -> int:
        allowed = ~self.closed[self.acts.window] & ~self.taken[self.owner]
        if not self.relaxation.program.is_timeless:
            fresh = price(self.relaxation, self.master.duals(), self.meter, allowed)
            self._sort_out()
            return fresh
        now = prices(self.relaxation.program, self.master.duals())
        best = self.relaxation.timetable.best(now, allowed)
        self.meter.spend(self.relaxation.timetable.pass_work)
        least = self.master.window_duals() + LEAST_GAIN
        columns = self.enumerator.columns(now, best, least, self.meter, allowed=allowed)
        fresh = self.master.add(columns)
        self._sort_out()
        return fresh

    def _sort_out(self) -> None:
        """Hold at 0 every new column that names somebody twice, and offer it without the repetition."""
        while self._seen < len(self.master.columns):
            column = self.master.columns[self._seen]
            if self._repeats(column):
                self.master.fix([self._seen], 0)
                self._held.append(self._seen)
                self.master.add([self._without_repeats(column)])
            self._seen += 1

    def _repeats(self, column: Column) -> bool:
        owners = self.owner[[activity for activity, _ in column.steps]]
        return len(np.unique(owners)) < len(owners)

    def _without_repeats(self, column: Column) -> Column:
        seen: set[int] = set()
        steps = []
        for activity, start in column.steps:
            owner = int(self.owner[activity])
            if owner not in seen:
                seen.add(owner)
                steps.append((activity, start))
        return Column(column.window, tuple(steps))

    def _fits(self, at: int) -> bool:
        column = self.master.columns[at]
        owners = self.owner[[activity for activity, _ in column.steps]]
        return not self.closed[column.window] and not self.taken[owners].any()

    def _fix(self, at: int) -> None:
        column = self.master.columns[at]
        self.master.fix([at], 1)
        self._held.append(at)
        self.chosen.append(column)
        self.closed[column.window] = True
        self.taken[self.owner[[activity for activity, _ in column.steps]]] = True


def owner_numbers(program: Program) -> Ints:
    """Return a number for what each activity serves, the same for all that exclude one another."""
    acts = program.activities
    kind = np.where(acts.kind == Kind.KEEP, int(Kind.MOVE), acts.kind)
    # Campaigns may repeat: each is its own.
    owner = np.where(kind == Kind.RUN, np.arange(len(acts)), acts.owner)
    _, number = np.unique(np.stack([kind, owner]), axis=1, return_inverse=True)
    return number.astype(np.int64)
