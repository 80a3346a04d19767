"""Chance that repeats itself: the same draws for the same names, on every machine and version of Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

Item = TypeVar("Item")


class Chance:
    """A stream of draws, named so that a change in one part of a scenario leaves the others as they are.

    Only `random()` is used of the standard generator: of it alone Python promises that it will go on producing the
    same sequence from the same seed.
    """

    def __init__(self, *names: object) -> None:
        self._random = random.Random("/".join(str(name) for name in names)).random  # noqa: S311 - not for secrets

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self._random()

    def integer(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self._random() * (high - low + 1))

    def happens(self, probability: float) -> bool:
        """True with that probability."""
        return self._random() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[int(self._random() * len(items))]

    def weighted(self, items: Sequence[tuple[Item, float]]) -> Item:
        """One of the items, each with the weight beside it."""
        totals = list(accumulate(weight for _, weight in items))
        drawn = self._random() * totals[-1]
        return next(item for (item, _), total in zip(items, totals, strict=True) if drawn < total)

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """Up to `count` of the items, in an order of chance."""
        rest = list(items)
        chosen: list[Item] = []
        while rest and len(chosen) < count:
            chosen.append(rest.pop(int(self._random() * len(rest))))
        return chosen
