"""How the time, or the deterministic work, of a solve is shared out between levels and tasks."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.tasks import Effort

FIRST_SHARE = 0.4
GRACE_SECONDS = 1.0
CLOSING_SECONDS = 0.05
# Plans of large components are finished, put together and checked after their tasks: up to a microsecond was measured.
CLOSING_SECONDS_AN_OPTION = 1e-6
# Tasks of different lengths never fill all workers to the end.
PACKED_SHARE = 0.95


@dataclass(slots=True)
class Clock:
    """The effort that a whole solve may take, and what it has taken so far.

    Under a budget, in the solver's deterministic time summed over the tasks, the wall clock decides nothing.

    Attributes
    ----------
    options : int
        The problem's `option_count`: what is left to do after the last task takes longer with more of them.
    """

    time_limit_s: float
    workers: int
    budget: float | None
    started: float = field(default_factory=time.time)
    deadline: float = 0.0
    work: float = 0.0
    stop: threading.Event | None = None
    options: int = 0

    def __post_init__(self) -> None:
        self.deadline = self.started + self.time_limit_s

    def forgive_loading(self) -> None:
        """Do not count the loading of the solver, up to a second, against the limit."""
        self.deadline += min(GRACE_SECONDS, time.time() - self.started)

    @property
    def whole(self) -> float:
        """All that the solve may take: seconds, or work."""
        return self.time_limit_s if self.budget is None else self.budget

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.time() - self.started

    @property
    def is_stopped(self) -> bool:
        """Whether the solve was asked to end with what it has."""
        return self.stop is not None and self.stop.is_set()

    @property
    def last(self) -> float:
        """When the last task must be over, in seconds since the epoch."""
        return self.deadline - CLOSING_SECONDS - CLOSING_SECONDS_AN_OPTION * self.options

    def left(self) -> float:
        """Return what is left: seconds of wall time, or work; nothing once the solve was asked to end."""
        if self.is_stopped:
            return 0.0
        if self.budget is not None:
            return max(0.0, self.budget - self.work)
        return max(0.0, self.last - time.time())

    def level_share(self, levels_left: int, least_s: float = 0.0) -> float:
        """Return the part of what is left that the first of so many levels may take; of seconds `least_s`, if left."""
        left = self.left()
        share = left * max(1 / levels_left, FIRST_SHARE)
        return share if self.budget is not None else max(share, min(left, least_s))

    def efforts(self, share: float, sizes: Sequence[float]) -> list[Effort]:
        """Return each task's effort: a share of the clock split by the tasks' sizes over the workers."""
        total = sum(sizes)
        if self.budget is not None:
            return [Effort(work=share * size / total) for size in sizes]
        until = min(time.time() + share, self.last)
        whole = PACKED_SHARE * share * self.workers
        seconds = [min(share, whole * size / total) for size in sizes]
        return [Effort(seconds=most, deadline=until) for most in seconds]
