r"""The time-indexed model as plain arrays: a 0-1 column per place and start day, one unit of flow through each window.

A stretch of a window between fixed bookings is a path of its days. One unit flows from its first day to its end:
along campaigns, from their first day to the day after their last, and along idle days. For a day :math:`t` that is

.. math:: \sum_{c\,:\,start_c = t} x_c + idle_t - \sum_{c\,:\,end_c = t} x_c - idle_{t-1} = [t \text{ is the first}]

which says the same as "at most one campaign on each day", with two entries in a column instead of one a day.

Source: J. Sousa and L. Wolsey, "A time indexed formulation of non-preemptive single machine scheduling problems",
Mathematical Programming 54 (1992); E. Arkin and E. Silverberg, "Scheduling jobs with fixed start and end times",
Discrete Applied Mathematics 18 (1987), for interval scheduling as a flow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scheduler.plan import Plan
from scheduler.problem import Problem, Window
from tests.bench.engines.places import Owner, all_places, displaced_terms, plan_of_places, sum_names

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
NONE: Ints = np.empty(0, np.int64)


class Stretch(NamedTuple):
    """Free days ``[start, end)`` of a window, and the row of the first of them."""

    start: int
    end: int
    row: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows ``lower <= A x <= upper`` in triplets, and the columns' upper bounds; all columns are 0 or more."""

    rows: Ints
    columns: Ints
    entries: Floats
    lower: Floats
    upper: Floats
    most: Floats
    whole: npt.NDArray[np.bool_]


class _Triplets:
    """Rows, columns and entries of a matrix as they come."""

    def __init__(self) -> None:
        self.parts: list[tuple[Ints, Ints, Floats]] = []
        self.lower: list[float] = []
        self.upper: list[float] = []

    def add(self, rows: Ints | int, columns: Ints, entries: Floats | float) -> None:
        shape = columns.shape
        self.parts.append(
            (np.broadcast_to(rows, shape), columns, np.broadcast_to(np.asarray(entries, dtype=float), shape))
        )

    def row(self, lower: float, upper: float) -> int:
        self.lower.append(lower)
        self.upper.append(upper)
        return len(self.lower) - 1


