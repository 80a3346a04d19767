"""Sequences that name nobody twice, enumerated in order of days and cut off by what the days left could still gain.

Of sequences with the same members, one that ends no later and is no later in any other way is kept, and the others are
dropped: nothing else of a sequence depends on its days.

Source: Baldacci, Mingozzi, Roberti, New Route Relaxation and Pricing Strategies for the Vehicle Routing Problem
(2011), the completion bounds; Baldacci, Christofides, Mingozzi, An Exact Algorithm for the Vehicle Routing Problem
Based on the Set Partitioning Formulation (2008), the enumeration of all that a gap leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from scheduler.engines.columns.activities import Activities, Floats, Ints
from scheduler.engines.columns.program import Prices, Program
from scheduler.engines.columns.sequences import NOBODY, Sequences, joined
from scheduler.engines.meter import Meter
from scheduler.engines.starts import Kind

MOST_LABELS = 500
MOST_COLUMNS = 4
MOST_SEQUENCES = 400_000
MOST_AT_ONCE = 1_000_000
MOST_GROWN = 2_000_000
WORK_A_LABEL = 2e-7
LEAST_GAIN = 1e-9


@dataclass(frozen=True, slots=True)
class _Labels:
    """Unfinished sequences: their window, the day they end, what they gain, how late they are, and their steps."""

    window: Ints
    day: Ints
    gain: Floats
    late: Floats
    activity: Ints
    start: Ints
    owner: Ints
    print: NDArray[np.uint64]

    def take(self, chosen: Ints) -> _Labels:
        return _Labels(*(getattr(self, field.name)[chosen] for field in fields(self)))


def _together(parts: list[_Labels]) -> _Labels:
    if len(parts) == 1:
        return parts[0]
    return _Labels(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(_Labels)))


class Enumerator:
    """Finds sequences without repetition, each of its activities started as early as it can be."""

    def __init__(self, program: Program) -> None:
        acts = self.activities = program.activities
        self.owner = owner_numbers(program)
        self.lateness = program.lateness
        self.windows = len(acts.length)
        # Sequences of the same members have the same sum of these, modulo 2**64; others practically never.
        members = _member_numbers(acts)
        chance = np.random.default_rng(0)
        self.print = chance.integers(2**64, size=int(members.max(initial=0)) + 1, dtype=np.uint64)[members]

    def some_of(
        self, prices: Prices, best: Floats, least: Floats, meter: Meter, *, allowed: NDArray[np.bool_] | None = None
    ) -> Sequences:
        """Return sequences that gain more than `least`, by window, a few of the best of each.

        Beyond `MOST_LABELS` only the most promising unfinished sequences are followed.

        Parameters
        ----------
        prices : Prices
            What each activity is worth.
        best : ndarray
            Of `Timetable.best` for the same prices.
        least : ndarray
            By window.
        meter : Meter
            Where the work is counted.
        """
        useful = prices.most(self.activities) > LEAST_GAIN
        members = np.flatnonzero(useful if allowed is None else useful & allowed)
        found = []
        for labels in self._layers(prices, best, least, meter, members, follow=MOST_LABELS):
            done = np.flatnonzero(labels.gain > least[labels.window])
            if len(done):
                found.append(labels.take(done))
        return _best_of(found)

    def closest_of(self, prices: Prices, best: Floats, most: int, meter: Meter) -> Sequences:
        """Return so many sequences, those that fall least short of the best of their window, or nearly those.

        As many unfinished sequences are followed.
        """
        acts = self.activities
        furthest = 1.0 + np.abs(prices.worth).sum() + np.abs(prices.per_day * acts.last).sum()
        least = best[0] - furthest
        found = [
            Sequences(labels.window, labels.gain, labels.activity, labels.start)
            for labels in self._layers(prices, best, least, meter, np.arange(len(acts)), follow=most)
        ]
        return joined(*found).closest(best[0], most)

    def all_of(
        self, prices: Prices, best: Floats, least: Floats, meter: Meter, useful: NDArray[np.bool_]
    ) -> Sequences | None:
        """Return every sequence that gains at least `least`, None where they are too many or the effort is over.

        Parameters
        ----------
        useful : ndarray
            Tells, by activity, whether any such sequence may hold it.
        """
        least = lowered(least)
        found: list[_Labels] = []
        count = 0
        for labels in self._layers(prices, best, least, meter, np.flatnonzero(useful), follow=None):
            done = _earliest_of_each(labels, np.flatnonzero(labels.gain >= least[labels.window]))
            found.append(labels.take(done))
            count += len(done)
            if max(count, len(labels.window)) > MOST_SEQUENCES or meter.is_over():
                return None
        return _sequences(found)

    def _layers(
        self, prices: Prices, best: Floats, least: Floats, meter: Meter, members: Ints, *, follow: int | None
    ) -> Iterator[_Labels]:
        """Yield the sequences of one activity, then those of two, and so on."""
        acts = self.activities
        members = members[(best[0] > least)[acts.window[members]]]
        heads = np.searchsorted(acts.window[members], np.arange(self.windows + 1))
        start_at = np.flatnonzero(heads[1:] > heads[:-1])
        none = np.zeros((len(start_at), 0), dtype=np.int64)
        zero = np.zeros(len(start_at))
        nothing = np.zeros_like(start_at)
        labels = _Labels(start_at, nothing, zero, zero, none, none, none, np.zeros(len(start_at), np.uint64))
        while len(labels.window):
            counts = heads[labels.window + 1] - heads[labels.window]
            meter.spend(WORK_A_LABEL * int(counts.sum()))
            parts: list[_Labels] = []
            for chunk in _chunks(counts):
                parts.append(self._grown(labels.take(chunk), counts[chunk], prices, best - least, (members, heads)))
                if follow is None and (sum(len(part.window) for part in parts) > MOST_GROWN or meter.is_over()):
                    yield _together(parts)  # Too many, whichever of them are dropped.
                    return
            labels = _together(parts)
            labels = labels.take(_undominated(labels))
            if follow is not None and len(labels.window) > follow:
                promise = labels.gain + best[labels.day, labels.window] - least[labels.window]
                labels = labels.take(np.sort(np.argpartition(-promise, follow)[:follow]))
            if len(labels.window):
                yield labels
            if follow is None and (len(labels.window) > MOST_SEQUENCES or meter.is_over()):
                return

    def _grown(
        self, labels: _Labels, counts: Ints, prices: Prices, over: Floats, by_window: tuple[Ints, Ints]
    ) -> _Labels:
        """Return the sequences one activity longer that may still gain enough.

        `over` is what the days left of each window can gain beyond what is asked of it.
        """
        members, heads = by_window
        acts = self.activities
        which = np.repeat(np.arange(len(counts)), counts)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        activity = members[heads[labels.window[which]] + offset]
        start = np.maximum(labels.day[which], acts.first[activity])
        kept = start <= acts.last[activity]
        which, activity, start = which[kept], activity[kept], start[kept]
        window, end = labels.window[which], start + acts.duration[activity]
        gain = labels.gain[which] + prices.at(activity, start)
        kept = gain + over[end, window] > LEAST_GAIN
        which, activity, start, window, end, gain = (part[kept] for part in (which, activity, start, window, end, gain))
        kept = ~(labels.owner[which] == self.owner[activity][:, None]).any(axis=1)
        which, activity, start, window, end, gain = (part[kept] for part in (which, activity, start, window, end, gain))
        return _Labels(
            window,
            end,
            gain,
            labels.late[which] + self.lateness[activity] * start,
            np.column_stack((labels.activity[which], activity)),
            np.column_stack((labels.start[which], start)),
            np.column_stack((labels.owner[which], self._exclusive(activity))),
            labels.print[which] + self.print[activity],
        )

    def _exclusive(self, activity: Ints) -> Ints:
        """Return who cannot come again in a sequence with these activities: campaigns can."""
        return np.where(self.activities.kind[activity] == Kind.RUN, NOBODY, self.owner[activity])


def lowered(least: Floats) -> Floats:
    """Return what is asked of each window with the rounding of sums allowed for."""
    return least - LEAST_GAIN * (1 + np.abs(least))


def owner_numbers(program: Program) -> Ints:
    """Return a number for what each activity serves, the same for all that exclude one another."""
    acts = program.activities
    kind = np.where(acts.kind == Kind.KEEP, int(Kind.MOVE), acts.kind)
    # Campaigns may repeat: each is its own.
    owner = np.where(kind == Kind.RUN, np.arange(len(acts)), acts.owner)
    _, number = np.unique(np.stack([kind, owner]), axis=1, return_inverse=True)
    return number.astype(np.int64)


def _member_numbers(acts: Activities) -> Ints:
    """Return a number for each activity, the same where only the days tell them apart."""
    run = np.where(acts.kind == Kind.RUN, np.arange(len(acts)), NOBODY)
    _, number = np.unique(np.stack([acts.kind, acts.owner, acts.option, run]), axis=1, return_inverse=True)
    return number.astype(np.int64)


def _chunks(counts: Ints) -> Iterator[Ints]:
    """Yield positions in order, so many at a time that their counts fit into memory."""
    number = np.cumsum(counts) // MOST_AT_ONCE
    heads = np.flatnonzero(np.concatenate(([True], number[1:] != number[:-1])))
    for first, last in zip(heads, [*heads[1:], len(counts)], strict=True):
        yield np.arange(first, last)


def _undominated(labels: _Labels) -> Ints:
    """Return the labels that no other with the same members in the same window beats in its end or its lateness."""
    if not len(labels.window):
        return labels.window
    order = np.lexsort((labels.late, labels.day, labels.print, labels.window))
    fresh = _heads(labels.window[order], labels.print[order])
    group = np.cumsum(fresh)
    late = labels.late[order]
    # One running minimum for all groups: each is shifted below the one before.
    shift = group * (late.max() - late.min() + 1)
    lowest = np.minimum.accumulate(late - shift)
    kept = fresh.copy()
    kept[1:] |= (late - shift)[1:] < lowest[:-1]
    return np.sort(order[kept])


def _earliest_of_each(labels: _Labels, among: Ints) -> Ints:
    """Return, of those labels with the same members in the same window, the one that is the least late."""
    order = among[np.lexsort((labels.late[among], labels.print[among], labels.window[among]))]
    return np.sort(order[_heads(labels.window[order], labels.print[order])])


def _heads(window: Ints, marks: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tell where a run of equal entries begins."""
    fresh = np.ones(len(window), dtype=np.bool_)
    fresh[1:] = (window[1:] != window[:-1]) | (marks[1:] != marks[:-1])
    return fresh


def _sequences(found: list[_Labels]) -> Sequences:
    return joined(*(Sequences(labels.window, labels.gain, labels.activity, labels.start) for labels in found))


def _best_of(found: list[_Labels]) -> Sequences:
    """Return the sequences that gain most, at most `MOST_COLUMNS` of each window."""
    every = _sequences(found)
    return every.best_of_each(every.gain, MOST_COLUMNS)
