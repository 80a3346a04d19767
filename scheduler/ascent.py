"""Lexicographic levels over components, with bounds that hold for the whole problem.

A component that is held at its own value of an earlier level is restricted, unless every other component is proven
there: another plan with the same total may give in one component what it gains in another, at most by what the others
are short of their bounds. Plans are therefore sought under each component's own values, and bounds are taken under
values relaxed by the other components' gaps. With nothing unproven the two are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass

from scheduler.clock import Clock
from scheduler.engines import run_task
from scheduler.objectives import goodness, plain_bound, standing, value, within_limits
from scheduler.plan import Plan
from scheduler.problem import Problem
from scheduler.tasks import EngineError, Hold, Outcome, Task, option_count
from scheduler.tidy import filled, without_idle_runs

QUICK_SHARE = 0.15
BOUND_SHARE = 1 / 3


@dataclass(slots=True)
class Part:
    """A component with its best plan so far and its bounds, level by level."""

    problem: Problem
    plan: Plan
    compared: int
    bounds: list[int]

    def value(self, objective: str) -> int:
        """Return the plan's value."""
        return value(self.problem, self.plan, objective)

    def gap(self, level: int) -> int:
        """Return how far the plan is from the bound of an earlier level, signed as the objective is."""
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
        """Take a plan if it is within the limits and better on the levels that components add up."""
        if within_limits(self.problem, plan) and self._rank(plan) > self._rank(self.plan):
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
        return standing(self.problem, plan)[: self.compared]


class Ascent:
    """One level of one partition into components: quick tries for all, then the rest of the time for the open."""

    def __init__(self, parts: Sequence[Part], level: int, clock: Clock, executor: Executor, seed: int) -> None:
        self.parts = parts
        self.level = level
        self.objective = parts[0].problem.objectives[level] if parts else ""
        self.clock, self.executor, self.seed = clock, executor, seed
        for part in parts:
            part.bounds.append(plain_bound(part.problem, self.objective))

    def open_parts(self) -> list[Part]:
        """Return the components whose value may still be short of the best."""
        return [part for part in self.parts if not part.is_proven(self.level)]

    def climb(self, share: float, *, quick: bool) -> None:
        """Spend a share of the clock on the open components.

        Raises
        ------
        EngineError
            The solver failed, or one of its processes died.
        """
        jobs = [(part, False) for part in self.open_parts()]
        gaps = [sum(part.gap(level) for part in self.parts) for level in range(self.level)]
        slack = {id(part): self._slack(part, gaps) for part, _ in jobs}
        jobs += [(part, True) for part, _ in jobs if any(slack[id(part)])]
        if not jobs:
            return
        # A quick try must not wait for the large ones; later the large ones must not be left to the end.
        jobs.sort(key=lambda job: self._size(job[0], bound_only=job[1]), reverse=not quick)
        sizes = [1.0 if quick else self._size(part, bound_only=bound_only) for part, bound_only in jobs]
        futures: list[tuple[Part, bool, Future[Outcome]]] = []
        efforts = self.clock.efforts(share * (QUICK_SHARE if quick else 1), sizes)
        for (part, bound_only), effort in zip(jobs, efforts, strict=True):
            given = slack[id(part)] if bound_only else [0] * self.level
            holds = self._holds(part, given)
            task = Task(part.problem, self.objective, holds, part.plan, effort, self.seed, bound_only)
            futures.append((part, bound_only, self.executor.submit(run_task, task)))
        for part, bound_only, future in futures:
            self._take(part, outcome_of(future), is_bound=bound_only or not any(slack[id(part)]))

    def _take(self, part: Part, outcome: Outcome, *, is_bound: bool) -> None:
        self.clock.work += outcome.work
        if outcome.plan is not None:
            part.offer(outcome.plan)
        if outcome.bound is not None and is_bound:
            part.tighten(self.level, outcome.bound)

    def _slack(self, part: Part, gaps: Sequence[int]) -> list[int]:
        """Return, for each earlier level, how much the other components together are short of their bounds."""
        return [total - part.gap(level) for level, total in enumerate(gaps)]

    def _holds(self, part: Part, slack: Sequence[int]) -> tuple[Hold, ...]:
        names = part.problem.objectives[: self.level]
        return tuple(Hold(name, part.value(name) - more) for name, more in zip(names, slack, strict=True))

    def _size(self, part: Part, *, bound_only: bool) -> float:
        # Effort pays off less and less: in proportion, the largest component would starve all others.
        return math.sqrt(option_count(part.problem)) * (BOUND_SHARE if bound_only else 1.0)


def outcome_of(future: Future[Outcome]) -> Outcome:
    """Wait for a task.

    Raises
    ------
    EngineError
        The solver failed, or its process died.
    """
    try:
        return future.result()
    except BrokenExecutor as error:
        raise EngineError("a solver process died") from error
