"""Plans without a solver: first come first served, and greedy by tier and weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scheduler.draft import Draft
from scheduler.plan import Plan
from scheduler.problem import Demand, Problem, tier_of
from scheduler.surging import serve_surges
from scheduler.verify import fixed_conflicts


def first_come_first_served(problem: Problem) -> Plan:
    """Place the demands in the order of the file, each on its best-ranked option with room.

    Raises
    ------
    ValueError
        Fixed bookings contradict each other.
    """
    return _serve(problem, problem.demands)


def greedy_by_weight(problem: Problem) -> Plan:
    """Place the demands tier by tier, heaviest first, each on its best-ranked option with room.

    Raises
    ------
    ValueError
        Fixed bookings contradict each other.
    """
    return _serve(problem, sorted(problem.demands, key=lambda demand: (demand.tier, -demand.weight)))


BASELINES: dict[str, Callable[[Problem], Plan]] = {
    "fcfs": first_come_first_served,
    "greedy": greedy_by_weight,
}


def _serve(problem: Problem, demands: Sequence[Demand]) -> Plan:
    """Serve demands and surges, whichever the objectives name first; bookings keep their places if they can."""
    if fixed_conflicts(problem):
        raise ValueError("fixed bookings contradict each other")
    draft = Draft(problem)
    surges_first = _surges_come_first(problem)
    if surges_first:
        serve_surges(draft)
    for demand in demands:
        draft.place(demand)
    if "surge_output" in problem.objectives and not surges_first:
        serve_surges(draft)
    return draft.plan()


def _surges_come_first(problem: Problem) -> bool:
    for name in problem.objectives:
        if name == "surge_output":
            return True
        if name in {"weight", "parties"} or tier_of(name) is not None:
            return False
    return False
