"""One lexicographic level over components, with bounds that hold for the whole problem.

A component that is held at its own value of an earlier level is restricted, unless every other component is proven
there: another plan with the same total may give in one component what it gains in another, at most by what the others
are short of their bounds. Plans are therefore sought under each component's own values, and bounds are taken under
values relaxed by the other components' gaps. In the same way each party that is served goes on being served by one
component, and a bound relies on it only where it must be so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from scheduler.clock import Clock
from scheduler.news import Channel, News, NoNews
from scheduler.objectives import goodness, parties_of, plain_bound, value
from scheduler.parts import Part, share_parties
from scheduler.plan import Plan
from scheduler.relay import Relay
from scheduler.tasks import Effort, Hold, Outcome, Task, option_count

QUICK_SHARE = 0.15
TASK_NUMBERS = itertools.count()


class Ascent:
    """One level of one partition into components: quick tries for all, then the rest of the time for the open."""

    def __init__(
        self,
        parts: Sequence[Part],
        level: int,
        clock: Clock,
        executor: Executor,
        seed: int,
        *,
        news: Channel | None = None,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self.parts = parts
        self.level = level
        self.objective = parts[0].problem.objectives[level] if parts else ""
        self.clock, self.executor, self.seed = clock, executor, seed
        self._given_up: list[Part] = []
        self._news, self._on_news = news or NoNews(), on_news
        self._heard: dict[int, News] = {}
        self._running: dict[int, int] = {}
        for part in parts:
            if len(part.bounds) == level:
                part.bounds.append(plain_bound(part.problem, self.objective))

    @property
    def reached(self) -> int:
        """The value of the plans together, those of running tasks among them as far as they are heard of."""
        return sum(self._value(number, part) for number, part in enumerate(self.parts))

    @property
    def bound(self) -> int:
        """The bound of all components together, likewise."""
        return sum(self._bound(number, part) for number, part in enumerate(self.parts))

    def _value(self, number: int, part: Part) -> int:
        heard = self._heard.get(number)
        plans = [part.plan] if heard is None else [part.plan, heard.plan]
        return max((value(part.problem, plan, self.objective) for plan in plans), key=self._good)

    def _bound(self, number: int, part: Part) -> int:
        heard = self._heard.get(number)
        bounds = [part.bounds[self.level], *([] if heard is None or heard.bound is None else [heard.bound])]
        return min(bounds, key=self._good)

    def _good(self, amount: int) -> int:
        return goodness(self.objective, amount)

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
        number = {id(part): at for at, part in enumerate(self.parts)}
        tasks = [self._task(part, effort, gaps) for part, effort in zip(jobs, efforts, strict=True)]
        self._running = {task.number: number[id(part)] for task, part in zip(tasks, jobs, strict=True)}
        self._news.begin(self._hear)
        loose = []
        outcomes = Relay(self.executor, tasks, self.clock, self._news.poll).outcomes()
        for part, outcome in zip(jobs, outcomes, strict=True):
            if outcome is None:
                continue
            self._take(part, outcome)
            self._heard.pop(number[id(part)], None)
            if outcome.gave_up and not quick:
                self._given_up.append(part)
            if outcome.loose is not None:
                loose.append((part, outcome.loose))
        self._stop_hearing()
        self._mix(loose)

    def _task(self, part: Part, effort: Effort, gaps: Sequence[int]) -> Task:
        """Return the task of a component, where all together are so far from the bounds of the earlier levels."""
        return Task(
            part.problem,
            self.objective,
            self._holds(part, [0] * self.level),
            part.plan,
            effort,
            self.seed,
            relaxed=self._holds(part, [total - part.gap(level) for level, total in enumerate(gaps)]),
            served=part.served,
            surely_served=part.surely_served,
            bound=part.bounds[self.level],
            memory=part.memory,
            number=next(TASK_NUMBERS),
        )

    def _hear(self, news: News) -> None:
        # What is late may be of a task of another level.
        if news.number in self._running:
            self._heard[self._running[news.number]] = news
            self._on_news()

    def _stop_hearing(self) -> None:
        """Take what tasks have told that a stopped solve does not wait for; of the others it is in their outcomes."""
        self._news.poll()
        self._running.clear()
        for number, news in self._heard.items() if self.clock.is_stopped else ():
            self.parts[number].offer(news.plan)
            if news.bound is not None:
                self.parts[number].tighten(self.level, news.bound)
        self._heard.clear()

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
