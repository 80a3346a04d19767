"""What is left of a task's effort, in wall time or in deterministic work."""

from __future__ import annotations

import math
import time

from scheduler.tasks import Effort

LEAST_SECONDS = 0.05
LEAST_WORK = 0.01


class Meter:
    """A task's effort as it is spent: by the clock, or by the work that the solvers and the pricing count."""

    def __init__(self, effort: Effort, *, parent: Meter | None = None) -> None:
        self.effort = effort
        self.work = 0.0
        self._parent = parent
        self._until = None if effort.work is not None else time.time() + (effort.seconds_left() or 0.0)

    def spend(self, work: float) -> None:
        """Count deterministic work, which is done in either case."""
        self.work += work
        if self._parent is not None:
            self._parent.spend(work)

    def is_over(self) -> bool:
        """Say whether nothing worth a start is left."""
        if self.effort.work is not None:
            return self.work >= self.effort.work - LEAST_WORK
        return self._until is not None and time.time() >= self._until - LEAST_SECONDS

    def left(self) -> float:
        """Return what is left: seconds, or work."""
        if self.effort.work is not None:
            return max(0.0, self.effort.work - self.work)
        return max(0.0, (self._until or 0.0) - time.time())

    def part(self, share: float, most: float = math.inf) -> Meter:
        """Return a meter over a share of what is left, whose work counts here too."""
        amount = min(share * self.left(), most)
        if self.effort.work is not None:
            return Meter(Effort(work=amount), parent=self)
        return Meter(Effort(seconds=amount, deadline=time.time() + amount), parent=self)
