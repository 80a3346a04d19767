"""Tasks on their way to an executor and back: no more of them at a time than run, and none that would begin too late.

What waits inside a pool has been packed and can no longer be called back, and a large problem takes seconds to be
packed and unpacked. A task that waits on this side costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait

from scheduler.clock import Clock
from scheduler.engines import run_task
from scheduler.executors import InlineExecutor
from scheduler.problem import Problem
from scheduler.tasks import EngineError, Outcome, Task, option_count

POLL_SECONDS = 0.1
# To be packed, sent and unpacked: up to 8 microseconds were measured.
SECONDS_AN_OPTION = 8e-6
PROCESS_DIED = "a solver process died"


class Relay:
    """Tasks in their order, of which the next is handed over once one is over.

    Parameters
    ----------
    executor : Executor
        Where they run.
    tasks : sequence of Task
        In the order in which they begin.
    clock : Clock
        Whose workers they keep busy; once it is stopped, none begins any more and none is waited for.
    on_wait : callable
        Called from time to time while outcomes are waited for.
    """

    def __init__(self, executor: Executor, tasks: Sequence[Task], clock: Clock, on_wait: Callable[[], None]) -> None:
        self._executor, self._tasks, self._clock, self._on_wait = executor, tasks, clock, on_wait
        self._futures: list[Future[Outcome] | None] = []
        self._running: set[Future[Outcome]] = set()
        self._failed: Future[Outcome] | None = None

    def outcomes(self) -> Iterator[Outcome | None]:
        """Yield each task's outcome in turn; None if it was not begun, or is not waited for by a stopped solve.

        Raises
        ------
        EngineError
            The solver failed, or one of its processes died, be it with a task whose turn is later.
        """
        for number in range(len(self._tasks)):
            self._hand_over()
            while not self._is_known(number) and not self._clock.is_stopped:
                wait(self._running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                self._on_wait()
                self._hand_over()
                if self._failed is not None:
                    _outcome_of(self._failed)
            future = self._futures[number] if self._is_known(number) else None
            yield None if future is None else _outcome_of(future)

    def _hand_over(self) -> None:
        """Hand tasks over while a worker is free; none after one has failed."""
        over = {future for future in self._running if future.done()}
        self._running -= over
        self._failed = next((one for one in over if one.cancelled() or one.exception() is not None), self._failed)
        while (
            len(self._futures) < len(self._tasks)
            and len(self._running) < self._clock.workers
            and self._failed is None
            and not self._clock.is_stopped
        ):
            task = self._tasks[len(self._futures)]
            future = None if self._is_too_late(task) else _handed_over(self._executor, task)
            self._futures.append(future)
            if future is not None:
                if future.done():  # It ran in this process: its outcome first.
                    return
                self._running.add(future)

    def _is_known(self, number: int) -> bool:
        if number >= len(self._futures):
            return False
        future = self._futures[number]
        return future is None or future.done()

    def _is_too_late(self, task: Task) -> bool:
        until = task.effort.deadline
        return until is not None and time.time() + seconds_on_the_way(task.problem, self._executor) >= until


def seconds_on_the_way(problem: Problem, executor: Executor) -> float:
    """Return how long a task on a problem may be on its way to where it runs: none in this process."""
    return 0.0 if isinstance(executor, InlineExecutor) else SECONDS_AN_OPTION * option_count(problem)


def _handed_over(executor: Executor, task: Task) -> Future[Outcome]:
    try:
        return executor.submit(run_task, task)
    except BrokenExecutor as error:
        raise EngineError(PROCESS_DIED) from error


def _outcome_of(future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise EngineError(PROCESS_DIED) from error
    except MemoryError as error:
        raise EngineError("a solver process is out of memory") from error
    except EngineError:
        raise
    except Exception as error:
        raise EngineError(f"a solver process failed: {type(error).__name__}: {error}") from error
