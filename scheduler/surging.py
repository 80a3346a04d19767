"""Campaigns for surges by greed: the most output first, into free room, then in the place of movable bookings."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from scheduler.draft import Draft
from scheduler.objectives import displacing_value
from scheduler.occupancy import Stretch, start_range
from scheduler.plan import deliveries
from scheduler.problem import Movable, Problem, Surge, SurgeOption


class _Bid(NamedTuple):
    """A campaign that could run: sorted so that the best comes first."""

    worth: float
    end: int
    option: int
    start: int
    ousted: tuple[str, ...]


class Output:
    """What a surge's campaigns so far make available by each target's day."""

    def __init__(self, surge: Surge) -> None:
        self.surge = surge
        self._made = [0] * len(surge.targets)

    def gain(self, option: SurgeOption, start: int) -> int:
        """Return how much one more campaign would add to ``surge_output``."""
        return sum(
            min(target.quantity, made + added) - min(target.quantity, made)
            for target, made, added in zip(self.surge.targets, self._made, self._adds(option, start), strict=True)
        )

    def add(self, option: SurgeOption, start: int) -> None:
        """Count a campaign in."""
        added = self._adds(option, start)
        self._made = [made + more for made, more in zip(self._made, added, strict=True)]

    def drop_if_idle(self, option: SurgeOption, start: int) -> bool:
        """Count a campaign out if no target would be further off without it; say whether it was."""
        added = self._adds(option, start)
        fewer = [made - less for made, less in zip(self._made, added, strict=True)]
        idle = all(
            left >= min(target.quantity, made)
            for target, made, left in zip(self.surge.targets, self._made, fewer, strict=True)
        )
        if idle:
            self._made = fewer
        return idle

    def _adds(self, option: SurgeOption, start: int) -> list[int]:
        made = deliveries(option, start)
        return [sum(output for day, output in made if day <= target.by) for target in self.surge.targets]


def serve_surges(draft: Draft) -> None:
    """Add campaigns to the draft while they add output; bookings give way only where output comes first."""
    for surge in draft.problem.surges:
        output = Output(surge)
        _fill(draft, output, _FreeRoom(draft, output))
        if output_comes_first(draft.problem):
            _fill(draft, output, _TakenRoom(draft, output))


def output_comes_first(problem: Problem) -> bool:
    """Say whether ``surge_output`` is to be raised even where bookings must move or go."""
    names = problem.objectives
    if "surge_output" not in names:
        return False
    return "displacement" not in names or names.index("surge_output") < names.index("displacement")


class _FreeRoom:
    """Bids for room that nobody holds; the best is the one that adds most."""

    def __init__(self, draft: Draft, output: Output) -> None:
        self.draft, self.output = draft, output

    def best(self, index: int) -> _Bid | None:
        """Return the option's earliest campaign in free room if it adds output."""
        option = self.output.surge.options[index]
        start = self.draft.calendar.first_start(option)
        gain = 0 if start is None else self.output.gain(option, start)
        if start is None or not gain:
            return None
        return _Bid(-gain, start + option.duration, index, start, ())


class _TakenRoom:
    """Bids that oust movable bookings; the best adds most for each point of displacement."""

    def __init__(self, draft: Draft, output: Output) -> None:
        self.draft, self.output = draft, output
        self.movable = {booking.id: booking for booking in draft.problem.movable}

    def best(self, index: int) -> _Bid | None:
        """Return the option's campaign with the most output for what it would cost, None if it adds none."""
        option = self.output.surge.options[index]
        bids = (self._bid(option, index, start) for start in self._starts(option))
        return min((bid for bid in bids if bid is not None), default=None)

    def _starts(self, option: SurgeOption) -> Iterator[int]:
        first, last = start_range(self.draft.calendar.spans, option)
        if first > last:
            return
        yield first
        for stretch in self.draft.calendar.holders(option.window, first, last + option.duration):
            if first < stretch.end <= last:
                yield stretch.end

    def _bid(self, option: SurgeOption, index: int, start: int) -> _Bid | None:
        gain = self.output.gain(option, start)
        if not gain:
            return None
        end = start + option.duration
        ousted = self._ousted(self.draft.calendar.holders(option.window, start, end), option.window)
        if ousted is None:
            return None
        cost = sum(displacing_value("displacement", booking) for booking in ousted)
        limits = self.draft.problem.limits
        spent = [(name, sum(displacing_value(name, booking) for booking in ousted)) for name in limits]
        if not self.draft.affords(spent):
            return None
        return _Bid(-gain / (1 + cost), end, index, start, tuple(booking.id for booking in ousted))

    def _ousted(self, holders: list[Stretch], window: str) -> list[Movable] | None:
        """Return the bookings in the way, None if something that cannot give way is among them."""
        ousted = []
        for stretch in holders:
            booking = self.movable.get(stretch.holder)
            in_place = booking is not None and (booking.window, booking.start) == (window, stretch.start)
            gone = stretch.holder in self.draft.moved or stretch.holder in self.draft.displaced
            if booking is None or gone or not in_place:
                return None
            ousted.append(booking)
        return ousted


def _fill(draft: Draft, output: Output, room: _FreeRoom | _TakenRoom) -> None:
    """Run the best campaign again and again; a bid is looked at afresh when it comes to the top."""
    heap: list[_Bid] = []
    for index in range(len(output.surge.options)):
        if bid := room.best(index):
            heappush(heap, bid)
    movable = {booking.id: booking for booking in draft.problem.movable}
    while heap:
        bid = heappop(heap)
        now = room.best(bid.option)
        if now is None:
            continue
        if heap and now > heap[0]:
            heappush(heap, now)
            continue
        if not draft.affords(draft.campaign_costs(output.surge, now.option)):
            continue
        ousted = [movable[booking] for booking in now.ousted]
        draft.evict(ousted)
        draft.run(output.surge, now.option, now.start)
        draft.settle(ousted)
        output.add(output.surge.options[now.option], now.start)
        heappush(heap, now)
