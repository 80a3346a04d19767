"""On which days what may start: all that fits, or what a relaxation has left of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from scheduler.occupancy import FreeStarts
from scheduler.problem import Option, Problem, SurgeOption

Starts = list[list[int]]
"""Closed intervals of days, in order."""


class Kind(IntEnum):
    """What an activity in a window stands for."""

    PLACE = 0
    KEEP = 1
    MOVE = 2
    RUN = 3


Key = tuple[int, int, int]
"""A `Kind`, the position of the demand, booking or surge, and that of the option, -1 for a kept place."""


class Domain:
    """The starts of every option that miss fixed bookings, and are among those left, if any were dropped."""

    def __init__(self, problem: Problem, left: Mapping[Key, Starts] | None = None) -> None:
        self._free = FreeStarts(problem)
        self._left = left

    @property
    def size(self) -> int:
        """How many options have a start left, if any were dropped; 0 else."""
        return len(self._left or ())

    def of(self, key: Key, option: Option | SurgeOption) -> Starts:
        """Return the starts of an option; none when it fits nowhere."""
        if self._left is None:
            return self._free.of(option)
        return self._left.get(key, [])
