"""What is handed to an engine and what comes back: plain data that crosses processes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from scheduler.objectives import goodness, parties_of, value
from scheduler.plan import Plan
from scheduler.problem import Problem, is_maximised


class EngineError(RuntimeError):
    """The solver failed: an invalid model, a contradiction with a plan known to be right, or a dead process."""


@dataclass(frozen=True, slots=True)
class Hold:
    """An objective held at least as good as a value."""

    objective: str
    value: int


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a task may take: seconds of wall time until a deadline, or deterministic work, never both.

    Attributes
    ----------
    seconds : float or None
        Wall time from the task's start.
    deadline : float or None
        Seconds since the epoch, when the task must be over, wherever it runs: the machines' clocks must agree.
    work : float or None
        The solver's deterministic time.
    """

    seconds: float | None = None
    deadline: float | None = None
    work: float | None = None

    def seconds_left(self) -> float | None:
        """Return the wall time that a task which starts now has, None when work alone limits it."""
        if self.seconds is None or self.deadline is None:
            return None
        return max(0.0, min(self.seconds, self.deadline - time.time()))


@dataclass(frozen=True, slots=True)
class Task:
    """Improve one objective of a problem, the earlier ones held, from a plan that respects the holds.

    Attributes
    ----------
    holds : tuple of Hold
        What a plan must reach.
    start : Plan or None
        None only while it is not known whether any plan respects the limits.
    relaxed : tuple of Hold
        What the bound may rely on: the same objectives, none held any closer.
    served : frozenset of str
        Parties that a plan must serve.
    surely_served : frozenset of str
        Those of them that the bound may rely on.
    bound : int or None
        What no plan can pass that respects what the bound may rely on, as far as is known.
    memory : object
        What the engine gave back with the last task on the same component.
    number : int
        By which its news are told from those of other tasks.
    """

    problem: Problem
    objective: str
    holds: tuple[Hold, ...]
    start: Plan | None
    effort: Effort
    seed: int
    relaxed: tuple[Hold, ...] = ()
    served: frozenset[str] = frozenset()
    surely_served: frozenset[str] = frozenset()
    bound: int | None = None
    memory: object = None
    number: int = 0

    def is_respected_by(self, plan: Plan) -> bool:
        """Say whether a plan reaches the holds and serves the parties it must."""
        return self.served <= parties_of(self.problem, plan) and all(
            goodness(hold.objective, value(self.problem, plan, hold.objective)) >= goodness(hold.objective, hold.value)
            for hold in self.holds
        )

    @property
    def asked(self) -> tuple[Hold, ...]:
        """The holds of objectives of which more is better: what a plan on its way may fall short of for a while."""
        return tuple(hold for hold in self.holds if is_maximised(hold.objective) and hold.value > 0)

    @property
    def bounding(self) -> Task:
        """The task that the bound is of."""
        return replace(self, holds=self.relaxed, served=self.surely_served)

    @property
    def is_bounding(self) -> bool:
        """Whether bounds and plans obey the same holds."""
        return self.holds == self.relaxed and self.served == self.surely_served


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best plan found, if any, a bound valid for the task's problem under its holds, if any, and the work.

    `infeasible` says that no plan at all respects holds and limits; it was confirmed without presolve. `loose` is a
    plan that is better still, but respects only what the bound relies on. `memory` is what the engine wants back with
    the next task on the same component. `gave_up` says that it stopped before its effort was over, having found nothing
    for a long time.
    """

    plan: Plan | None
    bound: int | None
    work: float
    infeasible: bool = False
    loose: Plan | None = None
    memory: object = None
    gave_up: bool = False


def option_count(problem: Problem) -> int:
    """Return how many places the problem offers to choose from: what makes a task long."""
    return (
        sum(len(demand.options) for demand in problem.demands)
        + sum(1 + len(booking.options) for booking in problem.movable)
        + sum(10 * len(surge.options) for surge in problem.surges)
    )
