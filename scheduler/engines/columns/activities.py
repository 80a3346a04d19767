"""What may run in each window, flattened: an activity for every option, kept booking and possible campaign.

Whatever an activity does for a target does not depend on its start: a campaign is one activity for the starts that
deliver a batch in time, and another for those that come too late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


WINDOW = _Row._fields.index("window")


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
    positions = {window.id: position for position, window in enumerate(problem.windows)}
    opened = np.array([window.start for window in problem.windows], dtype=np.int64)
    closed = np.array([window.end for window in problem.windows], dtype=np.int64)
    table = np.concatenate([_places(problem, positions, opened, closed), _others(problem, positions)])
    kind, owner, option, window, first, last, duration = table[np.argsort(table[:, WINDOW], kind="stable")].T.copy()
    first, last = first - opened[window], last - opened[window]
    return Activities(kind, owner, option, window, first, last, duration, opened, closed - opened)


def _places(problem: Problem, positions: Mapping[str, int], opened: Ints, closed: Ints) -> Ints:
    """Return a row for every place of a demand, in bulk where no fixed booking is in its window."""
    options = [option for demand in problem.demands for option in demand.options]
    count = len(options)
    counts = np.array([len(demand.options) for demand in problem.demands], dtype=np.int64)
    owner = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(count) - np.repeat(np.cumsum(counts) - counts, counts)
    window = np.fromiter((positions[option.window] for option in options), np.int64, count)
    duration = np.fromiter((option.duration for option in options), np.int64, count)
    first = np.maximum(np.fromiter((option.earliest for option in options), np.int64, count), opened[window])
    last = np.fromiter((option.latest for option in options), np.int64, count)
    last = np.minimum(last, closed[window] - duration)
    is_apart = np.zeros(len(opened), dtype=np.bool_)
    is_apart[[positions[booking.window] for booking in problem.fixed]] = True
    whole = np.flatnonzero((first <= last) & ~is_apart[window])
    kind = np.full(count, Kind.PLACE, dtype=np.int64)
    bulk = np.column_stack([kind, owner, index, window, first, last, duration])[whole]
    free = FreeStarts(problem)
    apart = [
        _Row(Kind.PLACE, int(owner[at]), int(index[at]), int(window[at]), begin, end, options[at].duration)
        for at in np.flatnonzero(is_apart[window]).tolist()
        for begin, end in free.of(options[at])
    ]
    return np.concatenate([bulk, _table(apart)])


def _others(problem: Problem, positions: Mapping[str, int]) -> Ints:
    """Return the rows of bookings and campaigns."""
    free = FreeStarts(problem)
    return _table(
        [
            _Row(kind, owner, index, positions[option.window], first, last, option.duration)
            for kind, owner, index, option in _options(problem)
            for first, last in _apart(free.of(option), _last_in_time(problem, kind, owner, option))
        ]
    )


def _table(rows: list[_Row]) -> Ints:
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(_Row._fields))


def _options(problem: Problem) -> Iterator[tuple[Kind, int, int, Option | SurgeOption]]:
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
