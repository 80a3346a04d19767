"""One lexicographic level over components, with bounds that hold for the whole problem.

A component that is held at its own value of an earlier level is restricted, unless every other component is proven
there: another plan with the same total may give in one component what it gains in another, at most by what the others
are short of their bounds. Plans are therefore sought under each component's own values, and bounds are taken under
values relaxed by the other components' gaps. In the same way each party that is served goes on being served by one
component, and a bound relies on it only where it must be so.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, wait

from scheduler.clock import Clock
from scheduler.engines import run_task
from scheduler.objectives import goodness, parties_of, plain_bound, value
from scheduler.parts import Part, share_parties
from scheduler.plan import Plan
from scheduler.tasks import EngineError, Hold, Outcome, Task, option_count

QUICK_SHARE = 0.15
STOP_POLL_SECONDS = 0.1


class Ascent:
    """One level of one partition into components: quick tries for all, then the rest of the time for the open."""

    def __init__(self, parts: Sequence[Part], level: int, clock: Clock, executor: Executor, seed: int) -> None:
        self.parts = parts
        self.level = level
        self.objective = parts[0].problem.objectives[level] if parts else ""
        self.clock, self.executor, self.seed = clock, executor, seed
        self._given_up: list[Part] = []
        for part in parts:
            if len(part.bounds) == level:
                part.bounds.append(plain_bound(part.problem, self.objective))

    @property
    def reached(self) -> int:
        """The value of the plans together."""
        return sum(part.value(self.objective) for part in self.parts)

    @property
    def bound(self) -> int:
        """The bound of all components together."""
        return sum(part.bounds[self.level] for part in self.parts)

    def open_parts(self) -> list[Part]:
        """Return the components whose value may still be short of the best, but those that were given up."""
        given_up = {id(part) for part in self._given_up}
        return [part for part in self.parts if not part.is_proven(self.level) and id(part) not in given_up]

    def climb(self, share: float, *, quick: bool) -> None:
        """Spend a share of the clock on the open components.

        Raises
        ------
        EngineError
            The solver failed, or one of its processes died.
        """
        # A quick try must not wait for the large ones; later the large ones must not be left to the end.
        jobs = sorted(self.open_parts(), key=lambda part: option_count(part.problem), reverse=not quick)
        if not jobs:
            return
        gaps = [sum(part.gap(level) for part in self.parts) for level in range(self.level)]
        sizes = [1.0 if quick else float(option_count(part.problem)) for part in jobs]
        efforts = self.clock.efforts(share * (QUICK_SHARE if quick else 1), sizes)
        futures = []
        for part, effort in zip(jobs, efforts, strict=True):
            task = Task(
                part.problem,
                self.objective,
                self._holds(part, [0] * self.level),
                part.plan,
                effort,
                self.seed,
                relaxed=self._holds(part, [total - part.gap(level) for level, total in enumerate(gaps)]),
                served=part.served,
                surely_served=part.surely_served,
                memory=part.memory,
            )
            futures.append((part, self.executor.submit(run_task, task)))
        loose = []
        for part, future in futures:
            if not self._is_waited_for(future):
                return
            outcome = outcome_of(future)
            self._take(part, outcome)
            if outcome.gave_up and not quick:
                self._given_up.append(part)
            if outcome.loose is not None:
                loose.append((part, outcome.loose))
        self._mix(loose)

    def _is_waited_for(self, future: Future[Outcome]) -> bool:
        """Wait for a task, and say whether it is over; not when the solve is asked to end before."""
        while not wait([future], timeout=STOP_POLL_SECONDS if self.clock.stop else None).done:
            if self.clock.is_stopped:
                return False
        return True

    def _take(self, part: Part, outcome: Outcome) -> None:
        self.clock.work += outcome.work
        part.memory = outcome.memory or part.memory
        if outcome.plan is not None:
            part.offer(outcome.plan)
        if outcome.bound is not None:
            part.tighten(self.level, outcome.bound)

    def _mix(self, loose: Sequence[tuple[Part, Plan]]) -> None:
        """Take plans that obey only the holds of the bounds where the components together obey all the same."""
        names = self._names()[: self.level]
        least = [goodness(name, self._total(name)) for name in names]
        before = [part.plan for part in self.parts]
        better = sorted(loose, key=lambda pair: self._gain(*pair), reverse=True)
        for taken in [better, *([pair] for pair in better)]:
            kept = [(part, part.plan) for part, _ in taken]
            gain = sum(self._gain(part, plan) for part, plan in taken)
            for part, plan in taken:
                part.plan = plan
            reached = [goodness(name, self._total(name)) for name in names]
            if gain <= 0 or any(now < asked for now, asked in zip(reached, least, strict=True)):
                for part, plan in kept:
                    part.plan = plan
        changed = any(part.plan is not plan for part, plan in zip(self.parts, before, strict=True))
        if changed and "parties" in names:
            share_parties(self.parts)

    def _gain(self, part: Part, plan: Plan) -> int:
        amount = value(part.problem, plan, self.objective)
        return goodness(self.objective, amount) - goodness(self.objective, part.value(self.objective))

    def _names(self) -> Sequence[str]:
        return self.parts[0].problem.objectives

    def _total(self, name: str) -> int:
        if name == "parties":
            return len(set[str]().union(*(parties_of(part.problem, part.plan) for part in self.parts)))
        return sum(part.value(name) for part in self.parts)

    def _holds(self, part: Part, slack: Sequence[int]) -> tuple[Hold, ...]:
        """Return the part's own values of the earlier levels, relaxed by what the others are short of."""
        names = part.problem.objectives[: self.level]
        return tuple(
            Hold(name, part.value(name) - more)
            for name, more in zip(names, slack, strict=True)
            if name in part.compared
        )


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
