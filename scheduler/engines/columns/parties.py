"""Which demands of one party may be placed together under its caps: the largest such sets.

A cap on days is a knapsack, of which the linear program takes fractions. To ask that a party's demands be one set, or a
mix of sets, each within the caps, leaves no fraction of a single party's own.

Source: Martello, Toth, Knapsack Problems (1990); the sets are the extreme points of Dantzig and Wolfe (1960).
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.problem import Caps

MOST_SETS = 3_000


def largest_sets(days: Mapping[int, int], caps: Caps) -> list[tuple[int, ...]] | None:
    """Return the sets of demands within the caps that no further demand fits into, None where they are too many.

    Parameters
    ----------
    days : mapping
        By demand, the least number of days that it can take.
    """
    most = len(days) if caps.per_party is None else caps.per_party
    room = sum(days.values()) if caps.days_per_party is None else caps.days_per_party
    # From the longest to the shortest: what is left out is fitted by its days alone.
    order = sorted((demand for demand in days if days[demand] <= room), key=lambda demand: (-days[demand], demand))
    if most < 1:
        return [()]
    found: list[tuple[int, ...]] = []
    open_sets: list[tuple[tuple[int, ...], int, int, float]] = [((), 0, 0, float("inf"))]
    while open_sets:
        members, used, at, shortest_left_out = open_sets.pop()
        is_full = len(members) == most
        if at == len(order) or is_full:
            left_out = min([shortest_left_out, *(days[demand] for demand in order[at:])])
            if is_full or used + left_out > room:
                found.append(members)
        else:
            size = days[order[at]]
            open_sets.append((members, used, at + 1, min(shortest_left_out, size)))
            if used + size <= room:
                open_sets.append(((*members, order[at]), used + size, at + 1, shortest_left_out))
        if len(found) > MOST_SETS or len(open_sets) > MOST_SETS:
            return None
    return found
