"""Unplaced demands that could take the place of one that goes after them.

A demand of higher priority *envies with justification* a placed one of lower priority if the plan stays feasible, caps
and limits included, when that one is taken out and the other is put on one of its own options: on days that the
one taken out held, or, where only a cap or a limit keeps the other out, anywhere. An exchange of two demands at
one time is all that this looks at: a demand that is long may need the places of several.

Source: M. Balinski and T. Sönmez, *A tale of two mechanisms: student placement*, Journal of Economic Theory 84
(1999), for justified envy; P. Biró and E. McDermid, *Matching with sizes (or scheduling with processing set
restrictions)*, Discrete Applied Mathematics 164 (2014), for why unequal sizes leave less than equal ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from scheduler.certificate.report import Counterexample
from scheduler.certificate.room import Entry, Room
from scheduler.certificate.wording import could_take_the_place
from scheduler.objectives import placing_term
from scheduler.occupancy import start_range
from scheduler.problem import Demand, Option, Problem, tier_of

Priority = tuple[int, ...]


class _Exchange(NamedTuple):
    """A placed demand taken out, and the entry of the one that takes its place."""

    instead: Demand
    entry: Entry


def priority(problem: Problem, demand: Demand) -> Priority:
    """Return the demand's priority; the greater goes first.

    It is what placing it adds to the objectives ``weight`` and ``weight:T``, in their order: with ``weight:1``
    before ``weight:2``, any weight of tier 1 goes before any of tier 2. Where no objective weighs demands it is the
    lower tier, then the greater weight.
    """
    names = [name for name in problem.objectives if name == "weight" or tier_of(name) is not None]
    if not names:
        return (-demand.tier, demand.weight)
    return tuple(placing_term(name, demand, 0).constant if demand.options else 0 for name in names)


def justified_envy(room: Room) -> Iterator[Counterexample]:
    """Yield, for each unplaced demand with justified envy, the exchange with the demand of the lowest priority."""
    envy = _Envy(room)
    for demand in room.problem.demands:
        if demand.options and demand.id not in room.plan.placed and (exchange := envy.of(demand)):
            yield _counterexample(room, exchange)


class _Envy:
    """The placed demands in order of priority, and where each could be replaced."""

    def __init__(self, room: Room) -> None:
        self.room = room
        placed = [demand for demand in room.problem.demands if demand.id in room.plan.placed]
        placed.sort(key=lambda demand: priority(room.problem, demand))
        self._lowest_first = placed
        self._priority = {demand.id: (priority(room.problem, demand), at) for at, demand in enumerate(placed)}
        self._by_party: dict[str, list[Demand]] = defaultdict(list)
        for demand in placed:
            self._by_party[demand.party].append(demand)

    def of(self, demand: Demand) -> _Exchange | None:
        """Return the exchange with the demand of the lowest priority that it could replace, None if there is none."""
        own = priority(self.room.problem, demand)
        exchanges = [*self._on_held_days(demand, own), *self._past_a_cap_or_limit(demand, own)]
        return min(exchanges, key=self._order, default=None)

    def _order(self, exchange: _Exchange) -> tuple[tuple[Priority, int], int, int]:
        instead, entry = exchange
        return self._priority[instead.id], entry.demand.options[entry.option].rank, entry.option

    def _on_held_days(self, demand: Demand, own: Priority) -> Iterator[_Exchange]:
        """Yield exchanges on days that a demand of lower priority holds."""
        for index, option in enumerate(demand.options):
            for held, start in self._replaceable(option):
                entry = Entry(demand, index, start, held)
                if own > self._priority[held.id][0] and self.room.admits(entry):
                    yield _Exchange(held, entry)

    def _replaceable(self, option: Option) -> Iterator[tuple[Demand, int]]:
        """Yield each demand whose place the option could use, with the earliest start that touches it."""
        window_start, window_end = self.room.calendar.spans[option.window]
        first, last = start_range(self.room.calendar.spans, option)
        if first > last:
            return
        holders = self.room.calendar.holders(option.window, window_start, window_end)
        for at, stretch in enumerate(holders):
            held = self.room.holders.get((option.window, stretch.start))
            if held is None:
                continue
            free_from = holders[at - 1].end if at else window_start
            free_until = holders[at + 1].start if at + 1 < len(holders) else window_end
            start = max(first, free_from, stretch.start - option.duration + 1)
            if start <= min(last, free_until - option.duration, stretch.end - 1):
                yield held, start

    def _past_a_cap_or_limit(self, demand: Demand, own: Priority) -> Iterator[_Exchange]:
        """Yield, for each option with free days, the first exchange that brings it within caps and limits.

        Only for a demand that fits nowhere as things stand: where days are free, caps or limits keep it out.
        """
        if self.room.entry(demand) is not None:
            return
        for index, option in enumerate(demand.options):
            start = self.room.calendar.first_start(option)
            if start is None:
                continue
            free = Entry(demand, index, start)
            same_party_only = not self.room.admits_by_caps(free)
            for held in self._by_party[demand.party] if same_party_only else self._lowest_first:
                if own <= self._priority[held.id][0]:
                    break
                if self.room.admits(free._replace(instead=held)):
                    yield _Exchange(held, free._replace(instead=held))
                    break


def _counterexample(room: Room, exchange: _Exchange) -> Counterexample:
    instead, (demand, index, start, _) = exchange
    option = demand.options[index]
    windows = dict.fromkeys((option.window, instead.options[room.plan.placed[instead.id].option].window))
    end = start + option.duration
    return Counterexample(
        could_take_the_place(demand, instead, option.window, start, end),
        demands=(demand.id, instead.id),
        windows=tuple(windows),
        option=index,
        start=start,
        end=end,
        effect=room.effect(exchange.entry),
    )
