"""A plan: what the engines, the baselines and the checker pass around, by identifiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from scheduler.problem import Movable, Problem, SurgeOption
from scheduler.solution import Campaign, Moved, Placed, Solution


class Choice(NamedTuple):
    """An option, by its index in the list it is chosen from, and a start day."""

    option: int
    start: int


class Run(NamedTuple):
    """One campaign of a surge."""

    surge: str
    option: int
    start: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Placed demands, campaigns, and the bookings that do not keep their place; the rest keep theirs."""

    placed: Mapping[str, Choice] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    moved: Mapping[str, Choice] = field(default_factory=dict)
    displaced: frozenset[str] = frozenset()

    def within(self, problem: Problem) -> Plan:
        """Return the part of the plan that concerns a problem's demands, surges and bookings."""
        surges = {surge.id for surge in problem.surges}
        demands = (demand.id for demand in problem.demands)
        bookings = [booking.id for booking in problem.movable]
        return Plan(
            {demand: self.placed[demand] for demand in demands if demand in self.placed},
            tuple(run for run in self.runs if run.surge in surges) if surges else (),
            {booking: self.moved[booking] for booking in bookings if booking in self.moved},
            frozenset(booking for booking in bookings if booking in self.displaced),
        )


def merged(plans: Iterable[Plan]) -> Plan:
    """Return one plan out of plans of problems that share nothing."""
    placed: dict[str, Choice] = {}
    moved: dict[str, Choice] = {}
    runs: list[Run] = []
    displaced: set[str] = set()
    for plan in plans:
        placed |= plan.placed
        moved |= plan.moved
        runs += plan.runs
        displaced |= plan.displaced
    return Plan(placed, tuple(runs), moved, frozenset(displaced))


def keeps(plan: Plan, booking: Movable) -> bool:
    """Say whether the booking keeps its place."""
    return booking.id not in plan.moved and booking.id not in plan.displaced


def deliveries(option: SurgeOption, start: int) -> list[tuple[int, int]]:
    """Return the day and the quantity of each output of a campaign that starts on the given day."""
    return [(start + batch.after, batch.output) for batch in option.batches]


def solution_of(problem: Problem, plan: Plan, **rest: object) -> Solution:
    """Return the plan as the lists of a solution, in the order of the problem."""
    placed, moved = [], []
    for demand in problem.demands:
        if choice := plan.placed.get(demand.id):
            option = demand.options[choice.option]
            end = choice.start + option.duration
            placed.append(Placed(demand.id, choice.option, option.window, choice.start, end))
    for booking in problem.movable:
        if choice := plan.moved.get(booking.id):
            option = booking.options[choice.option]
            end = choice.start + option.duration
            moved.append(Moved(booking.id, choice.option, option.window, choice.start, end))
    campaigns = []
    for surge in problem.surges:
        for run in sorted(run for run in plan.runs if run.surge == surge.id):
            work = surge.options[run.option]
            end = run.start + work.duration
            campaigns.append(Campaign(surge.id, run.option, work.window, run.start, end))
    return Solution(
        placed=tuple(placed),
        campaigns=tuple(sorted(campaigns, key=lambda c: (c.surge, c.start, c.window, c.option))),
        moved=tuple(moved),
        displaced=tuple(booking.id for booking in problem.movable if booking.id in plan.displaced),
        unplaced=tuple(demand.id for demand in problem.demands if demand.id not in plan.placed),
        **rest,  # type: ignore[arg-type]
    )


def plan_of(solution: Solution) -> Plan:
    """Return the plan that a solution's lists describe."""
    return Plan(
        {item.demand: Choice(item.option, item.start) for item in solution.placed},
        tuple(Run(item.surge, item.option, item.start) for item in solution.campaigns),
        {item.booking: Choice(item.option, item.start) for item in solution.moved},
        frozenset(solution.displaced),
    )
