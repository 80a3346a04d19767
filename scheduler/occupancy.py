"""What occupies each window, kept sorted, and the first free start in it."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from typing import NamedTuple

from scheduler.problem import Option, Problem, SurgeOption


class Stretch(NamedTuple):
    """A period ``[start, end)`` of a window and whom it is for."""

    start: int
    end: int
    holder: str


def start_range(problem_windows: dict[str, tuple[int, int]], option: Option | SurgeOption) -> tuple[int, int]:
    """Return the first and last start that keep the option inside its window; empty when first > last."""
    start, end = problem_windows[option.window]
    return max(option.earliest, start), min(option.latest, end - option.duration)


def spans(problem: Problem) -> dict[str, tuple[int, int]]:
    """Return the period of each window by its identifier."""
    return {window.id: (window.start, window.end) for window in problem.windows}


class FreeStarts:
    """The starts at which an option misses every fixed booking of its window."""

    def __init__(self, problem: Problem) -> None:
        self.spans = spans(problem)
        self.fixed: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for booking in problem.fixed:
            self.fixed[booking.window].append((booking.start, booking.end))
        for stretches in self.fixed.values():
            stretches.sort()

    def of(self, option: Option | SurgeOption) -> list[list[int]]:
        """Return the closed intervals of starts, in order; none when the option fits nowhere."""
        first, last = start_range(self.spans, option)
        free: list[list[int]] = []
        for start, end in self.fixed.get(option.window, ()):
            if first <= min(last, start - option.duration):
                free.append([first, min(last, start - option.duration)])
            first = max(first, end)
        if first <= last:
            free.append([first, last])
        return free


class Calendar:
    """The occupied stretches of every window, never overlapping one another."""

    def __init__(self, problem: Problem) -> None:
        self.spans = spans(problem)
        self._taken: dict[str, list[Stretch]] = defaultdict(list)
        for booking in problem.fixed:
            self.take(booking.window, Stretch(booking.start, booking.end, booking.id))

    def holders(self, window: str, start: int, end: int) -> list[Stretch]:
        """Return the stretches that overlap ``[start, end)``, in order."""
        taken = self._taken[window]
        first = bisect_left(taken, (start,))
        if first and taken[first - 1].end > start:
            first -= 1
        last = bisect_left(taken, (end,))
        return taken[first:last]

    def is_free(self, window: str, start: int, end: int) -> bool:
        """Say whether nothing overlaps ``[start, end)``."""
        return not self.holders(window, start, end)

    def take(self, window: str, stretch: Stretch) -> None:
        """Occupy a stretch that is free."""
        insort(self._taken[window], stretch)

    def release(self, window: str, stretch: Stretch) -> None:
        """Free a stretch that was taken."""
        self._taken[window].remove(stretch)

    def first_start(self, option: Option | SurgeOption, *, not_before: int | None = None) -> int | None:
        """Return the earliest start at which the option fits as things stand, None if nowhere."""
        start, latest = start_range(self.spans, option)
        if not_before is not None:
            start = max(start, not_before)
        if start > latest:
            return None
        for stretch in self.holders(option.window, start, latest + option.duration):
            if stretch.start >= start + option.duration:
                break
            start = stretch.end
        return start if start <= latest else None
