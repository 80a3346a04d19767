"""The part of a plan that a subject is in: what is solved again, while the rest stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scheduler.explanation.restriction import part_of, unused
from scheduler.objectives import goodness, value
from scheduler.plan import Choice, Plan, plan_of
from scheduler.problem import Demand, Movable, Option, Problem, Window
from scheduler.solution import Solution


@dataclass(frozen=True, slots=True)
class Bounds:
    """The best of each level for plans at least as good as `reached` on those before; more is better."""

    reached: tuple[int, ...]
    best: tuple[int, ...]


class Part:
    """The component of the subject in the given plan; the rest of the plan stays as it is.

    Attributes
    ----------
    elsewhere : frozenset of str
        Parties that the rest of the plan serves.
    apart : int
        On how many of the first objectives nothing outside the component could make up for what changes in it:
        parties that ask in several components end that.
    totals, reached : tuple of int
        The plan's values, of the whole problem, and here, signed so that more is better.
    """

    def __init__(self, problem: Problem, given: Solution, subject: Demand | Movable) -> None:
        whole = plan_of(given)
        self.problem = part_of(problem, subject)
        self.plan = whole.within(self.problem)
        mine = {demand.id for demand in self.problem.demands}
        parties = {demand.party for demand in self.problem.demands}
        others = [demand for demand in problem.demands if demand.id not in mine]
        self.elsewhere = frozenset(demand.party for demand in others if demand.id in whole.placed) & parties
        names = problem.objectives
        shared = any(demand.party in parties for demand in others if demand.options)
        self.apart = names.index("parties") if shared and "parties" in names else len(names)
        self.totals = tuple(value(problem, whole, name) for name in names)
        self.reached = self.standing(self.plan)
        self.known = _known(given, self.reached)

    def standing(self, plan: Plan) -> tuple[int, ...]:
        """Return the plan's values here, signed so that more is better; parties served elsewhere do not count."""
        return tuple(self._goodness(name, plan) for name in self.problem.objectives)

    def _goodness(self, name: str, plan: Plan) -> int:
        if name == "parties":
            placed = (demand.party for demand in self.problem.demands if demand.id in plan.placed)
            return len(set(placed) - self.elsewhere)
        return goodness(name, value(self.problem, plan, name))

    def with_parties_elsewhere(self) -> tuple[Problem, Plan]:
        """Return the component, and its plan, in which a party served elsewhere wins nothing more for `parties`.

        All such parties become one, which a demand with a window to itself already serves.
        """
        if not self.elsewhere or "parties" not in self.problem.objectives:
            return self.problem, self.plan
        demands, windows = self.problem.demands, self.problem.windows
        party = unused("served", [demand.party for demand in demands])
        name = unused("served", [*(demand.id for demand in demands), *(window.id for window in windows)])
        served = Demand(name, party, weight=0, options=(Option(name, 1, 0, 0, rank=0),))
        merged = (replace(one, party=party) if one.party in self.elsewhere else one for one in demands)
        window = Window(name, name, 0, 1)
        problem = replace(self.problem, demands=(*merged, served), windows=(*windows, window))
        return problem, replace(self.plan, placed={**self.plan.placed, name: Choice(0, 0)})


def _known(given: Solution, reached: tuple[int, ...]) -> list[Bounds]:
    """Return what the given solution has proven: its first levels, as far as each reaches its bound."""
    proven = next((i for i, level in enumerate(given.levels) if not level.proven), len(given.levels))
    return [Bounds(reached, reached[:proven])]
