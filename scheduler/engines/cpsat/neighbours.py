"""Large neighbourhood search: open a few windows that compete for the same demands, and solve them again.

Source: Shaw, Using Constraint Programming and Local Search Methods to Solve Vehicle Routing Problems (1998).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from scheduler.engines.cpsat.decisions import Neighbourhood
from scheduler.plan import Plan
from scheduler.problem import Movable, Option, Problem, SurgeOption

FEWEST, FIRST = 2, 6
GROWTH = 1.15


class Neighbours:
    """Neighbourhoods of a problem, larger while they are quickly exhausted, smaller while they are not."""

    def __init__(self, problem: Problem, seed: int, *, first: int = FIRST) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._size = float(first)
        # Whoever could be somewhere else links the windows it could be in.
        sharers = [
            *(_places(demand.options) for demand in problem.demands),
            *(_places([*booking.options, booking]) for booking in problem.movable),
            *(_places(surge.options) for surge in problem.surges),
        ]
        self._sharers: dict[str, list[Sequence[str]]] = defaultdict(list)
        for windows in sharers:
            for window in windows:
                self._sharers[window].append(windows)
        self._windows = list(self._sharers)
        self.all_windows = frozenset(self._windows)

    def pick(self, plan: Plan) -> Neighbourhood:
        """Return windows grown from one of them by way of demands that could be in several."""
        size = min(int(self._size), len(self._windows))
        chosen = {self._chance.choice(self._windows): None}
        patience = 20 * size
        while len(chosen) < size and patience:
            patience -= 1
            window = self._chance.choice(list(chosen))
            chosen[self._chance.choice(self._chance.choice(self._sharers[window]))] = None
        return Neighbourhood(plan, frozenset(chosen))

    def learn(self, *, exhausted: bool) -> None:
        """Adapt the size to whether the last neighbourhood was searched to the end."""
        if exhausted:
            self._size = min(self._size * GROWTH, float(len(self._windows)))
        else:
            self._size = max(self._size / GROWTH, float(FEWEST))


def _places(options: Iterable[Option | SurgeOption | Movable]) -> Sequence[str]:
    return list(dict.fromkeys(option.window for option in options))
