"""The restricted master: the linear program over the columns found so far, solved again as they come."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from scheduler.engines.columns.activities import Floats
from scheduler.engines.columns.barrier import Barrier
from scheduler.engines.columns.linear import Solved
from scheduler.engines.columns.pricing import Routes
from scheduler.engines.columns.program import Program
from scheduler.engines.columns.simplex import Simplex
from scheduler.engines.meter import Meter
from scheduler.tasks import EngineError

DEBT_PRICE = 1e4
# With more columns than this, every solve starts from nothing.
LARGE = 12_000


Key = tuple[int, tuple[object, ...]]


class Column(NamedTuple):
    """A sequence of activities in one window, each with its start day there."""

    window: int
    steps: tuple[tuple[int, int], ...]


class Master:
    """A restricted master without columns; every window may stay empty.

    Attributes
    ----------
    renewals : int
        How often it began anew: positions of columns from before mean nothing then.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.columns: list[Column] = []
        self.sparse = Sparse(program)
        self._timeless = program.is_timeless
        self._known: dict[Key, int] = {}
        self.renewals = 0
        gains = [np.abs(program.gain).max(initial=0), np.abs(program.gain_per_day).max(initial=0)]
        self._unit = float(max(1.0, *gains, np.abs(program.extras.gain).max(initial=0)))
        self._debts = self._debt_prices()
        self._solver: Simplex | Barrier = Simplex(program, self._unit, self._debts)
        self._held: dict[int, float] = {}
        self._may_owe = 0.0
        self._optimum = Solved(0.0)

    def _debt_prices(self) -> dict[int, float]:
        """Return a price for each row that asks for at least something: it can be owed, once that is allowed."""
        program = self.program
        last = program.gain + program.gain_per_day * program.activities.last
        dearest = DEBT_PRICE * max(self._unit, float(np.abs(last).max(initial=0)))
        return dict.fromkeys(program.asking_rows().tolist(), dearest)

    def allow_debts(self, most: float) -> None:
        """Let rows owe so much of what they ask for: the columns so far may not reach it, later ones may."""
        self._may_owe = most
        self._solver.allow_debts(most)

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
            self._solver.add(column.window, *self.sparse.of(column))
        if not self.is_large and len(self.columns) > LARGE:
            self._solver = self._by_barrier()
        return fresh

    def keep(self, columns: Sequence[Column]) -> None:
        """Begin anew with some of the columns, none of them held; the duals of the last solve stay."""
        self.columns, self._known, self._held, self._may_owe = [], {}, {}, 0.0
        self._optimum = replace(self._optimum, shares=np.zeros(0))
        self._solver = (Barrier if len(columns) > LARGE else Simplex)(self.program, self._unit, self._debts)
        self.renewals += 1
        self.add(columns)

    def _by_barrier(self) -> Barrier:
        solver = Barrier(self.program, self._unit, self._debts)
        for column in self.columns:
            solver.add(column.window, *self.sparse.of(column))
        for position, share in self._held.items():
            solver.bound(position, share, share)
        solver.allow_debts(self._may_owe)
        return solver

    @property
    def is_large(self) -> bool:
        """Whether every solve starts from nothing, and takes its time."""
        return isinstance(self._solver, Barrier)

    @property
    def is_solved(self) -> bool:
        """Whether a solve has reached an optimum."""
        return self._optimum.gain is not None

    def has_new(self, columns: Sequence[Column]) -> bool:
        """Say whether one of the columns is not among those added so far."""
        return any(self._key(column) not in self._known for column in columns)

    def adds(self, column: Column) -> dict[int, float]:
        """Return what a column adds to each row."""
        return self.sparse.of(column)[1]

    def position(self, column: Column) -> int:
        """Return where a column that was added is among the columns, itself or its equal."""
        return self._known[self._key(column)]

    def _key(self, column: Column) -> Key:
        """Return what tells columns apart."""
        if self._timeless:
            return column.window, tuple(sorted(step[0] for step in column.steps))
        return column.window, column.steps

    def solve(self, meter: Meter) -> float:
        """Solve within the effort, which is spent, and return the optimum over the columns so far.

        Raises
        ------
        Unsolved
            The solver did not reach it.
        """
        solved = self._solver.solve(meter.left() if meter.effort.work is None else None)
        meter.spend(solved.work)
        if solved.gain is None:
            raise Unsolved(f"{self.program.objective}: the linear program was not solved")
        self._optimum = solved
        return solved.gain

    def duals(self) -> Floats:
        """Return the dual of every row, never below 0 but for equalities."""
        found = self._optimum.duals
        return np.where(self.program.equal, found, np.maximum(found, 0.0))

    def window_duals(self) -> Floats:
        """Return the dual of every window."""
        return self._optimum.window_duals

    def shares(self) -> Floats:
        """Return how much of each column the last solution takes; none of those added since."""
        shares = self._optimum.shares
        return np.concatenate([shares, np.zeros(len(self.columns) - len(shares))])

    def fix(self, columns: Sequence[int], share: float) -> None:
        """Hold columns at 0 or 1."""
        for column in columns:
            self._held[column] = share
            self._solver.bound(column, share, share)

    def free(self, columns: Sequence[int]) -> None:
        """Let columns vary again."""
        for column in columns:
            self._held.pop(column, None)
            self._solver.bound(column, 0.0, math.inf)


class Unsolved(EngineError):
    """A linear program was not solved to its optimum."""


class Sparse:
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
