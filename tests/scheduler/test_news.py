"""What running tasks tell is shown while they run, and kept when they are not waited for."""

from __future__ import annotations

import multiprocessing
import threading
from itertools import pairwise

import pytest

from scheduler.news import InlineNews, News, QueuedNews, tell, tell_to
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
    solve(CONTESTED, time_limit_s=5, workers=2, on_progress=events.append)
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
