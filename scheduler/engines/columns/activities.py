"""What may run in each window, flattened: an activity for every option, kept booking and possible campaign.

Whatever an activity does for a target does not depend on its start: a campaign is one activity for the starts that
deliver a batch in time, and another for those that come too late.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheduler.engines.starts import Kind
from scheduler.occupancy import FreeStarts
from scheduler.problem import Option, Problem, Surge, SurgeOption

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Row(NamedTuple):
    kind: Kind
    owner: int
    option: int
    window: int
    first: int
    last: int
    duration: int


@dataclass(frozen=True, slots=True)
class Activities:
    """Parallel arrays, one entry an activity, sorted by window.

    Attributes
    ----------
    kind, owner, option
        A `Kind`, the position of its demand, booking or surge, and of the option in its list (-1 for a kept place).
    window
        Position of the window.
    first, last
        First and last start, both included, in days from the start of the window; every day between is free of
        fixed bookings for the whole `duration`.
    opening
        The day on which each window starts, by window.
    length
        The days of each window, by window.
    """

    kind: Ints
    owner: Ints
    option: Ints
    window: Ints
    first: Ints
    last: Ints
    duration: Ints
    opening: Ints
    length: Ints

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, chosen: Ints) -> Activities:
        """Return some of them, in the same windows."""
        return Activities(
            self.kind[chosen],
            self.owner[chosen],
            self.option[chosen],
            self.window[chosen],
            self.first[chosen],
            self.last[chosen],
            self.duration[chosen],
            self.opening,
            self.length,
        )


def activities_of(problem: Problem) -> Activities:
    """Return everything that may run in the problem's windows.

    An option around fixed bookings, or around the last starts that deliver in time, counts several times.
    """
    spans = {window.id: (position, window.start) for position, window in enumerate(problem.windows)}
    free = FreeStarts(problem)
    rows: list[_Row] = []
    for kind, owner, index, option in _options(problem):
        position, opening = spans[option.window]
        for first, last in _apart(free.of(option), _last_in_time(problem, kind, owner, option)):
            rows.append(_Row(kind, owner, index, position, first - opening, last - opening, option.duration))
    rows.sort(key=lambda row: row.window)
    table = np.array(rows, dtype=np.int64).reshape(len(rows), len(_Row._fields))
    opened = np.array([window.start for window in problem.windows], dtype=np.int64)
    length = np.array([window.end - window.start for window in problem.windows], dtype=np.int64)
    kinds, owners, options, positions, firsts, lasts, durations = (np.ascontiguousarray(part) for part in table.T)
    return Activities(kinds, owners, options, positions, firsts, lasts, durations, opened, length)


def _options(problem: Problem) -> Iterator[tuple[Kind, int, int, Option | SurgeOption]]:
    for d, demand in enumerate(problem.demands):
        for o, option in enumerate(demand.options):
            yield Kind.PLACE, d, o, option
    for b, booking in enumerate(problem.movable):
        yield Kind.KEEP, b, -1, Option(booking.window, booking.end - booking.start, booking.start, booking.start)
        for o, option in enumerate(booking.options):
            yield Kind.MOVE, b, o, option
    if "surge_output" in problem.objectives:
        for s, surge in enumerate(problem.surges):
            for o, campaign in enumerate(surge.options):
                yield Kind.RUN, s, o, campaign


def _last_in_time(problem: Problem, kind: Kind, owner: int, option: Option | SurgeOption) -> list[int]:
    """Return the last starts at which a batch of a campaign still counts for a target, in order."""
    if kind != Kind.RUN or not isinstance(option, SurgeOption):
        return []
    surge: Surge = problem.surges[owner]
    return sorted({target.by - batch.after for target in surge.targets for batch in option.batches})


def _apart(free: list[list[int]], last_starts: list[int]) -> Iterator[tuple[int, int]]:
    """Yield closed intervals of starts, none of them on both sides of one of the last starts."""
    for first, last in free:
        begin = first
        for until in last_starts:
            if begin <= until < last:
                yield begin, until
                begin = until + 1
        yield begin, last
