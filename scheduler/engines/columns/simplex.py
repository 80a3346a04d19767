"""A linear program solved again and again by the simplex method, each time from where the last one stood."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ortools.linear_solver import pywraplp

from scheduler.engines.columns.activities import Floats
from scheduler.engines.columns.linear import Solved
from scheduler.engines.columns.program import Program

# Presolve and scaling would give each solve another matrix, and so a start from nothing.
WARM = "use_preprocessing: false use_scaling: false initial_basis: NONE"
WORK_A_PIVOT = 2e-7
MILLISECONDS = 1e3


class Simplex:
    """The rows and extras of a program, and the columns added so far."""

    def __init__(self, program: Program, unit: float, debts: Mapping[int, float]) -> None:
        self._unit = unit
        self._solver = pywraplp.Solver.CreateSolver("GLOP")
        self._solver.SetSolverSpecificParametersAsString(WARM)
        infinity = self._solver.infinity()
        self._rows = [
            self._solver.Constraint(limit if equal else -infinity, limit)
            for limit, equal in zip(program.limit.tolist(), program.equal.tolist(), strict=True)
        ]
        self._windows = [self._solver.Constraint(-infinity, 1) for _ in program.activities.length]
        self._aim = self._solver.Objective()
        self._aim.SetMaximization()
        self._variables: list[pywraplp.Variable] = []
        extras = program.extras
        made = [
            self._variable(gain, most) for gain, most in zip(extras.gain.tolist(), extras.most.tolist(), strict=True)
        ]
        for row, extra, adds in zip(extras.row.tolist(), extras.extra.tolist(), extras.adds.tolist(), strict=True):
            self._rows[row].SetCoefficient(made[extra], adds)
        self._debts = []
        for row, price in debts.items():
            debt = self._variable(-price, 0)
            self._rows[row].SetCoefficient(debt, -1)
            self._debts.append(debt)

    def _variable(self, gain: float, most: float) -> pywraplp.Variable:
        variable = self._solver.NumVar(0, most, "")
        self._aim.SetCoefficient(variable, gain / self._unit)
        return variable

    def add(self, window: int, gain: float, entries: Mapping[int, float]) -> None:
        """Add a column."""
        variable = self._variable(gain, self._solver.infinity())
        self._variables.append(variable)
        self._windows[window].SetCoefficient(variable, 1)
        for row, adds in entries.items():
            self._rows[row].SetCoefficient(variable, adds)

    def bound(self, column: int, least: float, most: float) -> None:
        """Hold a column between two shares."""
        self._variables[column].SetBounds(least, most)

    def allow_debts(self, most: float) -> None:
        """Let each row that may owe something owe so much."""
        for debt in self._debts:
            debt.SetUb(most)

    def solve(self, seconds: float | None) -> Solved:
        """Solve within some seconds if they are given."""
        if seconds is not None:
            self._solver.SetTimeLimit(max(1, round(seconds * MILLISECONDS)))
        status = self._solver.Solve()
        pivots = max(self._solver.iterations(), 1)
        work = WORK_A_PIVOT * pivots * (len(self._rows) + len(self._windows))
        if status != pywraplp.Solver.OPTIMAL:
            return Solved(work)
        return Solved(
            work,
            float(self._aim.Value()) * self._unit,
            self._duals(self._rows),
            self._duals(self._windows),
            np.array([variable.solution_value() for variable in self._variables]),
        )

    def _duals(self, rows: list[pywraplp.Constraint]) -> Floats:
        return np.array([row.dual_value() for row in rows]) * self._unit
