"""A few windows of a plan planned again, as well as can be, while all the others stay as they are.

The choice is among the most promising sequences of those windows. What a plan owes to a row, such as a value held from
an earlier level, is charged for, so that a plan which falls short of it can get there step by step.

Source: Shaw, Using Constraint Programming and Local Search Methods to Solve Vehicle Routing Problems (1998).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scheduler.engines.columns.activities import Floats, Ints
from scheduler.engines.columns.elementary import Enumerator, owner_numbers
from scheduler.engines.columns.master import Column, Sparse
from scheduler.engines.columns.pricing import Timetable
from scheduler.engines.columns.program import Entries, Extras, Prices, Program
from scheduler.engines.columns.sequences import joined, sequences_of
from scheduler.engines.columns.whole import choose
from scheduler.engines.meter import Meter

MOST_SEQUENCES = 2_000
DEBT_FACTOR = 3.0
LEAST_SHARE = 0.05
ROUNDING = 1e-6


class Exchanger:
    """Plans windows again under the prices of a relaxation.

    Parameters
    ----------
    program : Program
        What the plans should obey.
    duals : ndarray
        By row, of a relaxation; what rows owe is charged at a multiple of them.
    now : Prices
        What activities are worth, for the choice of promising sequences.
    """

    def __init__(self, program: Program, duals: Floats, now: Prices, *, seed: int) -> None:
        self.program, self.now, self.seed = program, now, seed
        self._owner = owner_numbers(program)
        self._sparse = Sparse(program)
        self._debts = self._debt_prices(duals)

    def _debt_prices(self, duals: Floats) -> dict[int, float]:
        rows = np.intersect1d(self.program.asking_rows(), self.program.entries.row)
        dearest = float(duals[rows].max(initial=0))
        return {row: DEBT_FACTOR * max(1.0, float(duals[row]), LEAST_SHARE * dearest) for row in rows.tolist()}

    def charge(self, columns: Sequence[Column]) -> float:
        """Return the price of what columns owe, 0 where they owe nothing."""
        owed = {row: -self.program.limit[row] for row in self._debts}
        for column in columns:
            entries = self._sparse.of(column)[1]
            for row in owed.keys() & entries.keys():
                owed[row] += entries[row]
        return float(sum(self._debts[row] * by for row, by in owed.items() if by > ROUNDING))

    def charge_more(self) -> None:
        """Raise the price of what is owed."""
        self._debts = {row: 2 * price for row, price in self._debts.items()}

    def again(self, columns: Sequence[Column], is_open: NDArray[np.bool_], meter: Meter) -> list[Column] | None:
        """Return the best plan found that differs from one in the open windows only.

        Parameters
        ----------
        columns : sequence of Column
            Those of the plan.
        is_open : ndarray
            By window.
        """
        kept = [column for column in columns if not is_open[column.window]]
        taken = np.zeros(int(self._owner.max(initial=-1)) + 1, dtype=np.bool_)
        for column in kept:
            taken[self._owner[[activity for activity, _ in column.steps]]] = True
        members = np.flatnonzero(is_open[self.program.activities.window] & ~taken[self._owner])
        position = {activity: at for at, activity in enumerate(members.tolist())}
        inside = [_renamed(column, position) for column in columns if is_open[column.window]]
        rest = self._rest(members, kept)
        now = Prices(self.now.worth[members], self.now.per_day[members])
        best = Timetable(rest.activities).best(now)
        found = Enumerator(rest).closest_of(now, best, MOST_SEQUENCES, meter)
        sequences = joined(sequences_of(inside, now), found)
        chosen = choose(rest, sequences, meter, seed=self.seed, known=len(inside))
        if chosen.columns is None:
            return None
        name = dict(enumerate(members.tolist()))
        return [*kept, *(_renamed(column, name) for column in chosen.columns)]

    def _rest(self, members: Ints, kept: Sequence[Column]) -> Program:
        """Return what is left of the program for some activities once columns are decided, debts among its extras."""
        program, acts, entries, extras = (
            self.program,
            self.program.activities,
            self.program.entries,
            self.program.extras,
        )
        limit = program.limit.copy()
        for column in kept:
            for row, adds in self._sparse.of(column)[1].items():
                limit[row] -= adds
        place = np.full(len(acts), -1, dtype=np.int64)
        place[members] = np.arange(len(members))
        inside = place[entries.activity] >= 0
        rows = np.array(list(self._debts), dtype=np.int64)
        used = np.zeros(len(limit), dtype=np.bool_)
        used[np.concatenate([entries.row[inside], extras.row, rows])] = True
        number = np.cumsum(used) - 1
        most = len(extras.gain)
        return replace(
            program,
            activities=acts.take(members),
            gain=program.gain[members],
            gain_per_day=program.gain_per_day[members],
            limit=limit[used],
            equal=program.equal[used],
            entries=Entries(
                number[entries.row[inside]],
                place[entries.activity[inside]],
                entries.adds[inside],
                entries.per_day[inside],
            ),
            extras=Extras(
                np.concatenate([extras.gain, -np.array(list(self._debts.values()), dtype=np.float64)]),
                np.concatenate([extras.most, np.full(len(rows), np.inf)]),
                np.concatenate([number[extras.row], number[rows]]),
                np.concatenate([extras.extra, most + np.arange(len(rows))]),
                np.concatenate([extras.adds, np.full(len(rows), -1.0)]),
            ),
            lateness=program.lateness[members],
        )


def _renamed(column: Column, name: dict[int, int]) -> Column:
    return Column(column.window, tuple((name[activity], start) for activity, start in column.steps))
