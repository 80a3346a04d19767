"""What a solver of linear programs is given in arrays, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from ortools.math_opt import model_pb2

from scheduler.engines.columns.activities import Floats, Ints


def _none() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True, slots=True)
class Solved:
    """The work of a solve, and the optimum of the master if it was reached.

    Attributes
    ----------
    gain : float or None
        The optimum, None where it was not reached; then the rest is empty.
    duals, window_duals : ndarray
        By row of the program, and by window.
    shares : ndarray
        How much of each column is taken.
    """

    work: float
    gain: float | None = None
    duals: Floats = field(default_factory=_none)
    window_duals: Floats = field(default_factory=_none)
    shares: Floats = field(default_factory=_none)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Maximise ``gain x`` with ``row_lower <= A x <= row_upper`` and ``lower <= x <= upper``.

    `A` has the sum of the `adds` at each place (`row`, `column`).
    """

    gain: Floats
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    row: Ints
    column: Ints
    adds: Floats

    def proto(self, whole: NDArray[np.bool_] | None = None) -> model_pb2.ModelProto:
        """Return the model as the solvers read it, with these variables in whole numbers."""
        made = model_pb2.ModelProto()
        size = len(self.gain)
        variables, rows, matrix = made.variables, made.linear_constraints, made.linear_constraint_matrix
        variables.ids.extend(range(size))
        variables.lower_bounds.extend(self.lower.tolist())
        variables.upper_bounds.extend(self.upper.tolist())
        variables.integers.extend([False] * size if whole is None else whole.tolist())
        rows.ids.extend(range(len(self.row_upper)))
        rows.lower_bounds.extend(self.row_lower.tolist())
        rows.upper_bounds.extend(self.row_upper.tolist())
        row, column, adds = self._entries()
        matrix.row_ids.extend(row.tolist())
        matrix.column_ids.extend(column.tolist())
        matrix.coefficients.extend(adds.tolist())
        made.objective.maximize = True
        gaining = np.flatnonzero(self.gain)
        made.objective.linear_coefficients.ids.extend(gaining.tolist())
        made.objective.linear_coefficients.values.extend(self.gain[gaining].tolist())
        return made

    def _entries(self) -> tuple[Ints, Ints, Floats]:
        """Return the entries in the order of rows and columns, those of one place summed."""
        size = len(self.gain)
        places, number = np.unique(self.row * size + self.column, return_inverse=True)
        total = np.bincount(number, self.adds, len(places))
        places, total = places[total != 0], total[total != 0]
        return places // size, places % size, total
