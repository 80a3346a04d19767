"""The plan that ways to better ones go on from: it may owe what earlier levels hold, at a price that rises."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scheduler.engines.incumbent import Incumbent
from scheduler.engines.meter import LEAST_WORK, Meter
from scheduler.engines.starts import Domain
from scheduler.objectives import goodness, parties_of, value
from scheduler.plan import Plan

SERVED = "served"
PATIENCE = 3


class Course:
    """One plan after the other, none worth less than the one before while prices stay.

    Parameters
    ----------
    best : Incumbent
        Is offered every plan on the way.
    prices : mapping of str to float
        What a unit costs that is owed to a held objective, and a party under `SERVED` that should be served.
    domain : Domain, optional
        The starts that a plan better than the best may have, instead of all.

    Attributes
    ----------
    plan : Plan
        The one to go on from; it respects all that cannot be owed.
    """

    def __init__(self, best: Incumbent, prices: Mapping[str, float], domain: Domain | None = None) -> None:
        self.best, self.prices, self.domain = best, dict(prices), domain
        self.plan = best.plan
        self._idle = 0

    @property
    def worth(self) -> float:
        """What the plan gains less the price of what it owes."""
        return self._worth(self.plan)

    @property
    def owed(self) -> dict[str, int]:
        """How much the plan falls short of, by held objective, and of how many parties to serve."""
        return self._owed_by(self.plan)

    def offer(self, plan: Plan) -> float:
        """Go on from a plan that is worth no less; return by how much it is worth more, or better than the best."""
        if not self._is_possible(plan):
            self.best.offer(plan)  # It may still respect all that the bound relies on.
            return 0.0
        before = self.best.reached
        self.best.offer(plan)
        more = self._worth(plan) - self.worth
        if more >= 0:
            self.plan = plan
        return max(0.0, more, self.best.reached - before)

    def take(self, step: Callable[[Meter], float], meter: Meter) -> float:
        """Take steps until the effort is over; what is owed gets dearer once turns gain nothing.

        Returns
        -------
        float
            What the steps gained together.
        """
        total, steps = 0.0, 0
        while not meter.is_over() and not self.best.is_settled:
            total += step(meter)
            meter.spend(LEAST_WORK)
            steps += 1
        self._idle = 0 if total else self._idle + min(steps, 1)
        if self._idle >= PATIENCE and self.owed:
            self.prices = {name: 2 * price for name, price in self.prices.items()}
            self._idle = 0
        if self.best.reached > self.worth:
            self.plan = self.best.plan
        return total

    def _is_possible(self, plan: Plan) -> bool:
        task = self.best.task
        firm = [hold for hold in task.holds if hold not in task.asked]
        return self.best.fits(plan) and all(
            goodness(hold.objective, value(task.problem, plan, hold.objective)) >= goodness(hold.objective, hold.value)
            for hold in firm
        )

    def _worth(self, plan: Plan) -> float:
        charge = sum(self.prices[name] * units for name, units in self._owed_by(plan).items())
        return self.best.gain(plan) - charge

    def _owed_by(self, plan: Plan) -> dict[str, int]:
        task = self.best.task
        owed = {hold.objective: hold.value - value(task.problem, plan, hold.objective) for hold in task.asked}
        owed[SERVED] = len(task.served - parties_of(task.problem, plan))
        return {name: units for name, units in owed.items() if units > 0}
