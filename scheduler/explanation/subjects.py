"""What can be explained, and how a plan is made to have it in a certain place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from scheduler.explanation.restriction import Shut
from scheduler.explanation.statements import Who
from scheduler.plan import Plan, keeps
from scheduler.problem import MOST_DAYS, Demand, Fixed, Movable, Problem
from scheduler.solution import Solution


def who_is(subject: Demand | Movable) -> Who:
    """Return the demand or booking as an explanation names it."""
    return Who("demand" if isinstance(subject, Demand) else "movable", subject.id, subject.party, subject.weight)


class Wish(Protocol):
    """A subject in a place where a plan does not have it."""

    @property
    def who(self) -> Who:
        """The demand or the booking."""
        ...

    @property
    def windows(self) -> frozenset[str]:
        """The windows in which it could be granted."""
        ...

    def imposed_on(self, problem: Problem, objectives: Sequence[str]) -> Problem:
        """Return the problem whose best plans grant the wish if any does, and then pursue the objectives."""
        ...

    def is_granted(self, plan: Plan) -> bool:
        """Say whether the plan grants the wish."""
        ...

    def is_excluded(self, problem: Problem, solution: Solution) -> bool:
        """Say whether the solution of the imposed problem proves that no plan of the problem grants the wish."""
        ...

    def comparable_levels(self, problem: Problem) -> int:
        """Return on how many of the first objectives the imposed problem and the problem differ by constants."""
        ...


@dataclass(frozen=True, slots=True)
class Placing:
    """A demand on one of some of its options.

    No format says that a demand must be placed. So it is moved to a tier of its own, whose weight is the first
    objective: the weight of all tiers counts it as before, and that of its old tier lacks it in all plans alike.
    """

    demand: Demand
    options: frozenset[int]

    @property
    def who(self) -> Who:
        """The demand."""
        return who_is(self.demand)

    @property
    def windows(self) -> frozenset[str]:
        """The windows of the options."""
        return frozenset(self.demand.options[index].window for index in self.options)

    def imposed_on(self, problem: Problem, objectives: Sequence[str]) -> Problem:
        """Return the problem with the demand's tier as first objective, and its other options shut."""
        tier = _unused_tier(problem)
        shut = Shut(problem)
        weight = max(1, self.demand.weight)  # A weight of 0 would win nothing by being placed.
        forced = replace(shut.but(self.demand, self.options), tier=tier, weight=weight)
        return replace(
            problem,
            demands=tuple(forced if one.id == self.demand.id else one for one in problem.demands),
            windows=(*problem.windows, *shut.windows),
            objectives=(f"weight:{tier}", *objectives),
        )

    def is_granted(self, plan: Plan) -> bool:
        """Say whether the demand is placed on one of the options."""
        choice = plan.placed.get(self.demand.id)
        return choice is not None and choice.option in self.options

    def is_excluded(self, problem: Problem, solution: Solution) -> bool:
        """Say whether the tier is proven to stay empty, and not for the sake of a delay that does not count."""
        return solution.levels[0].bound == 0 and (self.demand.weight > 0 or "delay" not in problem.limits)

    def comparable_levels(self, problem: Problem) -> int:
        """Return all levels, but of a demand without weight only those before its delay is counted by mistake."""
        if self.demand.weight or "delay" not in {*problem.objectives, *problem.limits}:
            return len(problem.objectives)
        return 0 if "delay" in problem.limits else problem.objectives.index("delay")


@dataclass(frozen=True, slots=True)
class Keeping:
    """A movable booking in its place: the same as a fixed one, for what keeps its place adds to no objective."""

    booking: Movable

    @property
    def who(self) -> Who:
        """The booking."""
        return who_is(self.booking)

    @property
    def windows(self) -> frozenset[str]:
        """The windows where it is booked, and where it could go."""
        return frozenset({self.booking.window, *(option.window for option in self.booking.options)})

    def imposed_on(self, problem: Problem, objectives: Sequence[str]) -> Problem:
        """Return the problem with the booking fixed."""
        booking = self.booking
        return replace(
            problem,
            movable=tuple(one for one in problem.movable if one.id != booking.id),
            fixed=(*problem.fixed, Fixed(booking.id, booking.window, booking.start, booking.end)),
            objectives=tuple(objectives),
        )

    def is_granted(self, plan: Plan) -> bool:
        """Say whether the booking keeps its place."""
        return keeps(plan, self.booking)

    def is_excluded(self, problem: Problem, solution: Solution) -> bool:  # noqa: ARG002 - a wish is asked so
        """Say whether the booking contradicts a fixed one."""
        return solution.status == "infeasible"

    def comparable_levels(self, problem: Problem) -> int:
        """Return all levels."""
        return len(problem.objectives)


def _unused_tier(problem: Problem) -> int:
    """Return a tier before all others if there is one, for then even the simplest plans serve it first."""
    tiers = {demand.tier for demand in problem.demands}
    tiers |= {int(name.partition(":")[2]) for name in problem.objectives if ":" in name}
    below = min(tiers) - 1
    return below if below >= 0 else next(tier for tier in range(MOST_DAYS) if tier not in tiers)
