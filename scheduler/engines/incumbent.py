"""The best plan and the best bound of one task so far."""

from __future__ import annotations

from scheduler.news import News, tell
from scheduler.objectives import goodness, value, within_caps, within_limits
from scheduler.plan import Plan
from scheduler.tasks import EngineError, Task


class Incumbent:
    """What is known of a task: the best plan that obeys it, and how much better any could be.

    Attributes
    ----------
    plan : Plan
        The best one that obeys all that a plan must.
    loose : Plan or None
        A better one that obeys only what the bound relies on, if one was met.
    bound : int or None
        What no plan can pass.
    sign : int
        1 where more is better, else -1.
    is_exhausted : bool
        Whether it is known that no plan that obeys all is better, though the bound may allow one.
    """

    def __init__(self, task: Task, start: Plan) -> None:
        self.task = task
        self.plan = start
        self.loose: Plan | None = None
        self.bound = task.bound
        self.sign = goodness(task.objective, 1)
        self.is_exhausted = False

    @property
    def reached(self) -> int:
        """The value of the best plan, signed so that more is better."""
        return self.gain(self.plan)

    @property
    def reached_loosely(self) -> int:
        """The value of the best plan that obeys at least what the bound relies on, signed likewise."""
        return self.reached if self.loose is None else max(self.reached, self.gain(self.loose))

    @property
    def is_proven(self) -> bool:
        """Whether the plan reaches the bound."""
        return self.bound is not None and self.sign * self.bound == self.reached

    @property
    def is_settled(self) -> bool:
        """Whether there is no better plan."""
        return self.is_exhausted or self.is_proven

    def gain(self, plan: Plan) -> int:
        """Return a plan's value, signed so that more is better."""
        return self.sign * value(self.task.problem, plan, self.task.objective)

    def fits(self, plan: Plan) -> bool:
        """Say whether a plan respects limits and caps."""
        return within_limits(self.task.problem, plan) and within_caps(self.task.problem, plan)

    def offer(self, plan: Plan | None) -> None:
        """Take a plan that respects all and is better."""
        if plan is None or not self.fits(plan):
            return
        gained = self.gain(plan)
        if gained > self.reached and self.task.is_respected_by(plan):
            self.plan = plan
            self._tell()
        elif gained > self.reached_loosely and self.task.bounding.is_respected_by(plan):
            self.loose = plan

    def tighten(self, bound: int | None) -> None:
        """Take a bound that is closer.

        Raises
        ------
        EngineError
            The bound is on the wrong side of the plan.
        """
        if bound is None:
            return
        if self.sign * bound < self.reached:
            raise EngineError(
                f"{self.task.objective}: bound {bound} contradicts a plan with {self.sign * self.reached}"
            )
        if self.bound is None or self.sign * bound < self.sign * self.bound:
            self.bound = bound
            self._tell()

    def _tell(self) -> None:
        tell(News(self.task.number, self.plan, self.bound))
