"""A few windows of a plan planned again, as well as can be, while all the others stay as they are.

The choice is among the most promising sequences of those windows. What a plan owes to a row, such as a value held from
an earlier level, is charged for, so that a plan which falls short of it can get there step by step.

Source: Shaw, Using Constraint Programming and Local Search Methods to Solve Vehicle Routing Problems (1998).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from scheduler.engines.course import SERVED
from scheduler.engines.meter import Meter
from scheduler.tasks import Task

MOST_SEQUENCES = 2_000
DEBT_FACTOR = 3.0
LEAST_SHARE = 0.05


class Exchanger:
    """Plans windows again under the prices of a relaxation.

    Parameters
    ----------
    task : Task
        Whose holds and parties to serve the program has.
    program : Program
        What the plans should obey.
    now : Prices
        What activities are worth, for the choice of promising sequences.
    """

    def __init__(self, task: Task, program: Program, now: Prices) -> None:
        self.task, self.program, self.now = task, program, now
        self._owner = owner_numbers(program)
        self._sparse = Sparse(program)

    def debt_prices(self, duals: Floats) -> dict[str, float]:
        """Return what to charge for a unit owed, a multiple of its dual in a relaxation.

        Parameters
        ----------
        duals : ndarray
            By row, the first rows of the program or all.
        """
        known = np.zeros(len(self.program.limit))
        known[: len(duals)] = duals
        rows = self._rows()
        dearest = max((known[row] for row, _ in rows.values()), default=0.0)
        # A row that the relaxation fulfils for nothing may still be the one that whole plans fall short of.
        dear = {name: DEBT_FACTOR * max(1.0, known[row], LEAST_SHARE * dearest) for name, (row, _) in rows.items()}
        return {name: float(dear[name] * scale) for name, (_, scale) in rows.items()}

    def _rows(self) -> dict[str, tuple[int, float]]:
        """Return the row of each held objective that may be owed, and of one party to serve, and what a unit adds."""
        holds, program = self.task.holds, self.program
        rows = {
            hold.objective: (row, -program.limit[row] / hold.value)
            for hold, row in zip(holds, program.held, strict=True)
            if hold in self.task.asked
        }
        if program.serving:
            rows[SERVED] = program.serving[0], 1.0
        return rows

    def _debts(self, prices: Mapping[str, float]) -> dict[int, float]:
        """Return the price of what each row owes."""
        debts = {row: prices[name] / scale for name, (row, scale) in self._rows().items()}
        return debts | dict.fromkeys(self.program.serving, prices.get(SERVED, 0.0))

    def again(
        self, columns: Sequence[Column], is_open: NDArray[np.bool_], meter: Meter, prices: Mapping[str, float]
    ) -> list[Column] | None:
        """Return the best plan found that differs from one in the open windows only.

        Parameters
        ----------
        columns : sequence of Column
            Those of the plan.
        is_open : ndarray
            By window.
        prices : mapping of str to float
            Of what is owed, as `debt_prices` gives them.
        """
        kept = [column for column in columns if not is_open[column.window]]
        taken = np.zeros(int(self._owner.max(initial=-1)) + 1, dtype=np.bool_)
        for column in kept:
            taken[self._owner[[activity for activity, _ in column.steps]]] = True
        members = np.flatnonzero(is_open[self.program.activities.window] & ~taken[self._owner])
        position = {activity: at for at, activity in enumerate(members.tolist())}
        inside = [_renamed(column, position) for column in columns if is_open[column.window]]
        rest = self._rest(members, kept, self._debts(prices))
        now = Prices(self.now.worth[members], self.now.per_day[members])
        best = Timetable(rest.activities).best(now)
        found = Enumerator(rest).closest_of(now, best, MOST_SEQUENCES, meter)
        sequences = joined(sequences_of(inside, now), found)
        chosen = choose(rest, sequences, meter, seed=self.task.seed, known=len(inside))
        if chosen.columns is None:
            return None
        name = dict(enumerate(members.tolist()))
        return [*kept, *(_renamed(column, name) for column in chosen.columns)]

    def _rest(self, members: Ints, kept: Sequence[Column], debts: Mapping[int, float]) -> Program:
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
        rows = np.array(list(debts), dtype=np.int64)
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
                np.concatenate([extras.gain, -np.array(list(debts.values()), dtype=np.float64)]),
                np.concatenate([extras.most, np.full(len(rows), np.inf)]),
                np.concatenate([number[extras.row], number[rows]]),
                np.concatenate([extras.extra, most + np.arange(len(rows))]),
                np.concatenate([extras.adds, np.full(len(rows), -1.0)]),
            ),
            lateness=program.lateness[members],
        )


def _renamed(column: Column, name: dict[int, int]) -> Column:
    return Column(column.window, tuple((name[activity], start) for activity, start in column.steps))