class TimeIndexed:
    """The problem's columns: campaigns first, then idle days, displaced bookings, parties served, targets reached.

    Attributes
    ----------
    places, place_of, start_of
        The places, and for each campaign column which of them it takes and from which day.
    matrix : Matrix
        The constraints.
    amounts : dict
        For each objective and limit what one of each column adds.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.places = all_places(problem)
        self._triplets = _Triplets()
        self.place_of, self.start_of = self._campaigns()
        self._ends: list[float] = []
        self._whole: list[bool] = []
        self._idle_days()
        self._by_owner = self._columns_by_owner()
        self._displaced = self._one_place_each()
        self._caps()
        self._parties = self._served() if "parties" in problem.objectives else NONE
        self._targets = self._reached() if "surge_output" in problem.objectives else NONE
        self.amounts = self._amounts()
        self.matrix = self._matrix()

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self.place_of) + len(self._ends)

    def plan(self, values: Floats) -> Plan:
        """Return the plan that a vector of column values describes."""
        taken = np.flatnonzero(values[: len(self.place_of)] > 0.5)
        return plan_of_places(self.problem, [(self.places[self.place_of[c]], int(self.start_of[c])) for c in taken])

    def _campaigns(self) -> tuple[Ints, Ints]:
        """Lay out the free stretches, then a column for each place and start day inside one of them."""
        self._stretches = _free_stretches(self.problem, self._triplets)
        spans = [
            (index, low, high, stretch)
            for index, place in enumerate(self.places)
            for stretch in self._stretches[place.window]
            for low, high in [(max(place.earliest, stretch.start), min(place.latest, stretch.end - place.duration))]
            if low <= high
        ]
        counts = np.array([high - low + 1 for _, low, high, _ in spans], dtype=np.int64)
        firsts = np.cumsum(counts) - counts
        days = np.arange(counts.sum()) - np.repeat(firsts, counts)
        starts = days + np.repeat(np.array([low for _, low, _, _ in spans], dtype=np.int64), counts)
        place_of = np.repeat(np.array([index for index, *_ in spans], dtype=np.int64), counts)
        columns = np.arange(len(starts))
        rows = starts + np.repeat(np.array([s.row - s.start for *_, s in spans], dtype=np.int64), counts)
        durations = self._durations()[place_of]
        inside = starts + durations < np.repeat(np.array([s.end for *_, s in spans], dtype=np.int64), counts)
        self._triplets.add(rows, columns, 1.0)
        self._triplets.add((rows + durations)[inside], columns[inside], -1.0)
        return place_of, starts

    def _durations(self) -> Ints:
        return np.array([place.duration for place in self.places], dtype=np.int64)

    def _new_columns(self, count: int, most: float, *, whole: bool) -> Ints:
        first = self.columns
        self._ends += [most] * count
        self._whole += [whole] * count
        return np.arange(first, first + count)

    def _idle_days(self) -> None:
        for stretch in (stretch for of_window in self._stretches.values() for stretch in of_window):
            count = stretch.end - stretch.start
            columns = self._new_columns(count, 1.0, whole=False)
            rows = np.arange(stretch.row, stretch.row + count)
            self._triplets.add(rows, columns, 1.0)
            self._triplets.add(rows[1:], columns[:-1], -1.0)

    def _columns_by_owner(self) -> dict[Owner, Ints]:
        by_owner: defaultdict[Owner, list[Ints]] = defaultdict(list)
        edges = np.searchsorted(self.place_of, np.arange(len(self.places) + 1))
        for place, (first, last) in zip(self.places, pairwise(edges), strict=True):
            by_owner[place.owner].append(np.arange(first, last))
        return {owner: np.concatenate(parts) for owner, parts in by_owner.items()}

    def _of(self, kind: str, name: str) -> Ints:
        return self._by_owner.get((kind, name), NONE)

    def _one_place_each(self) -> Ints:
        """Allow each demand one campaign; have each booking stay, move or be displaced; return the displaced."""
        for demand in self.problem.demands:
            if len(of_demand := self._of("demand", demand.id)):
                self._triplets.add(self._triplets.row(0, 1), of_demand, 1.0)
        displaced = self._new_columns(len(self.problem.movable), 1.0, whole=True)
        for booking, column in zip(self.problem.movable, displaced, strict=True):
            self._triplets.add(self._triplets.row(1, 1), np.append(self._of("booking", booking.id), column), 1.0)
        return displaced

    def _by_party(self) -> Iterator[Ints]:
        parties: defaultdict[str, list[Ints]] = defaultdict(list)
        for demand in self.problem.demands:
            parties[demand.party].append(self._of("demand", demand.id))
        return (np.concatenate(parts) for parts in parties.values())

    def _caps(self) -> None:
        caps, durations = self.problem.caps, self._durations()
        for of_party in self._by_party() if caps.bind else ():
            if caps.per_party is not None:
                self._triplets.add(self._triplets.row(0, caps.per_party), of_party, 1.0)
            if caps.days_per_party is not None:
                row = self._triplets.row(0, caps.days_per_party)
                self._triplets.add(row, of_party, durations[self.place_of[of_party]].astype(float))

    def _served(self) -> Ints:
        columns = []
        for of_party in self._by_party():
            columns.append(self._new_columns(1, 1.0, whole=True))
            row = self._triplets.row(-np.inf, 0)
            self._triplets.add(row, columns[-1], 1.0)
            self._triplets.add(row, of_party, -1.0)
        return np.concatenate([NONE, *columns])

    def _reached(self) -> Ints:
        columns = []
        for surge in self.problem.surges:
            of_surge = self._of("surge", surge.id)
            batches = [surge.options[self.places[place].option].batches for place in self.place_of[of_surge]]
            for target in surge.targets:
                made = [
                    sum(batch.output for batch in of_column if start + batch.after <= target.by)
                    for of_column, start in zip(batches, self.start_of[of_surge].tolist(), strict=True)
                ]
                columns.append(self._new_columns(1, float(target.quantity), whole=False))
                row = self._triplets.row(-np.inf, 0)
                self._triplets.add(row, columns[-1], 1.0)
                self._triplets.add(row, of_surge, -np.array(made, dtype=float))
        return np.concatenate([NONE, *columns])

    def _amounts(self) -> dict[str, Floats]:
        amounts: dict[str, Floats] = {}
        gone = np.array([displaced_terms(self.problem, booking) for booking in self.problem.movable], dtype=float)
        for position, name in enumerate(sum_names(self.problem)):
            terms = np.array([place.terms[position] for place in self.places], dtype=float).reshape(-1, 2)
            amounts[name] = np.zeros(self.columns)
            amounts[name][: len(self.place_of)] = terms[self.place_of, 0] + terms[self.place_of, 1] * self.start_of
            if len(gone):
                amounts[name][self._displaced] = gone[:, position]
        for name, columns in (("parties", self._parties), ("surge_output", self._targets)):
            if name in self.problem.objectives:
                amounts[name] = np.zeros(self.columns)
                amounts[name][columns] = 1.0
        return amounts

    def _matrix(self) -> Matrix:
        for name, limit in self.problem.limits.items():
            used = np.flatnonzero(self.amounts[name])
            self._triplets.add(self._triplets.row(-np.inf, limit), used, self.amounts[name][used])
        rows, columns, entries = (np.concatenate(part) for part in zip(*self._triplets.parts, strict=True))
        campaigns = len(self.place_of)
        return Matrix(
            rows,
            columns,
            entries,
            np.array(self._triplets.lower),
            np.array(self._triplets.upper),
            np.concatenate([np.ones(campaigns), np.array(self._ends)]),
            np.concatenate([np.ones(campaigns, dtype=bool), np.array(self._whole, dtype=bool)]),
        )


def _free_stretches(problem: Problem, triplets: _Triplets) -> dict[str, list[Stretch]]:
    """Return the stretches of each window between its fixed bookings, a row for each of their days."""
    taken: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for booking in problem.fixed:
        taken[booking.window].append((booking.start, booking.end))
    return {window.id: list(_between(window, sorted(taken[window.id]), triplets)) for window in problem.windows}


def _between(window: Window, taken: list[tuple[int, int]], triplets: _Triplets) -> Iterator[Stretch]:
    for (_, start), (end, _) in pairwise([(window.start, window.start), *taken, (window.end, window.end)]):
        if start < end:
            first = triplets.row(1, 1)
            for _ in range(end - start - 1):
                triplets.row(0, 0)
            yield Stretch(start, end, first)
