"""A large linear program, solved from nothing by an interior-point method.

A master that takes hundreds of columns at a time changes too much between two solves for the simplex method to gain
from where it stood. The crossover that follows gives a vertex all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from ortools.math_opt.python import mathopt

from scheduler.engines.columns.activities import Floats
from scheduler.engines.columns.linear import Matrix, Solved
from scheduler.engines.columns.program import Program

WORK_AN_ENTRY = 5e-7
LEAST_SECONDS = 0.1


class Barrier:
    """The rows and extras of a program, and the columns added so far."""

    def __init__(self, program: Program, unit: float, debts: Mapping[int, float]) -> None:
        self._program, self._unit, self._debts = program, unit, debts
        self._most_owed = 0.0
        self._gain: list[float] = []
        self._lower: list[float] = []
        self._upper: list[float] = []
        self._row: list[int] = []
        self._column: list[int] = []
        self._adds: list[float] = []

    def add(self, window: int, gain: float, entries: Mapping[int, float]) -> None:
        """Add a column."""
        self._row += [*entries, len(self._program.limit) + window]
        self._adds += [*entries.values(), 1.0]
        self._column += [len(self._gain)] * (len(entries) + 1)
        self._gain.append(gain)
        self._lower.append(0.0)
        self._upper.append(np.inf)

    def bound(self, column: int, least: float, most: float) -> None:
        """Hold a column between two shares."""
        self._lower[column], self._upper[column] = least, most

    def allow_debts(self, most: float) -> None:
        """Let each row that may owe something owe so much."""
        self._most_owed = most

    def solve(self, seconds: float | None) -> Solved:
        """Solve within some seconds if they are given."""
        matrix = self._matrix()
        limit = None if seconds is None else timedelta(seconds=max(seconds, LEAST_SECONDS))
        result = mathopt.solve(
            mathopt.Model.from_model_proto(matrix.proto()),
            mathopt.SolverType.HIGHS,
            params=mathopt.SolveParameters(lp_algorithm=mathopt.LPAlgorithm.BARRIER, time_limit=limit),
        )
        work = WORK_AN_ENTRY * len(matrix.adds) * max(1, result.solve_stats.barrier_iterations)
        if result.termination.reason != mathopt.TerminationReason.OPTIMAL or not result.has_dual_feasible_solution():
            return Solved(work)
        rows = len(self._program.limit)
        duals = _in_order(result.dual_values(), len(matrix.row_upper)) * self._unit
        shares = _in_order(result.variable_values(), len(matrix.gain))[: len(self._gain)]
        return Solved(work, result.objective_value() * self._unit, duals[:rows], duals[rows:], shares)

    def _matrix(self) -> Matrix:
        """Return the columns, then the extras, then the debts."""
        program, extras = self._program, self._program.extras
        windows, columns = len(program.activities.length), len(self._gain)
        owing = columns + len(extras.gain)
        debts = np.array(list(self._debts), dtype=np.int64)
        prices = np.array(list(self._debts.values()), dtype=np.float64)
        none = np.full(windows, -np.inf)
        return Matrix(
            np.concatenate([self._gain, extras.gain, -prices]) / self._unit,
            np.concatenate([self._lower, np.zeros(len(extras.gain) + len(debts))]),
            np.concatenate([self._upper, extras.most, np.full(len(debts), self._most_owed)]),
            np.concatenate([np.where(program.equal, program.limit, -np.inf), none]),
            np.concatenate([program.limit, np.ones(windows)]),
            np.concatenate([np.array(self._row, dtype=np.int64), extras.row, debts]),
            np.concatenate(
                [np.array(self._column, dtype=np.int64), columns + extras.extra, owing + np.arange(len(debts))]
            ),
            np.concatenate([self._adds, extras.adds, np.full(len(debts), -1.0)]),
        )


def _in_order(found: Mapping[mathopt.Variable, float] | Mapping[mathopt.LinearConstraint, float], size: int) -> Floats:
    amounts = np.zeros(size)
    amounts[[key.id for key in found]] = list(found.values())
    return amounts
