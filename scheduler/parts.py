"""A component of a problem while its levels are climbed: its best plan so far, and its bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.objectives import goodness, parties_of, value, within_limits
from scheduler.plan import Plan
from scheduler.problem import Problem
from scheduler.tasks import EngineError
from scheduler.tidy import filled, without_idle_runs


@dataclass(slots=True)
class Part:
    """A component, with bounds by level.

    Attributes
    ----------
    compared : sequence of str
        The objectives by which plans are compared, in order: those that components add up.
    bounds : list of int
        One for each level begun.
    served : frozenset of str
        Parties that this component must go on serving, because no other is to.
    surely_served : frozenset of str
        Those of them that every plan serves here which serves as many parties as this one.
    memory : object
        What the engine wants back with the next task.
    """

    problem: Problem
    plan: Plan
    compared: Sequence[str]
    bounds: list[int] = field(default_factory=list)
    served: frozenset[str] = frozenset()
    surely_served: frozenset[str] = frozenset()
    memory: object = None

    def value(self, objective: str) -> int:
        """Return the plan's value."""
        return value(self.problem, self.plan, objective)

    def gap(self, level: int) -> int:
        """Return how far the plan is from the bound of a level, signed as the objective is."""
        return self.bounds[level] - self.value(self.problem.objectives[level])

    def is_proven(self, level: int) -> bool:
        """Say whether the plan reaches its bound."""
        return self.gap(level) == 0

    def offer(self, plan: Plan) -> None:
        """Take a plan, freed of idle campaigns or with its free room used, if it is better."""
        lean = without_idle_runs(self.problem, plan)
        self.compare(lean)
        self.compare(filled(self.problem, lean))

    def compare(self, plan: Plan) -> None:
        """Take a plan if it is within the limits, serves whom it must, and is better on the levels compared."""
        if self._rank(plan) > self._rank(self.plan) and within_limits(self.problem, plan) and self._serves(plan):
            self.plan = plan

    def tighten(self, level: int, bound: int) -> None:
        """Take a bound that is closer.

        Raises
        ------
        EngineError
            The bound is on the wrong side of a plan.
        """
        name = self.problem.objectives[level]
        if goodness(name, bound) < goodness(name, self.value(name)):
            raise EngineError(f"{name}: bound {bound} contradicts a plan with {self.value(name)}")
        if goodness(name, bound) < goodness(name, self.bounds[level]):
            self.bounds[level] = bound

    def _rank(self, plan: Plan) -> tuple[int, ...]:
        return tuple(goodness(name, value(self.problem, plan, name)) for name in self.compared)

    def _serves(self, plan: Plan) -> bool:
        return self.served <= parties_of(self.problem, plan)


def share_parties(parts: Sequence[Part]) -> None:
    """Let each party that is served go on being served by the first component that serves it."""
    homes = Counter(party for part in parts for party in {demand.party for demand in part.problem.demands})
    by_part = [parties_of(part.problem, part.plan) for part in parts]
    everyone = set().union(*by_part) == set(homes)
    served = set[str]()
    for part, here in zip(parts, by_part, strict=True):
        part.served = frozenset(here - served)
        part.surely_served = frozenset(party for party in part.served if everyone and homes[party] == 1)
        served |= here
