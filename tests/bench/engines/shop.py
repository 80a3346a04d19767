"""A round in the words of a job shop: jobs, machines, optional tasks, and stores that are used up.

A demand is a job with a due date; each of its places is an optional task on the machine that its window is, and one
more task says that it is declined, after the due date. Exactly one of them is done, so that the weight of the tardy
jobs is the weight of the demands not served. A cap is a store that a party's tasks use up.

A demand's weight is all that these words can tell: bookings that move, surges, limits, and the objectives beyond
the first (parties, delay to a delivery that depends on the place, rank, cost) have none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.plan import Plan
from scheduler.problem import Problem, tier_of
from tests.bench.engines.climb import CannotExpress
from tests.bench.engines.places import Place, all_places, plan_of_places


@dataclass(frozen=True, slots=True)
class Task:
    """A place of a job: the machine, and how much of which stores it uses."""

    place: Place
    machine: int
    uses: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A demand with its places; `weight` is lost when it is declined."""

    weight: int
    tasks: tuple[Task, ...]


@dataclass(slots=True)
class Shop:
    """The whole round, its days counted from 0.

    Attributes
    ----------
    first_day
        The problem's day that is the shop's day 0.
    due
        The shop's day by which every job that is not declined is over.
    breaks
        For each machine the days taken by fixed bookings.
    stores
        How much there is of each.
    """

    first_day: int
    due: int
    breaks: list[list[tuple[int, int]]]
    jobs: list[Job]
    stores: list[int] = field(default_factory=list)

    def plan(self, problem: Problem, starts: Sequence[Sequence[int | None]]) -> Plan:
        """Return the plan in which the tasks, job by job, start on these of the shop's days, or not at all."""
        taken = [
            (task.place, start + self.first_day)
            for job, of_job in zip(self.jobs, starts, strict=True)
            for task, start in zip(job.tasks, of_job, strict=True)
            if start is not None
        ]
        return plan_of_places(problem, taken)


def shop_of(problem: Problem) -> Shop:
    """Return the round as a shop.

    Raises
    ------
    CannotExpress
        The problem is more than a round that maximises weight.
    """
    name = problem.objectives[0]
    if problem.movable or problem.surges:
        raise CannotExpress("no optional choice between staying, moving and displacing, and no repeated campaigns")
    if problem.limits:
        raise CannotExpress("no limits on objectives")
    if name != "weight" and tier_of(name) is None:
        raise CannotExpress(f"no objective like {name}")
    first_day = min(window.start for window in problem.windows)
    due = max(window.end for window in problem.windows) - first_day
    taken: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for booking in problem.fixed:
        taken[booking.window].append((booking.start - first_day, booking.end - first_day))
    machine_of = {window.id: machine for machine, window in enumerate(problem.windows)}
    shop = Shop(first_day, due, [sorted(taken[window.id]) for window in problem.windows], [])
    places: defaultdict[str, list[Place]] = defaultdict(list)
    for place in all_places(problem):
        places[place.name].append(place)
    stores: dict[str, tuple[int | None, int | None]] = {}
    for demand in problem.demands:
        if demand.party not in stores:
            stores[demand.party] = _stores(problem, shop)
        counts = name == "weight" or tier_of(name) == demand.tier
        every = (
            Task(place, machine_of[place.window], _uses(place, *stores[demand.party])) for place in places[demand.id]
        )
        # PyJobShop takes no task that a full store cannot serve.
        tasks = tuple(task for task in every if all(amount <= shop.stores[store] for store, amount in task.uses))
        if tasks:
            shop.jobs.append(Job(demand.weight if counts else 0, tasks))
    return shop


def _stores(problem: Problem, shop: Shop) -> tuple[int | None, int | None]:
    """Give a party its stores of campaigns and of days, and return their numbers."""
    numbers: list[int | None] = []
    for most in (problem.caps.per_party, problem.caps.days_per_party):
        numbers.append(None if most is None else len(shop.stores))
        if most is not None:
            shop.stores.append(most)
    return numbers[0], numbers[1]


def _uses(place: Place, campaigns: int | None, days: int | None) -> tuple[tuple[int, int], ...]:
    uses = ((campaigns, 1), (days, place.duration))
    return tuple((store, amount) for store, amount in uses if store is not None)
