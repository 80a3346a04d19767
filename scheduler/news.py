"""What a task tells while it runs: each better plan and closer bound, from whatever process it runs in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import Queue
from queue import Empty
from typing import Protocol

from scheduler.plan import Plan


@dataclass(frozen=True, slots=True)
class News:
    """The best plan of a task so far and its bound, if there is one yet.

    Attributes
    ----------
    number : int
        That of the task.
    """

    number: int
    plan: Plan
    bound: int | None


Hearer = Callable[[News], None]


class Channel(Protocol):
    """How news come from the tasks of an executor."""

    def begin(self, hearer: Hearer) -> None:
        """Pass on, from now on, what tasks tell; what earlier ones told is forgotten."""

    def poll(self) -> None:
        """Pass on what was told since."""


class NoNews:
    """Of an executor that only returns outcomes."""

    def begin(self, hearer: Hearer) -> None:
        """Do nothing."""

    def poll(self) -> None:
        """Do nothing."""


class InlineNews:
    """Of tasks in this process: each word is passed on as it is told."""

    def begin(self, hearer: Hearer) -> None:
        """Pass on what tasks tell."""
        tell_to(hearer)

    def poll(self) -> None:
        """Do nothing: all was passed on."""


class QueuedNews:
    """Of tasks in other processes, which tell it to a queue."""

    def __init__(self, queue: Queue[News]) -> None:
        self._queue = queue
        self._hearer: Hearer | None = None

    def begin(self, hearer: Hearer) -> None:
        """Pass on what tasks tell, but nothing that is in the queue already."""
        self._hearer = None
        self.poll()
        self._hearer = hearer

    def poll(self) -> None:
        """Pass on what was told since."""
        while True:
            try:
                news = self._queue.get_nowait()
            except Empty:
                return
            if self._hearer is not None:
                self._hearer(news)


_hearers: list[Hearer] = []


def tell_to(hearer: Hearer | None) -> None:
    """Let the tasks of this process tell their news to someone, or to nobody."""
    _hearers[:] = [] if hearer is None else [hearer]


def tell(news: News) -> None:
    """Tell whoever listens to the tasks of this process."""
    for hearer in _hearers:
        hearer(news)
