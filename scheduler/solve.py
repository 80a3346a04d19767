"""The one public entry: a problem in, a verified solution out."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from concurrent.futures import Executor

from scheduler.ascent import Ascent
from scheduler.baselines import BASELINES
from scheduler.clock import Clock
from scheduler.components import components, joined, joined_by_party
from scheduler.engines import engine_name
from scheduler.executors import SolverPool
from scheduler.news import Channel, NoNews
from scheduler.objectives import standing, value, within_limits
from scheduler.parts import Part, share_parties
from scheduler.plan import Plan, merged, solution_of
from scheduler.problem import Problem
from scheduler.progress import Listener, Progress
from scheduler.relay import Relay, seconds_on_the_way
from scheduler.solution import Level, Solution
from scheduler.tasks import EngineError, Task, option_count
from scheduler.tidy import without_idle_runs
from scheduler.verify import fixed_conflicts, violations

# The last one is for what is still open when the others have left some of their time.
QUICK_PASSES = (True, False, False)
LEAST_REST = 0.05
# A level has time for the way to its largest component, and for twice as much work there.
LEAST_WAYS = 3.0
NEWS_SECONDS = 0.5
# Levels that took less than their share leave some of it to the first one that is still open.
MOST_ATTEMPTS = 8
MOST_SEED = 2**31
# Components that share parties are solved apart again where together they are larger than this.
LARGE = 600


class NoPlan(Exception):
    """No plan respects the limits, proven or as far as the time allowed to see.

    Attributes
    ----------
    proven : bool
        Whether the solver excluded every plan, with presolve and without.
    """

    def __init__(self, *, proven: bool) -> None:
        self.proven = proven
        super().__init__(
            "no plan respects the limits" if proven else "no plan within the limits was found in the time given"
        )


def solve(
    problem: Problem,
    *,
    time_limit_s: float = 60.0,
    seed: int = 1,
    workers: int = 1,
    budget: float | None = None,
    on_progress: Listener | None = None,
    executor: Executor | None = None,
    stop: threading.Event | None = None,
) -> Solution:
    """Return the best plan found, each level with a bound, checked by `scheduler.verify`.

    Parameters
    ----------
    problem : Problem
        What to solve.
    time_limit_s : float
        Wall time in seconds, kept within 2 s; not looked at under a budget.
    seed : int
        The solver's random seed, 0 or more.
    workers : int
        Processes to use; components are spread over them.
    budget : float, optional
        Deterministic work, summed over all tasks: the result is then the same for any number of workers.
    on_progress : callable, optional
        Called with a `Progress` when a level begins, gets better, or is done.
    executor : concurrent.futures.Executor, optional
        Where to run the tasks, `workers` of them at a time, instead of a pool of its own.
    stop : threading.Event, optional
        Once it is set the solve ends, within about a second, with the best plan so far; tasks that run elsewhere,
        through an executor, are left to end by themselves.

    Raises
    ------
    NoPlan
        No plan was found that respects the limits.
    EngineError
        The solver failed, a process of it died, or a plan did not pass the checker.
    """
    _check_arguments(time_limit_s, seed, workers, budget)
    clock = Clock(time_limit_s, workers, budget, stop=stop, options=option_count(problem))
    if conflicts := tuple(fixed_conflicts(problem)):
        seconds = 0.0 if budget is not None else round(clock.elapsed, 3)
        return Solution(
            "infeasible", seconds=seconds, engine=engine_name(), seed=seed, budget=budget, conflicts=conflicts
        )
    if executor is not None:
        solution = _Run(problem, clock, executor, seed, listener=on_progress, news=NoNews()).solution()
    else:
        with SolverPool(workers, can_be_left=stop is not None) as pool:
            run = _Run(problem, clock, pool.executor, seed, listener=on_progress, news=pool.news)
            pool.wait_until_loaded()
            clock.forgive_loading()
            solution = run.solution()
            if clock.is_stopped:
                pool.leave()
    if broken := violations(problem, solution):
        raise EngineError(f"the plan does not pass the checker: {broken[0]} ({len(broken)} violations)")
    return solution


def _check_arguments(time_limit_s: float, seed: int, workers: int, budget: float | None) -> None:
    if not time_limit_s > 0:
        raise ValueError(f"time_limit_s must be above 0, not {time_limit_s}")
    if not 0 <= seed < MOST_SEED:
        raise ValueError(f"seed must be from 0 to {MOST_SEED - 1}, not {seed}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    if budget is not None and not budget > 0:
        raise ValueError(f"budget must be above 0, not {budget}")


class _Run:
    """One solve: baselines, then level after level over the components."""

    def __init__(
        self,
        problem: Problem,
        clock: Clock,
        executor: Executor,
        seed: int,
        *,
        listener: Listener | None,
        news: Channel,
    ) -> None:
        self.problem, self.clock, self.executor = problem, clock, executor
        self.seed, self.listener, self.news = seed, listener, news
        self._told_at = -math.inf
        self.starts = [baseline(problem) for baseline in BASELINES.values()]
        self.parts = components(problem)

    def solution(self) -> Solution:
        """Climb every level, and return the plan with its levels."""
        names = self.problem.objectives
        bounds: list[int] = []
        parts = self._climb_from(0, self._first_parts(), bounds, self.seed)
        for attempt in range(1, MOST_ATTEMPTS):
            level = self._open_level(parts, bounds)
            if level is None or self.clock.left() < LEAST_REST * self.clock.whole:
                break
            for part in parts:
                del part.bounds[level + 1 :]
            del bounds[level:]
            parts = self._climb_from(level, parts, bounds, (self.seed + attempt) % MOST_SEED)
        plan = merged(part.plan for part in parts)
        reached = [value(self.problem, plan, name) for name in names]
        levels = [Level(name, at, bound, at == bound) for name, at, bound in zip(names, reached, bounds, strict=True)]
        best = all(level.proven for level in levels)
        return solution_of(
            self.problem,
            plan,
            status="optimal" if best else "feasible",
            levels=tuple(levels),
            seconds=round(self.clock.elapsed if self.clock.budget is None else self.clock.work, 3),
            engine=engine_name(),
            seed=self.seed,
            budget=round(self.clock.work, 3) if self.clock.budget is None else self.clock.budget,
        )

    def _climb_from(self, first: int, parts: list[Part], bounds: list[int], seed: int) -> list[Part]:
        """Climb the levels from one on, add their bounds to those of the earlier levels, and return the components."""
        for level, name in enumerate(self.problem.objectives[first:], start=first):
            together = self._joined(parts) if name == "parties" else parts
            self._climb(ascent := self._ascent(together, level, seed))
            bounds.append(ascent.bound)
            if len(together) < len(parts) and any(option_count(part.problem) > LARGE for part in together):
                parts = self._parted(parts, merged(part.plan for part in together))
            else:
                parts = together
        return parts

    def _ascent(self, parts: Sequence[Part], level: int, seed: int) -> Ascent:
        def on_news() -> None:
            if self.clock.elapsed - self._told_at >= NEWS_SECONDS:
                self._tell(ascent, done=False)

        ascent = Ascent(parts, level, self.clock, self.executor, seed, news=self.news, on_news=on_news)
        return ascent

    def _open_level(self, parts: Sequence[Part], bounds: Sequence[int]) -> int | None:
        """Return the first level that is not proven and can be climbed again: one above those that join components."""
        names = self.problem.objectives
        first = names.index("parties") + 1 if "parties" in names else 0
        for level in range(first, len(names)):
            if sum(part.value(names[level]) for part in parts) != bounds[level]:
                return level
        return None

    def _climb(self, ascent: Ascent) -> None:
        self._tell(ascent, done=False)
        before = self.clock.left()
        # Else what is far away is too late on the first level, and its time goes to the last one.
        ways = (seconds_on_the_way(part.problem, self.executor) for part in ascent.open_parts())
        share = self.clock.level_share(len(self.problem.objectives) - ascent.level, LEAST_WAYS * max(ways, default=0.0))
        for quick in QUICK_PASSES:
            rest = share - (before - self.clock.left())
            still_open = len(ascent.open_parts())
            if quick and still_open == 1:
                continue  # Nobody waits for it.
            if rest > LEAST_REST * share and still_open:
                ascent.climb(rest, quick=quick)
                self._tell(ascent, done=False)
        self._tell(ascent, done=True)

    def _tell(self, ascent: Ascent, *, done: bool) -> None:
        if self.listener is None:
            return
        name = self.problem.objectives[ascent.level]
        self._told_at = self.clock.elapsed
        elapsed = round(self._told_at, 3)
        levels = len(self.problem.objectives)
        self.listener(Progress(name, ascent.reached, ascent.bound, elapsed, ascent.level + 1, levels, done))

    def _first_parts(self) -> list[Part]:
        names = self.problem.objectives
        if not self.problem.caps.bind and "parties" in names:
            names = names[: names.index("parties")]  # Parties do not add up over components that share some.
        return [Part(part, self._start(part), names) for part in self.parts]

    def _start(self, part: Problem) -> Plan:
        plans = [plan for plan in self._restarts(part) if within_limits(part, plan)]
        if plans:
            return max(plans, key=lambda plan: standing(part, plan))
        least_s = LEAST_WAYS * seconds_on_the_way(part, self.executor)
        [effort] = self.clock.efforts(self.clock.level_share(len(part.objectives) + 1, least_s), [1.0])
        task = Task(part, part.objectives[0], (), None, effort, self.seed)
        [outcome] = Relay(self.executor, [task], self.clock, self.news.poll).outcomes()
        if outcome is None:
            raise NoPlan(proven=False)
        self.clock.work += outcome.work
        if outcome.plan is None:
            raise NoPlan(proven=outcome.infeasible)
        return without_idle_runs(part, outcome.plan)

    def _restarts(self, part: Problem) -> list[Plan]:
        return [plan.within(part) for plan in self.starts]

    def _joined(self, parts: Sequence[Part]) -> list[Part]:
        """Return the components that keep each party together, with what is known of the smaller ones."""
        groups = joined_by_party([part.problem for part in parts])
        wholes = []
        for indices in groups:
            inner = [parts[index] for index in indices]
            problem = joined([part.problem for part in inner])
            bounds = [sum(level) for level in zip(*(part.bounds for part in inner), strict=True)]
            whole = Part(problem, merged(part.plan for part in inner), problem.objectives, bounds)
            for plan in self._restarts(problem):
                whole.compare(plan)
            wholes.append(whole)
        return wholes

    def _parted(self, parts: Sequence[Part], plan: Plan) -> list[Part]:
        """Return the smaller components again, each to go on serving the parties that no one before it serves."""
        names = tuple(name for name in self.problem.objectives if name != "parties")
        apart = []
        for part in parts:
            part.bounds.append(0)
            apart.append(Part(part.problem, plan.within(part.problem), names, part.bounds, memory=part.memory))
        share_parties(apart)
        return apart
