"""Which periods of a calendar share a day, for many at once; pure, in n log n."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from app.capacity.supply import Span

Label = TypeVar("Label")


def crossing(entries: Iterable[tuple[Span, Label]]) -> Iterator[tuple[Label, Label]]:
    """Yield pairs whose periods share a day: few of them, but each entry that overlaps any is in one.

    In the order of first days, an entry overlaps an earlier one exactly if it overlaps that with the latest end.
    """
    latest: tuple[Span, Label] | None = None
    for span, label in sorted(entries, key=lambda one: one[0]):
        if latest is not None and span.start_on < latest[0].end_on:
            yield latest[1], label
        if latest is None or span.end_on > latest[0].end_on:
            latest = span, label


class Periods(Generic[Label]):
    """Periods that may overlap each other, asked one by one what lies over another."""

    def __init__(self, entries: Iterable[tuple[Span, Label]]) -> None:
        self._entries: Sequence[tuple[Span, Label]] = sorted(entries, key=lambda one: one[0])
        self._starts = [span.start_on for span, _ in self._entries]
        self._latest: list[int] = []
        for position, (span, _) in enumerate(self._entries):
            before = self._latest[-1] if self._latest else position
            self._latest.append(position if span.end_on > self._entries[before][0].end_on else before)

    def over(self, span: Span) -> tuple[Span, Label] | None:
        """Return an entry that shares a day with a span: of those that start before its end, the latest to end."""
        position = bisect_left(self._starts, span.end_on)
        if position == 0:
            return None
        entry = self._entries[self._latest[position - 1]]
        return entry if span.start_on < entry[0].end_on else None
