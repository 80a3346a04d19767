"""What running tasks tell is shown while they run, and kept when they are not waited for."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import Executor, Future
from itertools import pairwise
from typing import Any

import pytest

from scheduler.ascent import Ascent
from scheduler.clock import Clock
from scheduler.components import components
from scheduler.news import Hearer, InlineNews, News, QueuedNews, tell, tell_to
from scheduler.objectives import plain_bound
from scheduler.parts import Part
from scheduler.plan import Plan
from scheduler.progress import Progress
from scheduler.solve import solve
from tests.scheduler.scenarios import national

# One component that is never proven in the time of these tests.
CONTESTED = national(60, 700, objectives=("weight", "delay"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_solve_that_is_stopped_keeps_what_running_tasks_have_told(workers: int) -> None:
    stop = threading.Event()
    events: list[Progress] = []

    def hear(event: Progress) -> None:
        events.append(event)
        if event.value > events[0].value:
            stop.set()

    solution = solve(CONTESTED, time_limit_s=60, workers=workers, on_progress=hear, stop=stop)
    best = max(event.value for event in events if event.objective == "weight")
    assert best > events[0].value
    assert solution.levels[0].value >= best
    assert solution.seconds < 50


def test_news_come_while_a_level_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.solve.NEWS_SECONDS", 0.0)
    events: list[Progress] = []
    solve(CONTESTED, budget=3.0, workers=2, on_progress=events.append)
    during = [event for event in events if not event.done and event.objective == "weight"]
    # Without news there is one event at the start, and one after each of three passes.
    assert len(during) > 4
    assert all(before.value <= after.value for before, after in pairwise(during))
    assert all(before.bound >= after.bound for before, after in pairwise(during))


def test_inline_tasks_tell_at_once_and_to_nobody_afterwards() -> None:
    heard: list[News] = []
    InlineNews().begin(heard.append)
    tell(News(1, Plan(), 3))
    tell_to(None)
    tell(News(1, Plan(), 2))
    assert heard == [News(1, Plan(), 3)]


def test_news_of_before_are_forgotten_when_a_new_hearer_begins() -> None:
    queue = multiprocessing.get_context("spawn").Queue()
    channel = QueuedNews(queue)
    heard: list[News] = []
    queue.put(News(1, Plan(), 3))
    while queue.empty():
        pass
    channel.begin(heard.append)
    queue.put(News(2, Plan(), 4))
    while not heard:
        channel.poll()
    assert heard == [News(2, Plan(), 4)]


class ToldLate:
    """Of a task that tells something, which nobody has taken by the time the solve is stopped."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.number = -1
        self._hearer: Hearer = _ignore

    def begin(self, hearer: Hearer) -> None:
        self._hearer = hearer

    def poll(self) -> None:
        if self.number >= 0:
            self._hearer(News(self.number, Plan(), self.bound))


def _ignore(_: News) -> None:
    pass


def test_what_was_told_just_before_a_stop_is_kept() -> None:
    """The stop comes while the task is handed over, so that nobody waits for anything."""
    stop = threading.Event()
    [problem, *_] = components(CONTESTED)
    part = Part(problem, Plan(), CONTESTED.objectives)
    told = ToldLate(bound=plain_bound(problem, "weight") - 1)

    class Stopping(Executor):
        def submit(self, _: Any, /, task: Any) -> Future[Any]:  # type: ignore[override]
            stop.set()
            told.number = task.number
            return Future()

    Ascent([part], 0, Clock(60.0, 1, None, stop=stop), Stopping(), 1, news=told).climb(60.0, quick=False)
    assert part.bounds == [told.bound]
