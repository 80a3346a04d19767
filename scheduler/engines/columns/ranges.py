"""The best sequence of activities in every window, where the days on which they start change nothing but what fits.

An activity `a` is then worth the same ``v(a)`` on each of its days, so that of those of one window and one duration `d`
only the best counts on a day::

    top[t, w, d]  = max over activities of w and d that may start on t of v(a)
    best[t, w]    = max(best[t + 1, w], max over d of top[t, w, d] + best[t + d, w])

The starts of an activity are two ranges of days, each of the longest power of two that fits, which may overlap. From
the longest ranges to the shortest, each hands its best down to its two halves, so that the work grows with the windows,
their durations and days, and no longer with the days of each activity.

Source: Bender, Farach-Colton, The LCA Problem Revisited (2000), the ranges of powers of two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scheduler.engines.columns.activities import Activities, Floats, Ints

# As in pricing by days: differences below this are rounding, not gain.
TINY = 1e-9


class Ranges:
    """Which activities of one window and one duration may start when."""

    def __init__(self, activities: Activities) -> None:
        acts = self.activities = activities
        self.days, self.windows = int(acts.length.max(initial=0)), len(acts.length)
        longest = int(acts.duration.max(initial=0)) + 1
        keys, self._group = np.unique(acts.window * longest + acts.duration, return_inverse=True)
        self._window, self._duration = keys // longest, keys % longest
        self._members = np.argsort(self._group, kind="stable")
        self._heads = np.searchsorted(self._group[self._members], np.arange(len(keys) + 1))
        self._first_of_window = _heads(self._window)
        self._levels = self._by_level()

    @property
    def size(self) -> int:
        """How many amounts a pass looks at."""
        return len(self._window) * self.days * len(self._levels)

    def _by_level(self) -> list[tuple[Ints, Ints]]:
        """Return, by the power of two that its ranges have, each activity twice, and where its two ranges begin."""
        acts = self.activities
        level = np.frexp((acts.last - acts.first + 1).astype(np.float64))[1] - 1
        found = []
        for power in range(int(level.max(initial=0)) + 1):
            own = np.flatnonzero(level == power)
            begins = np.concatenate([acts.first[own], acts.last[own] - (1 << power) + 1])
            twice = np.concatenate([own, own])
            found.append((twice, begins * len(self._window) + self._group[twice]))
        return found

    def top(self, worth: Floats, useful: NDArray[np.bool_]) -> Floats:
        """Return the most that a useful activity of each group is worth on each day, -inf where none may start."""
        worth = np.where(useful, worth, -np.inf)
        top = np.full((self.days, len(self._window)), -np.inf)
        for power in reversed(range(len(self._levels))):
            own, cells = self._levels[power]
            np.maximum.at(top.reshape(-1), cells, worth[own])
            if power:
                half = 1 << (power - 1)
                top[half:] = np.maximum(top[half:], top[:-half])
        return top

    def best(self, top: Floats) -> Floats:
        """Return what every window can still gain from each of its days on, shape (days + 1, windows)."""
        best = np.zeros((self.days + 1, self.windows))
        if not len(self._window):
            return best
        owners = self._window[self._first_of_window]
        for day in range(self.days - 1, -1, -1):
            gain = top[day] + self._after(best, day, self._window, self._duration)
            best[day] = best[day + 1]
            best[day, owners] = np.maximum(best[day, owners], np.maximum.reduceat(gain, self._first_of_window))
        return best

    def routes(self, top: Floats, worth: Floats, useful: NDArray[np.bool_], best: Floats) -> tuple[Ints, Ints, Ints]:
        """Return the windows, the activities and the starts of one best sequence each, by day and window."""
        now = np.zeros(self.windows, dtype=np.int64)
        groups, starts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for day in range(self.days):
            waiting = np.flatnonzero((now == day)[self._window] & (top[day] > -np.inf))
            if len(waiting):
                windows = self._window[waiting]
                gain = top[day, waiting] + self._after(best, day, windows, self._duration[waiting])
                as_good = np.flatnonzero((gain >= best[day, windows] - TINY) & (best[day, windows] > TINY))
                chosen = waiting[as_good[_heads(windows[as_good])]]
                groups.append(chosen)
                starts.append(np.full(len(chosen), day, dtype=np.int64))
                now[self._window[chosen]] = day + self._duration[chosen]
            now = np.maximum(now, day + 1)
        group, start = np.concatenate(groups), np.concatenate(starts)
        return self._window[group], self._named(top, worth, useful, group, start), start

    def _after(self, best: Floats, day: int, windows: Ints, durations: Ints) -> Floats:
        # What would end too late is not allowed to start, whatever it finds here.
        return np.asarray(best[np.minimum(day + durations, self.days), windows], dtype=np.float64)

    def _named(self, top: Floats, worth: Floats, useful: NDArray[np.bool_], group: Ints, start: Ints) -> Ints:
        """Return the first activity of each group that is worth its top on a day."""
        acts = self.activities
        counts = self._heads[group + 1] - self._heads[group]
        which = np.repeat(np.arange(len(group)), counts)
        member = self._members[
            np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts - self._heads[group], counts)
        ]
        day = start[which]
        is_top = useful[member] & (acts.first[member] <= day) & (day <= acts.last[member])
        is_top &= worth[member] >= top[day, group[which]]
        named: Ints = member[is_top][_heads(which[is_top])]
        return named


def _heads(groups: Ints) -> Ints:
    """Return where each run of equal entries begins."""
    return np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1]))) if len(groups) else groups
