"""The best sequence of activities in every window at once, by dynamic programming over the days.

``best[t, w]`` is the most that window `w` can still gain from its day `t` on; ``v(a, t)`` is what activity `a`, which
takes ``d`` days, is worth on day `t`. Backwards from the end of the window, where it is 0, for all windows together::

    best[t, w] = max(best[t + 1, w], max over activities a of w that may start on t of v(a, t) + best[t + d, w])

A sequence may name one demand twice: that relaxation makes the program the time-indexed one, whose bound is nearly as
good and which needs no sets of demands.

Source: van den Akker, Hurkens, Savelsbergh, Time-Indexed Formulations for Machine Scheduling Problems: Column
Generation (2000).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scheduler.engines.columns.activities import Activities, Floats, Ints
from scheduler.engines.columns.program import Prices
from scheduler.engines.columns.ranges import Ranges

# Differences below this are rounding, not gain.
TINY = 1e-9
WORK_AN_ARC = 4e-9
WORK_A_DAY = 2e-5
WORK_A_RANGE = 2e-9
# An amount in a range takes a fifth of the time of an arc.
MOST_RANGES = 5


@dataclass(frozen=True, slots=True)
class Routes:
    """One sequence for each window, flattened: activities in the order of their starts, window by window."""

    window: Ints
    activity: Ints
    start: Ints


class Timetable:
    """Which activities may start on each day of their windows, ready for pricing."""

    def __init__(self, activities: Activities) -> None:
        self.activities = activities
        self.windows = len(activities.length)
        self.days = int(activities.length.max(initial=0))
        arcs = int((activities.last - activities.first + 1).sum())
        ranges = Ranges(activities)
        self.ranges = ranges if ranges.size <= MOST_RANGES * arcs else None
        work = WORK_AN_ARC * arcs if self.ranges is None else WORK_A_RANGE * ranges.size
        self.pass_work = work + WORK_A_DAY * self.days
        self._tops: tuple[object, object, Floats, NDArray[np.bool_]] | None = None

    @cached_property
    def starting(self) -> list[Ints]:
        """By day, the activities that may start on it, in the order of their windows."""
        acts = self.activities
        days = range(self.days)
        return [np.flatnonzero((acts.first <= day) & (day <= acts.last)).astype(np.int32) for day in days]

    def best(self, prices: Prices, allowed: NDArray[np.bool_] | None = None) -> Floats:
        """Return what every window can still gain from each of its days on, shape (days + 1, windows)."""
        acts = self.activities
        if self.ranges is not None and not prices.per_day.any():
            return self.ranges.best(self._top(self.ranges, prices, allowed)[0])
        useful = self._useful(prices, allowed)
        best = np.zeros((self.days + 1, self.windows))
        for day in range(self.days - 1, -1, -1):
            best[day] = best[day + 1]
            starting = self.starting[day]
            starting = starting[useful[starting]]
            if len(starting):
                windows = acts.window[starting]
                gain = prices.at(starting, day) + best[day + acts.duration[starting], windows]
                heads = _heads(windows)
                tops = windows[heads]
                best[day, tops] = np.maximum(best[day, tops], np.maximum.reduceat(gain, heads))
        return best

    def routes(self, prices: Prices, best: Floats, allowed: NDArray[np.bool_] | None = None) -> Routes:
        """Return one best sequence for each window, every activity as early as the best allows."""
        acts = self.activities
        if self.ranges is not None and not prices.per_day.any():
            top, useful = self._top(self.ranges, prices, allowed)
            return _in_windows(*self.ranges.routes(top, prices.worth, useful, best))
        useful = self._useful(prices, allowed)
        now = np.zeros(self.windows, dtype=np.int64)
        parts: list[tuple[Ints, Ints, Ints]] = []
        for day in range(self.days):
            starting = self.starting[day]
            starting = starting[useful[starting] & (now[acts.window[starting]] == day)]
            if len(starting):
                windows = acts.window[starting]
                gain = prices.at(starting, day) + best[day + acts.duration[starting], windows]
                as_good = np.flatnonzero((gain >= best[day, windows] - TINY) & (best[day, windows] > TINY))
                chosen = starting[as_good[_heads(windows[as_good])]]
                where = acts.window[chosen]
                parts.append((where, chosen, np.full(len(chosen), day, dtype=np.int64)))
                now[where] = day + acts.duration[chosen]
            now = np.maximum(now, day + 1)
        window, activity, start = (np.concatenate([*part, np.zeros(0, np.int64)]) for part in _columns_of(parts))
        return _in_windows(window, activity, start)

    def _useful(self, prices: Prices, allowed: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        return self.useful(prices) if allowed is None else self.useful(prices) & allowed

    def _top(
        self, ranges: Ranges, prices: Prices, allowed: NDArray[np.bool_] | None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the tops of the ranges and what is useful; once for the routes that follow on the best."""
        if self._tops is None or self._tops[0] is not prices or self._tops[1] is not allowed:
            useful = self._useful(prices, allowed)
            self._tops = prices, allowed, ranges.top(prices.worth, useful), useful
        return self._tops[2:]

    def best_through(self, prices: Prices, best: Floats, reached: Floats) -> Floats:
        """Return, by activity, the most that a sequence through it gains, whenever it starts."""
        acts = self.activities
        most = np.full(len(acts), -np.inf)
        for day, windows, starting in self.each_day():
            through = reached[day, windows] + prices.at(starting, day) + best[day + acts.duration[starting], windows]
            most[starting] = np.maximum(most[starting], through)
        return most

    def each_day(self) -> Iterator[tuple[int, Ints, Ints]]:
        """Yield each day, with the windows of what may start on it, and the activities that may."""
        for day, starting in enumerate(self.starting):
            yield day, self.activities.window[starting], starting.astype(np.int64)

    def useful(self, prices: Prices) -> NDArray[np.bool_]:
        """Tell which activities are worth more than nothing on some day."""
        return np.asarray(prices.most(self.activities) > TINY, dtype=np.bool_)

    def reached(self, prices: Prices) -> Floats:
        """Return the most that every window can have gained before each of its days, shape (days + 1, windows)."""
        acts = self.activities
        reached = np.zeros((self.days + 1, self.windows))
        for day in range(1, self.days + 1):
            reached[day] = reached[day - 1]
            starts = day - acts.duration
            ending = np.flatnonzero((acts.first <= starts) & (starts <= acts.last))
            if len(ending):
                windows, starts = acts.window[ending], starts[ending]
                gain = prices.at(ending, starts) + reached[starts, windows]
                heads = _heads(windows)
                tops = windows[heads]
                reached[day, tops] = np.maximum(reached[day, tops], np.maximum.reduceat(gain, heads))
        return reached


def _in_windows(window: Ints, activity: Ints, start: Ints) -> Routes:
    order = np.argsort(window, kind="stable")
    return Routes(window[order], activity[order], start[order])


def _heads(groups: Ints) -> Ints:
    """Return where each run of equal entries begins."""
    return np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1]))) if len(groups) else groups


def _columns_of(parts: list[tuple[Ints, Ints, Ints]]) -> list[tuple[Ints, ...]]:
    return list(zip(*parts, strict=True)) if parts else [(), (), ()]
