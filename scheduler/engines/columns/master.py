"""The restricted master: the linear program over the columns found so far, solved again as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from ortools.linear_solver import pywraplp

from scheduler.engines.columns.activities import Floats
from scheduler.engines.columns.pricing import Routes
from scheduler.engines.columns.program import Program
from scheduler.tasks import EngineError

WORK_A_PIVOT = 2e-7
DEBT_PRICE = 1e4
# Presolve and scaling would give each solve another matrix, and so a start from nothing.
WARM = "use_preprocessing: false use_scaling: false initial_basis: NONE"


Key = tuple[int, tuple[object, ...]]


class Column(NamedTuple):
    """A sequence of activities in one window, each with its start day there."""

    window: int
    steps: tuple[tuple[int, int], ...]


class Master:
    """A restricted master without columns; every window may stay empty."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.columns: list[Column] = []
        self.work = 0.0
        self._timeless = program.is_timeless
        self._known: dict[Key, int] = {}
        self._solver = pywraplp.Solver.CreateSolver("GLOP")
        self._solver.SetSolverSpecificParametersAsString(WARM)
        infinity = self._solver.infinity()
        self._rows = [
            self._solver.Constraint(limit if equal else -infinity, limit)
            for limit, equal in zip(program.limit.tolist(), program.equal.tolist(), strict=True)
        ]
        self._windows = [self._solver.Constraint(-infinity, 1) for _ in program.activities.length]
        gains = [np.abs(program.gain).max(initial=0), np.abs(program.gain_per_day).max(initial=0)]
        self._unit = float(max(1.0, *gains, np.abs(program.extras.gain).max(initial=0)))
        last = program.gain + program.gain_per_day * program.activities.last
        self._most_gain = float(max([np.abs(last).max(initial=0), self._unit]))
        self._aim = self._solver.Objective()
        self._aim.SetMaximization()
        self._infinity = infinity
        self._variables: list[pywraplp.Variable] = []
        self._extras = self._make_extras()
        self._debts = self._make_debts()
        self._entries = _Sparse(program)

    def _make_extras(self) -> list[pywraplp.Variable]:
        extras = self.program.extras
        made = []
        for gain, most in zip(extras.gain.tolist(), extras.most.tolist(), strict=True):
            variable = self._solver.NumVar(0, most, "")
            self._aim.SetCoefficient(variable, gain / self._unit)
            made.append(variable)
        for row, extra, adds in zip(extras.row.tolist(), extras.extra.tolist(), extras.adds.tolist(), strict=True):
            self._rows[row].SetCoefficient(made[extra], adds)
        return made

    def _make_debts(self) -> list[pywraplp.Variable]:
        """Make what a row asks for at least something that can be owed, at a price, once that is allowed."""
        dearest = DEBT_PRICE * max(1.0, self._most_gain / self._unit)
        made = []
        for row in np.flatnonzero((self.program.limit < 0) & ~self.program.equal).tolist():
            debt = self._solver.NumVar(0, 0, "")
            self._aim.SetCoefficient(debt, -dearest)
            self._rows[row].SetCoefficient(debt, -1)
            made.append(debt)
        return made

    def allow_debts(self, most: float) -> None:
        """Let rows owe so much of what they ask for: the columns so far may not reach it, later ones may."""
        for debt in self._debts:
            debt.SetUb(most)

    def add(self, columns: Sequence[Column]) -> int:
        """Take the columns that are new, and return how many were; starts matter only where they count."""
        fresh = 0
        for column in columns:
            key = self._key(column)
            if not column.steps or key in self._known:
                continue
            self._known[key] = len(self.columns)
            self.columns.append(column)
            fresh += 1
            gain, entries = self._entries.of(column)
            variable = self._solver.NumVar(0, self._infinity, "")
            self._variables.append(variable)
            self._aim.SetCoefficient(variable, gain / self._unit)
            self._windows[column.window].SetCoefficient(variable, 1)
            for row, adds in entries.items():
                self._rows[row].SetCoefficient(variable, adds)
        return fresh

    def has_new(self, columns: Sequence[Column]) -> bool:
        """Say whether one of the columns is not among those added so far."""
        return any(self._key(column) not in self._known for column in columns)

    def adds(self, column: Column) -> dict[int, float]:
        """Return what a column adds to each row."""
        return self._entries.of(column)[1]

    def position(self, column: Column) -> int:
        """Return where a column that was added is among the columns, itself or its equal."""
        return self._known[self._key(column)]

    def _key(self, column: Column) -> Key:
        """Return what tells columns apart."""
        if self._timeless:
            return column.window, tuple(sorted(step[0] for step in column.steps))
        return column.window, column.steps

    def solve(self) -> float:
        """Solve, and return the optimum over the columns so far.

        Raises
        ------
        Unsolved
            The solver did not reach it.
        """
        status = self._solver.Solve()
        pivots = max(self._solver.iterations(), 1)
        self.work += WORK_A_PIVOT * pivots * (len(self._rows) + len(self._windows))
        if status != pywraplp.Solver.OPTIMAL:
            raise Unsolved(f"{self.program.objective}: the linear program ended with status {status}")
        return float(self._aim.Value()) * self._unit

    def duals(self) -> Floats:
        """Return the dual of every row, never below 0 but for equalities."""
        found = np.array([row.dual_value() for row in self._rows]) * self._unit
        return np.where(self.program.equal, found, np.maximum(found, 0.0))

    def window_duals(self) -> Floats:
        """Return the dual of every window."""
        return np.array([window.dual_value() for window in self._windows]) * self._unit

    def shares(self) -> Floats:
        """Return how much of each column the last solution takes."""
        return np.array([variable.solution_value() for variable in self._variables])

    def fix(self, columns: Sequence[int], share: float) -> None:
        """Hold columns at 0 or 1."""
        for column in columns:
            self._variables[column].SetBounds(share, share)

    def free(self, columns: Sequence[int]) -> None:
        """Let columns vary again."""
        for column in columns:
            self._variables[column].SetBounds(0, self._infinity)


class Unsolved(EngineError):
    """A linear program was not solved to its optimum."""


class _Sparse:
    """The entries of a program by activity."""

    def __init__(self, program: Program) -> None:
        self.program = program
        entries, size = program.entries, len(program.activities)
        self._order = np.argsort(entries.activity, kind="stable")
        self._heads = np.searchsorted(entries.activity[self._order], np.arange(size + 1))

    def of(self, column: Column) -> tuple[float, dict[int, float]]:
        """Return what a column gains, and what it adds to each row."""
        program, gain = self.program, 0.0
        total: dict[int, float] = {}
        for activity, start in column.steps:
            gain += float(program.gain[activity] + program.gain_per_day[activity] * start)
            for row, adds in self._adds(activity, start):
                total[row] = total.get(row, 0.0) + adds
        return gain, total

    def _adds(self, activity: int, start: int) -> Iterator[tuple[int, float]]:
        entries = self.program.entries
        own = self._order[self._heads[activity] : self._heads[activity + 1]]
        yield from zip(
            entries.row[own].tolist(), (entries.adds[own] + entries.per_day[own] * start).tolist(), strict=True
        )


def columns_of(routes: Routes) -> list[Column]:
    """Return the routes as columns, one for each window that runs anything."""
    found: dict[int, list[tuple[int, int]]] = {}
    for window, activity, start in zip(
        routes.window.tolist(), routes.activity.tolist(), routes.start.tolist(), strict=True
    ):
        found.setdefault(window, []).append((activity, start))
    return [Column(window, tuple(steps)) for window, steps in found.items()]
