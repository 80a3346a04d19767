"""Sequences of activities in bulk: parallel arrays, a row a sequence, and the pools that later levels choose from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.engines.columns.activities import Floats, Ints
from scheduler.engines.columns.master import Column
from scheduler.engines.columns.program import Prices
from scheduler.objectives import goodness
from scheduler.tasks import Hold

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Sequences:
    """Sequences of activities, row by row: `activity` and `start` have a column a step, -1 behind the last one.

    `gain` is what they gain at the prices they were found with.
    """

    window: Ints
    gain: Floats
    activity: Ints
    start: Ints

    def __len__(self) -> int:
        return len(self.window)

    def take(self, chosen: NDArray[np.bool_] | Ints) -> Sequences:
        """Return some of them."""
        return Sequences(self.window[chosen], self.gain[chosen], self.activity[chosen], self.start[chosen])

    def best_of_each(self, amount: Floats, most: int) -> Sequences:
        """Return those with the greatest amounts, so many of each window."""
        order = np.lexsort((np.arange(len(amount)), -amount, self.window))
        heads = np.searchsorted(self.window[order], self.window[order], side="left")
        return self.take(order[np.arange(len(order)) - heads < most])

    def closest(self, most_of_window: Floats, count: int) -> Sequences:
        """Return so many of them, those that fall least short of the most that their window can gain."""
        short = most_of_window[self.window] - self.gain
        return self.take(np.sort(np.argsort(short, kind="stable")[:count]))

    def priced(self, prices: Prices) -> Sequences:
        """Return them with what they gain at other prices."""
        steps = prices.worth[self.activity] + prices.per_day[self.activity] * self.start
        gain = np.where(self.activity != NOBODY, steps, 0.0).sum(axis=1)
        return Sequences(self.window, gain, self.activity, self.start)

    def columns(self) -> list[Column]:
        """Return them as columns."""
        return [self.column(row) for row in range(len(self))]

    def column(self, row: int) -> Column:
        """Return one of them as a column."""
        steps = zip(self.activity[row].tolist(), self.start[row].tolist(), strict=True)
        return Column(int(self.window[row]), tuple(step for step in steps if step[0] != NOBODY))


def joined(*parts: Sequences) -> Sequences:
    """Return the sequences of all parts, in their order."""
    depth = max((part.activity.shape[1] for part in parts), default=0)

    def padded(steps: Ints) -> Ints:
        return np.pad(steps, ((0, 0), (0, depth - steps.shape[1])), constant_values=NOBODY)

    return Sequences(
        np.concatenate([np.zeros(0, np.int64), *(part.window for part in parts)]),
        np.concatenate([np.zeros(0), *(part.gain for part in parts)]),
        np.concatenate([np.zeros((0, depth), np.int64), *(padded(part.activity) for part in parts)]),
        np.concatenate([np.zeros((0, depth), np.int64), *(padded(part.start) for part in parts)]),
    )


def sequences_of(columns: Iterable[Column], prices: Prices) -> Sequences:
    """Return columns as sequences, with what they gain at these prices."""
    listed = list(columns)
    depth = max((len(column.steps) for column in listed), default=0)
    blank = (NOBODY, NOBODY)
    steps = [[*column.steps, *[blank] * (depth - len(column.steps))] for column in listed]
    table = np.array(steps, dtype=np.int64).reshape(len(listed), depth, 2)
    window = np.array([column.window for column in listed], dtype=np.int64)
    return Sequences(window, np.zeros(len(listed)), table[:, :, 0], table[:, :, 1]).priced(prices)


@dataclass(frozen=True, slots=True)
class Pool:
    """Sequences that hold every plan which reaches certain values of some objectives, and serves certain parties.

    Attributes
    ----------
    least : mapping
        By objective, what a plan must reach, signed so that more is better.
    served : frozenset of str
        The parties that a plan must serve.
    """

    sequences: Sequences
    least: Mapping[str, int]
    served: frozenset[str]

    def holds_all(self, holds: Iterable[Hold], served: frozenset[str]) -> bool:
        """Say whether it holds every plan that respects the holds and serves the parties."""
        held = {hold.objective: goodness(hold.objective, hold.value) for hold in holds}
        return self.served <= served and all(name in held and held[name] >= least for name, least in self.least.items())
