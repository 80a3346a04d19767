"""What a plan means for those who wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from scheduler.objectives import plain_bound, value
from scheduler.plan import Plan
from scheduler.problem import Problem


@dataclass(frozen=True, slots=True)
class People:
    """A plan in the figures that a health agency reads; None where the problem has no such thing.

    Attributes
    ----------
    parties, parties_in_all
        Organisations with a place, and those that could have one.
    delay_days
        Median over the placed demands of the days from the earliest possible delivery to the planned one.
    weight_share
        Weight served, of all that has an option.
    output_share
        Doses in time, of those wanted.
    kept, moved, displaced
        Bookings in a crisis.
    """

    parties: int | None = None
    parties_in_all: int | None = None
    delay_days: float | None = None
    weight_share: float | None = None
    output_share: float | None = None
    kept: int | None = None
    moved: int | None = None
    displaced: int | None = None


NOBODY = People()


def people(problem: Problem, plan: Plan) -> People:
    """Return the figures of a plan."""
    if problem.demands:
        delays = _delays(problem, plan)
        return People(
            parties=value(problem, plan, "parties"),
            parties_in_all=plain_bound(problem, "parties"),
            delay_days=median(delays) if delays else None,
            weight_share=value(problem, plan, "weight") / max(1, plain_bound(problem, "weight")),
        )
    return People(
        output_share=value(problem, plan, "surge_output") / max(1, plain_bound(problem, "surge_output")),
        kept=len(problem.movable) - len(plan.moved) - len(plan.displaced),
        moved=len(plan.moved),
        displaced=len(plan.displaced),
    )


def _delays(problem: Problem, plan: Plan) -> list[int]:
    delays = []
    for demand in problem.demands:
        if choice := plan.placed.get(demand.id):
            option = demand.options[choice.option]
            soonest = min(one.earliest + one.duration + one.lag for one in demand.options)
            delays.append(choice.start + option.duration + option.lag - soonest)
    return delays
