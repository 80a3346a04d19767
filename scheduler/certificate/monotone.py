"""A placed demand that weighs more keeps a place: tried by solving its component again.

Where the levels up to the first that counts a demand's weight are proven, and `delay`, which weighs days by the same
weight, is neither one of those before it nor limited, it follows without trying. Let V be the value of that level and
let the demand weigh d > 0 more: the plan is then worth V + d, and a plan without the demand still at most V. So every
best plan places it. Anything short of a proof can break this: a plan found in the time given is one of many.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from scheduler.components import components, joined, joined_by_party
from scheduler.plan import Plan
from scheduler.problem import MOST_WEIGHT, Demand, Problem, tier_of
from scheduler.solution import Solution

KEPT, LOST, UNPROVEN, OUT_OF_TIME = "kept", "lost", "unproven", "out_of_time"
LEAST_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Trial:
    """One placed demand, its raised weight, and what became of it: kept, lost, or nothing that is proven."""

    demand: Demand
    raised: int
    result: str


def level_of(problem: Problem, demand: Demand) -> int | None:
    """Return the first level, from 0, that counts the demand's weight as service, None if none does."""
    for level, name in enumerate(problem.objectives):
        if name == "weight" or tier_of(name) == demand.tier:
            return level
    return None


def follows(problem: Problem, solution: Solution, demand: Demand) -> bool:
    """Say whether proven levels alone show that the demand keeps a place, however much its weight is raised."""
    level = level_of(problem, demand)
    if level is None or "delay" in problem.objectives[:level] or "delay" in problem.limits:
        return False
    return all(item.proven for item in solution.levels[: level + 1])


def raisable(problem: Problem, plan: Plan) -> list[Demand]:
    """Return the placed demands whose weight counts as service at some level."""
    return [
        demand
        for demand in problem.demands
        if demand.id in plan.placed and demand.weight < MOST_WEIGHT and level_of(problem, demand) is not None
    ]


def trials(
    problem: Problem, demands: Sequence[Demand], *, seconds: float, samples: int, seed: int, workers: int
) -> Iterator[Trial]:
    """Yield a trial for each of some of the demands, drawn by the seed; the seconds are shared out evenly.

    Raises
    ------
    EngineError
        The solver failed.
    """
    from scheduler.executors import SolverPool  # noqa: PLC0415 - the rest of a certificate needs no solver

    drawn = random.Random(seed).sample(demands, min(samples, len(demands)))  # noqa: S311 - repeatable on purpose
    if not drawn:
        return
    parts_of = cache(partial(_parts, problem))
    with SolverPool(workers) as pool:
        pool.wait_until_loaded()
        deadline = time.monotonic() + seconds
        for done, demand in enumerate(drawn):
            share = (deadline - time.monotonic()) / (len(drawn) - done)
            names = problem.objectives[: level_of(problem, demand)]
            part = parts_of(by_party="parties" in names)[demand.id]
            effort = {"time_limit_s": share, "seed": seed, "workers": workers, "executor": pool.executor}
            result = OUT_OF_TIME if share < LEAST_SECONDS else _tried(_raised(part, demand), demand, effort)
            yield Trial(demand, demand.weight + 1, result)


def _parts(problem: Problem, *, by_party: bool) -> dict[str, Problem]:
    """Return each demand's component, made of those that share a party if asked."""
    parts = components(problem)
    if by_party:
        parts = [joined([parts[index] for index in indices]) for indices in joined_by_party(parts)]
    return {demand.id: part for part in parts for demand in part.demands}


def _raised(part: Problem, demand: Demand) -> Problem:
    """Return the component with the demand's weight raised by the least there is, up to the level that counts it."""
    level = level_of(part, demand) or 0
    heavier = replace(demand, weight=demand.weight + 1)
    demands = tuple(heavier if other.id == demand.id else other for other in part.demands)
    return replace(part, demands=demands, objectives=part.objectives[: level + 1])


def _tried(part: Problem, demand: Demand, effort: Mapping[str, Any]) -> str:
    from scheduler.solve import NoPlan, solve  # noqa: PLC0415

    try:
        solution = solve(part, **effort)
    except NoPlan:
        return UNPROVEN
    if solution.status != "optimal":
        return UNPROVEN
    return LOST if demand.id in solution.unplaced else KEPT
