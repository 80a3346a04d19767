"""Who was served: by tier, and by region and size of organisation where those are given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from scheduler.certificate.report import Group, Outcome
from scheduler.plan import Choice, Plan
from scheduler.problem import Demand, Problem

Organisations = Mapping[str, Mapping[str, str]]
"""What is known of each party: its ``region`` and its ``size``."""

ATTRIBUTES = ("region", "size")
UNKNOWN = "unknown"


def outcomes(problem: Problem, plan: Plan, organisations: Organisations | None) -> tuple[Outcome, ...]:
    """Return the outcome by tier, by region and by size.

    Demands of a party of which nothing is known are in the group ``unknown``.
    """
    by_tier = Outcome("tier", _groups(problem, plan, lambda demand: str(demand.tier)))
    if organisations is None:
        return (by_tier, *(Outcome(attribute) for attribute in ATTRIBUTES))
    known = organisations

    def reader(attribute: str) -> Callable[[Demand], str]:
        return lambda demand: known.get(demand.party, {}).get(attribute, UNKNOWN)

    return (by_tier, *(Outcome(name, _groups(problem, plan, reader(name))) for name in ATTRIBUTES))


def _groups(problem: Problem, plan: Plan, group_of: Callable[[Demand], str]) -> tuple[Group, ...]:
    members: dict[str, list[Demand]] = defaultdict(list)
    for demand in problem.demands:
        members[group_of(demand)].append(demand)
    order = sorted(members, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))
    return tuple(_group(name, members[name], plan) for name in order)


def _group(name: str, demands: Sequence[Demand], plan: Plan) -> Group:
    placed = [demand for demand in demands if demand.id in plan.placed]
    delays = [_delay_days(demand, plan.placed[demand.id]) for demand in placed]
    return Group(
        name,
        parties=len({demand.party for demand in demands}),
        parties_served=len({demand.party for demand in placed}),
        demands=len(demands),
        eligible=sum(1 for demand in demands if demand.options),
        placed=len(placed),
        weight=sum(demand.weight for demand in demands),
        weight_placed=sum(demand.weight for demand in placed),
        median_delay_days=float(median(delays)) if delays else None,
    )


def _delay_days(demand: Demand, choice: Choice) -> int:
    """Return the days from the earliest delivery over all options to that of the place taken."""
    option = demand.options[choice.option]
    delivery = choice.start + option.duration + option.lag
    return delivery - min(other.earliest + other.duration + other.lag for other in demand.options)
