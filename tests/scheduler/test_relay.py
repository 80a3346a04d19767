"""Tasks wait on the caller's side: as many at a time as there are workers, none that would begin too late."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from scheduler.clock import CLOSING_SECONDS, CLOSING_SECONDS_AN_OPTION, Clock
from scheduler.components import components
from scheduler.relay import SECONDS_AN_OPTION, Relay
from scheduler.tasks import Effort, Outcome, Task, option_count
from tests.scheduler.scenarios import national

PARTS = components(national(10, 60))


def tasks_of(effort: Effort, seeds: Iterable[int]) -> list[Task]:
    """Return tasks on the first component, told apart by their seeds."""
    return [Task(PARTS[0], "weight", (), None, effort, seed) for seed in seeds]


class Line(ThreadPoolExecutor):
    """Sends tasks elsewhere, where each takes a while, the first one longest; notes them and how many were there."""

    def __init__(self, seconds: float) -> None:
        super().__init__(8)
        self.seconds = seconds
        self.sent: list[int] = []
        self.most = self._there = 0
        self._lock = threading.Lock()

    def submit(self, _: Any, /, task: Any) -> Future[Any]:  # type: ignore[override]
        with self._lock:
            self._there += 1
            self.most = max(self.most, self._there)
        self.sent.append(task.seed)
        return super().submit(self._work, task)

    def _work(self, task: Task) -> Outcome:
        time.sleep(self.seconds if task.seed else 3 * self.seconds)
        with self._lock:
            self._there -= 1
        return Outcome(None, task.seed, 0.0)


def bounds(relay: Relay) -> list[int | None]:
    """Return what came back of each task: its seed, or None."""
    return [None if outcome is None else outcome.bound for outcome in relay.outcomes()]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_more_tasks_are_away_than_there_are_workers(workers: int) -> None:
    clock = Clock(60.0, workers, 1.0)
    with Line(0.02) as line:
        found = bounds(Relay(line, tasks_of(Effort(work=1.0), range(9)), clock, lambda: None))
    assert found == list(range(9)), "in their order, though the first ends after others"
    assert line.sent == list(range(9))
    assert line.most == workers


def test_a_task_that_would_begin_too_late_is_not_sent() -> None:
    """The first of four takes all their time; a later one has more of it, and is sent."""
    clock = Clock(60.0, 1, None)
    until = time.time() + 0.3
    tasks = tasks_of(Effort(seconds=0.3, deadline=until), range(4))
    tasks.append(replace(tasks[0], effort=Effort(seconds=60.0, deadline=until + 60.0), seed=4))
    with Line(0.2) as line:
        found = bounds(Relay(line, tasks, clock, lambda: None))
    assert found == [0, None, None, None, 4]
    assert line.sent == [0, 4]


def test_a_task_begins_too_late_if_all_its_time_goes_by_on_the_way() -> None:
    seconds = SECONDS_AN_OPTION * option_count(PARTS[0])
    clock = Clock(60.0, 1, None)
    hopeless = tasks_of(Effort(seconds=seconds, deadline=time.time() + seconds), [1])
    with Line(0.0) as line:
        assert bounds(Relay(line, hopeless, clock, lambda: None)) == [None]
    assert not line.sent


def test_a_stopped_solve_sends_nothing_more_and_waits_for_nothing() -> None:
    stop = threading.Event()
    clock = Clock(60.0, 2, 1.0, stop=stop)
    with Line(0.2) as line:
        found = bounds(Relay(line, tasks_of(Effort(work=1.0), range(6)), clock, stop.set))
        assert found == [None] * 6
    assert line.sent == [0, 1]


def test_what_follows_the_last_task_is_given_time_by_the_size_of_the_problem() -> None:
    small, large = Clock(60.0, 2, None), Clock(60.0, 2, None, started=0.0, options=1_000_000)
    assert small.deadline - small.last == pytest.approx(CLOSING_SECONDS)
    assert large.deadline - large.last == pytest.approx(CLOSING_SECONDS + 1_000_000 * CLOSING_SECONDS_AN_OPTION)
    assert Clock(60.0, 1, None, options=1_000_000).efforts(60.0, [1.0])[0].deadline == pytest.approx(
        time.time() + 60.0 - CLOSING_SECONDS - 1_000_000 * CLOSING_SECONDS_AN_OPTION, abs=1.0
    )
