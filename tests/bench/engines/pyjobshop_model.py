"""PyJobShop on the round as a job shop; it optimises the first objective, and has no words for more.

Source: L. Lan and J. Berkhout, "PyJobShop: Solving scheduling problems with constraint programming in Python",
arXiv:2502.13483 (2025).
"""

from __future__ import annotations

import math
import sys

import pyjobshop

from scheduler.problem import Problem
from tests.bench.engines.climb import Found, Settings, main
from tests.bench.engines.shop import Job, shop_of


class ShopModel:
    """The shop in PyJobShop's own modelling interface, solved by its CP-SAT backend."""

    levels = 1

    def __init__(self, problem: Problem, settings: Settings) -> None:
        self.problem, self.settings = problem, settings
        self.shop = shop_of(problem)
        self.model = pyjobshop.Model()
        machines = [self.model.add_machine(breaks=breaks) for breaks in self.shop.breaks]
        stores = [self.model.add_consumable(amount) for amount in self.shop.stores]
        for job in self.shop.jobs:
            self._add(job, machines, stores)
        self.model.set_objective(weight_tardy_jobs=1)

    def best(self, objective: str, seconds: float) -> Found:  # noqa: ARG002 - there is but one
        """Minimise the weight of the declined demands."""
        result = self.model.solve(
            display=False,
            time_limit=seconds,
            num_workers=self.settings.workers,
            random_seed=self.settings.seed,
        )
        if not math.isfinite(result.objective):
            return Found(None, None)
        tasks = iter(result.best.tasks)
        starts: list[list[int | None]] = []
        for job in self.shop.jobs:
            starts.append([task.start if task.present else None for _, task in zip(job.tasks, tasks, strict=False)])
            next(tasks)  # The declined one.
        most = sum(job.weight for job in self.shop.jobs)
        return Found(self.shop.plan(self.problem, starts), most - math.ceil(result.lower_bound - 1e-6))

    def hold(self, objective: str, reached: int) -> None:
        """Nothing comes after the first level."""

    def _add(self, job: Job, machines: list[pyjobshop.Machine], stores: list[pyjobshop.Consumable]) -> None:
        first, due = self.shop.first_day, self.shop.due
        of_job = self.model.add_job(weight=job.weight, due_date=due)
        choices = []
        for task in job.tasks:
            earliest, latest = task.place.earliest - first, task.place.latest - first
            choices.append(self.model.add_task(of_job, earliest_start=earliest, latest_start=latest, optional=True))
            used = [machines[task.machine], *(stores[store] for store, _ in task.uses)]
            amounts = [0, *(amount for _, amount in task.uses)]
            self.model.add_mode(choices[-1], used, task.place.duration, amounts)
        declined = self.model.add_task(of_job, earliest_start=due + 1, latest_start=due + 1, optional=True)
        self.model.add_mode(declined, [], 0)
        self.model.add_select_exactly_one([*choices, declined])


if __name__ == "__main__":
    sys.exit(main("PyJobShop", ShopModel))
