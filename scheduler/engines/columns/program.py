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
class Steps:
    """What activities add to rows if they start on day `until` of the window or before, else nothing."""

    row: Ints
    activity: Ints
    until: Ints
    adds: Floats


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
    """

    problem: Problem
    objective: str
    activities: Activities
    gain: Floats
    gain_per_day: Floats
    limit: Floats
    equal: NDArray[np.bool_]
    entries: Entries
    steps: Steps
    extras: Extras

    @property
    def is_timeless(self) -> bool:
        """Whether the days on which activities start change nothing but what fits."""
        return not (self.gain_per_day.any() or self.entries.per_day.any() or len(self.steps.row))


@dataclass(frozen=True, slots=True)
class Prices:
    """What each activity is worth under given duals: ``worth + per_day * t``, and `bonus` by day for some of them.

    Attributes
    ----------
    bonus_row : Ints
        By activity, its row in `bonus`, -1 for none.
    """

    worth: Floats
    per_day: Floats
    bonus: Floats
    bonus_row: Ints

    def at(self, activities: Ints, starts: Ints | int) -> Floats:
        """Return the worth of activities for given start days of their windows."""
        worth = self.worth[activities] + self.per_day[activities] * starts
        if len(self.bonus):
            worth += self.bonus[self.bonus_row[activities], starts]
        return np.asarray(worth, dtype=np.float64)


def prices(program: Program, duals: Floats) -> Prices:
    """Return what activities are worth when each row charges its dual for a unit.

    Shapes: `duals` has one entry a row.
    """
    entries, steps = program.entries, program.steps
    size, days = len(program.activities), int(program.activities.length.max(initial=0)) + 1
    charge = np.bincount(entries.activity, entries.adds * duals[entries.row], size)
    per_day = np.bincount(entries.activity, entries.per_day * duals[entries.row], size)
    stepping, number = np.unique(steps.activity, return_inverse=True)
    bonus_row = np.full(size, -1, dtype=np.int64)
    bonus = np.zeros((len(stepping) + 1 if len(stepping) else 0, days + 1))
    if len(stepping):  # The last row, which -1 names, stays at nothing.
        bonus_row[stepping] = np.arange(len(stepping))
        paid = -steps.adds * duals[steps.row]
        np.add.at(bonus, (number, np.zeros_like(number)), paid)
        np.add.at(bonus, (number, steps.until + 1), -paid)
        bonus = bonus.cumsum(axis=1)
    return Prices(program.gain - charge, program.gain_per_day - per_day, bonus, bonus_row)


def extras_worth(program: Program, duals: Floats) -> Floats:
    """Return what each extra is worth under the duals, for each unit of it."""
    extras = program.extras
    charge = np.bincount(extras.extra, extras.adds * duals[extras.row], len(extras.gain))
    return np.asarray(extras.gain - charge, dtype=np.float64)
