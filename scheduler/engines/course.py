"""The plan that ways to better ones go on from: it may owe what earlier levels hold, at a price that rises."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.engines.incumbent import Incumbent
from scheduler.objectives import parties_of, value
from scheduler.plan import Plan
from scheduler.problem import is_maximised
from scheduler.tasks import Hold, Task

SERVED = "served"
PATIENCE = 3


class Course:
    """One plan after the other, none worth less than the one before.

    Parameters
    ----------
    best : Incumbent
        Is offered every plan on the way.
    prices : mapping of str to float
        What a unit costs that is owed to a held objective, and a party under `SERVED` that should be served.

    Attributes
    ----------
    plan : Plan
        The one to go on from.
    """

    def __init__(self, best: Incumbent, prices: Mapping[str, float]) -> None:
        self.best, self.prices = best, dict(prices)
        self.plan = best.plan
        self._idle = 0

    @property
    def worth(self) -> float:
        """What the plan gains less the price of what it owes."""
        return self._worth(self.plan)

    @property
    def owes(self) -> bool:
        """Whether the plan falls short of what it should reach."""
        return bool(self._charge(self.plan))

    def offer(self, plan: Plan) -> float:
        """Go on from a plan that is worth no less; return by how much it is worth more."""
        self.best.offer(plan)
        more = self._worth(plan) - self.worth
        if more >= 0:
            self.plan = plan
        return max(0.0, more)

    def tell(self, gained: float) -> None:
        """Hear what a turn gained: what is owed gets dearer while nothing gets better."""
        self._idle = 0 if gained else self._idle + 1
        if self._idle >= PATIENCE and self.owes:
            self.prices = {name: 2 * price for name, price in self.prices.items()}
            self._idle = 0
        if self.best.reached > self.worth:
            self.plan = self.best.plan

    def _worth(self, plan: Plan) -> float:
        return self.best.gain(plan) - self._charge(plan)

    def _charge(self, plan: Plan) -> float:
        task = self.best.task
        owed = {hold.objective: hold.value - value(task.problem, plan, hold.objective) for hold in asked(task)}
        owed[SERVED] = len(task.served - parties_of(task.problem, plan))
        return sum(self.prices[name] * units for name, units in owed.items() if units > 0)


def asked(task: Task) -> tuple[Hold, ...]:
    """Return the holds that a plan may fall short of: those of objectives of which more is better."""
    return tuple(hold for hold in task.holds if is_maximised(hold.objective) and hold.value > 0)
