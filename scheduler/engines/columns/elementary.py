"""Sequences that name nobody twice, enumerated in order of days and cut off by what the days left could still gain.

Source: Baldacci, Mingozzi, Roberti, New Route Relaxation and Pricing Strategies for the Vehicle Routing Problem
(2011), the completion bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.engines.columns.activities import Activities, Floats, Ints
from scheduler.engines.columns.master import Column
from scheduler.engines.columns.program import Prices
from scheduler.engines.meter import Meter

MOST_LABELS = 500
MOST_COLUMNS = 4
WORK_A_LABEL = 2e-7
LEAST_GAIN = 1e-9


@dataclass(frozen=True, slots=True)
class _Labels:
    """Unfinished sequences: their window, the day they end, what they gain, and their steps, one column each."""

    window: Ints
    day: Ints
    gain: Floats
    activity: Ints
    start: Ints
    owner: Ints
    print: Ints

    def take(self, chosen: Ints) -> _Labels:
        return _Labels(
            self.window[chosen],
            self.day[chosen],
            self.gain[chosen],
            self.activity[chosen],
            self.start[chosen],
            self.owner[chosen],
            self.print[chosen],
        )


class Enumerator:
    """Finds the best sequences without repetition of timeless programs, in which an early start is never worse."""

    def __init__(self, activities: Activities, owner: Ints) -> None:
        self.activities, self.owner = activities, owner
        self.windows = len(activities.length)
        # Equal sets have equal sums of these; different ones practically never.
        self.print = np.random.default_rng(0).integers(2**62, size=int(owner.max(initial=0)) + 1)

    def columns(
        self,
        prices: Prices,
        best: Floats,
        least: Floats,
        meter: Meter,
        *,
        allowed: NDArray[np.bool_] | None = None,
    ) -> list[Column]:
        """Return sequences that gain more than `least`, by window, a few of the best of each.

        Beyond `MOST_LABELS` only the most promising unfinished sequences are followed.

        Parameters
        ----------
        prices : Prices
            What each activity is worth, whenever it starts.
        best : ndarray
            Of `Timetable.best` for the same prices.
        least : ndarray
            By window.
        meter : Meter
            Where the work is counted.
        """
        acts = self.activities
        useful = prices.worth > 1e-9 if allowed is None else (prices.worth > 1e-9) & allowed
        members = np.flatnonzero(useful & (best[0] > least)[acts.window])
        heads = np.searchsorted(acts.window[members], np.arange(self.windows + 1))
        start_at = np.flatnonzero(heads[1:] > heads[:-1])
        none = np.zeros((len(start_at), 0), dtype=np.int64)
        nothing = np.zeros_like(start_at)
        labels = _Labels(start_at, nothing, np.zeros(len(start_at)), none, none, none, nothing)
        found: list[_Labels] = []
        while len(labels.window):
            meter.spend(WORK_A_LABEL * len(labels.window) * len(members) / max(1, len(start_at)))
            labels = self._grown(labels, prices.worth, best - least, (members, heads))
            if len(labels.window) > MOST_LABELS:
                promise = labels.gain + best[labels.day, labels.window] - least[labels.window]
                labels = labels.take(np.sort(np.argpartition(-promise, MOST_LABELS)[:MOST_LABELS]))
            done = np.flatnonzero(labels.gain > least[labels.window])
            if len(done):
                found.append(labels.take(done))
        return _best_of(found)

    def _grown(self, labels: _Labels, worth: Floats, over: Floats, by_window: tuple[Ints, Ints]) -> _Labels:
        """Return the sequences one activity longer that may still gain enough; of equals the first to end.

        `over` is what the days left of each window can gain beyond what is asked of it.
        """
        members, heads = by_window
        acts = self.activities
        counts = heads[labels.window + 1] - heads[labels.window]
        which = np.repeat(np.arange(len(counts)), counts)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        activity = members[heads[labels.window[which]] + offset]
        start = np.maximum(labels.day[which], acts.first[activity])
        kept = start <= acts.last[activity]
        which, activity, start = which[kept], activity[kept], start[kept]
        window, end = labels.window[which], start + acts.duration[activity]
        gain = labels.gain[which] + worth[activity]
        kept = gain + over[end, window] > LEAST_GAIN
        if labels.owner.shape[1]:
            kept &= ~(labels.owner[which] == self.owner[activity][:, None]).any(axis=1)
        which, activity, start, window, end, gain = (part[kept] for part in (which, activity, start, window, end, gain))
        grown = _Labels(
            window,
            end,
            gain,
            np.column_stack((labels.activity[which], activity)),
            np.column_stack((labels.start[which], start)),
            np.column_stack((labels.owner[which], self.owner[activity])),
            labels.print[which] + self.print[self.owner[activity]],
        )
        return grown.take(_first_of_each(grown))


def _first_of_each(labels: _Labels) -> Ints:
    """Return, of the labels with the same members in the same window, those that end first."""
    if not len(labels.window):
        return labels.window
    order = np.lexsort((labels.day, labels.print, labels.window))
    window, marks = labels.window[order], labels.print[order]
    first = np.concatenate(([True], (window[1:] != window[:-1]) | (marks[1:] != marks[:-1])))
    return order[first]


def _best_of(found: list[_Labels]) -> list[Column]:
    """Return the sequences that gain most, at most `MOST_COLUMNS` of each window."""
    columns: list[Column] = []
    if not found:
        return columns
    window = np.concatenate([labels.window for labels in found])
    gain = np.concatenate([labels.gain for labels in found])
    part = np.concatenate([np.full(len(labels.window), at) for at, labels in enumerate(found)])
    place = np.concatenate([np.arange(len(labels.window)) for labels in found])
    order = np.lexsort((place, part, -gain, window))
    heads = np.searchsorted(window[order], window[order], side="left")
    for at in order[np.arange(len(order)) - heads < MOST_COLUMNS].tolist():
        labels, row = found[part[at]], place[at]
        steps = zip(labels.activity[row].tolist(), labels.start[row].tolist(), strict=True)
        columns.append(Column(int(window[at]), tuple(steps)))
    return columns
