"""Signals while something long runs: the first asks it to end with what it has, the second ends the process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, Self, TypeVar

from scheduler.commands.common import INTERRUPTED

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """Takes SIGINT and SIGTERM while it is open, where it is opened in the main thread.

    Attributes
    ----------
    asked : threading.Event
        Set by the first signal.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns, or raise what it raises.

        It runs in a thread of its own: a handler runs in the main thread only, and not while a solver has that.
        """
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work)
            try:
                return future.result()
            finally:
                if not future.done():  # something else has broken off the waiting
                    self.asked.set()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked.is_set():
            os._exit(INTERRUPTED)  # Whatever it is busy with; the solver's processes end with this one.
        self.asked.set()
