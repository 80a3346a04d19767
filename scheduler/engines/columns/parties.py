"""Which places the demands of one party may take together under its caps: the largest such allowances.

A cap on days is a knapsack, of which the linear program takes fractions: half of a long place beside half of a short
one. An allowance gives some demands of a party so many days each, and leaves the others out. To ask that what a party
takes be within one allowance, or a mix of them, leaves no fraction of a single party's own.

Source: Martello, Toth, Knapsack Problems (1990); the allowances are the extreme points of Dantzig and Wolfe (1960).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scheduler.problem import Caps

MOST_ALLOWANCES = 3_000

Days = Mapping[int, Sequence[int]]
"""By demand, numbers of days, each once and in order."""

Allowance = dict[int, int]
"""By demand that may be placed, the most days that it may take."""


def allowances_within(days: Mapping[int, Sequence[int]], caps: Caps) -> tuple[Days, list[Allowance]]:
    """Return the numbers of days that are told apart, by demand, and the largest allowances of them; none if too many.

    Where they are too many, places are told apart no more: an allowance then says who is placed, in the fewest days.

    Parameters
    ----------
    days : mapping
        By demand, the days of each of its places.
    """
    told_apart = {demand: sorted(set(sizes)) for demand, sizes in days.items()}
    shortest = {demand: sizes[:1] for demand, sizes in told_apart.items()}
    for sizes in (told_apart, shortest):
        if (found := largest_allowances(sizes, caps)) is not None:
            return sizes, found
    return shortest, []


def largest_allowances(days: Days, caps: Caps) -> list[Allowance] | None:
    """Return the allowances within the caps that are part of no larger one, None where they are too many.

    Parameters
    ----------
    days : mapping
        By demand, the numbers of days that its places take.
    """
    count = len(days) if caps.per_party is None else caps.per_party
    room = sum(max(sizes) for sizes in days.values()) if caps.days_per_party is None else caps.days_per_party
    demands = sorted(days)
    found: list[Allowance] = []
    partial = [_Partial((), 0, math.inf, math.inf)]
    for demand in demands:
        partial = [longer for one in partial for longer in one.with_next(demand, days[demand], count, room)]
        if len(partial) > MOST_ALLOWANCES:
            return None
    for one in partial:
        is_full = len(one.members) == count
        if one.used + one.least_more > room and (is_full or one.used + one.shortest_left_out > room):
            found.append(dict(one.members))
    return found


class _Partial(NamedTuple):
    """An allowance for the first few demands.

    `least_more` is the fewest days that would give a member a longer place, `shortest_left_out` those that would place
    one that is left out.
    """

    members: tuple[tuple[int, int], ...]
    used: int
    least_more: float
    shortest_left_out: float

    def with_next(self, demand: int, sizes: Sequence[int], count: int, room: int) -> list[_Partial]:
        """Return what it becomes with each number of days for the next demand, and with none."""
        made = [self._replace(shortest_left_out=min(self.shortest_left_out, sizes[0]))]
        if len(self.members) == count:
            return made
        for size, longer in zip(sizes, [*sizes[1:], math.inf], strict=True):
            if self.used + size > room:
                break
            more = min(self.least_more, longer - size)
            made.append(_Partial((*self.members, (demand, size)), self.used + size, more, self.shortest_left_out))
        return made
