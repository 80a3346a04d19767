"""The linear program over columns: its rows, and what each activity and each further variable adds to them.

Source: Dantzig and Wolfe, Decomposition Principle for Linear Programs (1960); the blocks are the windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.engines.columns.activities import Activities, Floats, Ints
from scheduler.problem import Problem


@dataclass(frozen=True, slots=True)
class Entries:
    """What activities add to rows: `adds` on day 0 of the window and `per_day` more for each day later."""

    row: Ints
    activity: Ints
    adds: Floats
    per_day: Floats


@dataclass(frozen=True, slots=True)
class Extras:
    """Variables of no window, each in ``[0, most]``: bookings displaced, parties served, outputs that count."""

    gain: Floats
    most: Floats
    row: Ints
    extra: Ints
    adds: Floats


@dataclass(frozen=True, slots=True)
class Program:
    """Maximise what activities and extras gain, every row's sum at most its `limit`, or equal to it where `equal`.

    An activity that starts on day `t` of its window gains ``gain + gain_per_day * t``. Each window runs one sequence
    of activities that do not overlap.

    Attributes
    ----------
    held, serving : tuple of int
        The rows of the holds, in their order, and those of the parties to serve.
    lateness : ndarray
        By activity, what a day later costs in delay, the only thing that days count in; 0 where delay counts nowhere.
    """

    problem: Problem
    objective: str
    activities: Activities
    gain: Floats
    gain_per_day: Floats
    limit: Floats
    equal: NDArray[np.bool_]
    entries: Entries
    extras: Extras
    lateness: Floats
    held: tuple[int, ...] = ()
    serving: tuple[int, ...] = ()

    @property
    def is_timeless(self) -> bool:
        """Whether the days on which activities start change nothing but what fits."""
        return not (self.gain_per_day.any() or self.entries.per_day.any())

    def soft_rows(self) -> NDArray[np.bool_]:
        """Tell which rows have an extra that makes room in them."""
        soft = np.zeros(len(self.limit), dtype=np.bool_)
        soft[self.extras.row[self.extras.adds < 0]] = True
        return soft

    def asking_rows(self) -> Ints:
        """Return the rows that ask for at least something, which a plan may fall short of."""
        return np.flatnonzero((self.limit < 0) & ~self.equal)

    @property
    def unit(self) -> int:
        """The greatest whole number that what any plan gains is a multiple of."""
        if self.objective == "surge_output":
            return 1  # Outputs are counted in fractions of a batch.
        amounts = np.concatenate([self.gain, self.gain_per_day, self.extras.gain])
        return max(1, int(np.gcd.reduce(np.abs(amounts).round().astype(np.int64))))


@dataclass(frozen=True, slots=True)
class Prices:
    """What each activity is worth under given duals: ``worth + per_day * t``."""

    worth: Floats
    per_day: Floats

    def at(self, activities: Ints, starts: Ints | int) -> Floats:
        """Return the worth of activities for given start days of their windows."""
        return np.asarray(self.worth[activities] + self.per_day[activities] * starts, dtype=np.float64)

    def most(self, activities: Activities) -> Floats:
        """Return what each activity is worth on its best day."""
        return self.worth + np.maximum(self.per_day * activities.first, self.per_day * activities.last)


def prices(program: Program, duals: Floats) -> Prices:
    """Return what activities are worth when each row charges its dual for a unit.

    Shapes: `duals` has one entry a row.
    """
    entries, size = program.entries, len(program.activities)
    charge = np.bincount(entries.activity, entries.adds * duals[entries.row], size)
    per_day = np.bincount(entries.activity, entries.per_day * duals[entries.row], size)
    return Prices(program.gain - charge, program.gain_per_day - per_day)


def extras_worth(program: Program, duals: Floats) -> Floats:
    """Return what each extra is worth under the duals, for each unit of it."""
    extras = program.extras
    charge = np.bincount(extras.extra, extras.adds * duals[extras.row], len(extras.gain))
    return np.asarray(extras.gain - charge, dtype=np.float64)
