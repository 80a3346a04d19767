"""Tasks wait on the caller's side: as many at a time as there are workers, none that would begin too late."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace
from typing import Any

import pytest

from scheduler import clock as clocks
from scheduler import relay as relays
from scheduler import tasks as efforts
from scheduler.clock import CLOSING_SECONDS, CLOSING_SECONDS_AN_OPTION, Clock
from scheduler.components import components
from scheduler.executors import InlineExecutor
from scheduler.problem import Movable, Problem
from scheduler.relay import PROCESS_DIED, Relay, seconds_on_the_way
from scheduler.solve import NoPlan, solve
from scheduler.tasks import Effort, EngineError, Outcome, Task, option_count
from tests.scheduler.problems import ORIGIN, WINDOWS
from tests.scheduler.scenarios import national

SMALL = national(10, 60)
PARTS = components(SMALL)


class StoodClock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now


@pytest.fixture
def stood(monkeypatch: pytest.MonkeyPatch) -> StoodClock:
    """A clock for the relay and the efforts."""
    made = StoodClock()
    for module in (relays, clocks, efforts):
        monkeypatch.setattr(module, "time", made)
    return made


class Line(Executor):
    """Notes the tasks it was sent, by their seeds, and leaves it to the test to end them."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.ends: list[Future[Any]] = []

    def submit(self, _: Any, /, task: Any) -> Future[Any]:  # type: ignore[override]
        self.sent.append(task.seed)
        self.ends.append(Future())
        return self.ends[-1]

    def end(self, number: int) -> None:
        self.ends[number].set_result(Outcome(None, self.sent[number], 0.0))


class SameProcess(Executor):
    """Works at once, for so long by the clock that stands."""

    def __init__(self, clock: StoodClock, seconds: float = 0.0, *, finds: bool = True) -> None:
        self.clock, self.seconds, self.finds = clock, seconds, finds
        self.sent: list[Task] = []

    def submit(self, _: Any, /, task: Any) -> Future[Any]:  # type: ignore[override]
        self.sent.append(task)
        self.clock.now += self.seconds
        future: Future[Any] = Future()
        future.set_result(Outcome(None, task.seed if self.finds else None, 0.0))
        return future


def tasks_of(effort: Effort, seeds: Iterable[int]) -> list[Task]:
    """Return tasks on the first component, told apart by their seeds."""
    return [Task(PARTS[0], "weight", (), None, effort, seed) for seed in seeds]


def effort_of(clock: StoodClock, seconds: float) -> Effort:
    """Return the effort of so many seconds from now on."""
    return Effort(seconds=seconds, deadline=clock.now + seconds)


def bound(outcome: Outcome | None) -> int | None:
    """Return what came back of a task: its seed, or None."""
    return None if outcome is None else outcome.bound


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_more_tasks_are_away_than_there_are_workers(workers: int) -> None:
    """Each time outcomes are waited for, the one that was sent last ends first."""
    line = Line()
    away: list[int] = []

    def end_one() -> None:
        away.append(sum(not future.done() for future in line.ends))
        last = max((at for at, future in enumerate(line.ends) if not future.done()), default=None)
        if last is not None:
            line.end(last)

    found = Relay(line, tasks_of(Effort(work=1.0), range(9)), Clock(60.0, workers, 1.0), end_one).outcomes()
    assert [bound(one) for one in found] == list(range(9)), "in their order, whichever ended first"
    assert line.sent == list(range(9))
    assert max(away) == workers


def test_in_one_process_each_outcome_comes_before_the_next_task_begins(stood: StoodClock) -> None:
    here = SameProcess(stood)
    found = Relay(here, tasks_of(Effort(work=1.0), range(3)), Clock(60.0, 1, 1.0), lambda: None).outcomes()
    assert [(bound(one), len(here.sent)) for one in found] == [(0, 1), (1, 2), (2, 3)]


def test_a_task_that_would_begin_too_late_is_not_sent(stood: StoodClock) -> None:
    """The first of four takes all their time; a later one has more of it, and is sent."""
    here = SameProcess(stood, seconds=10.0)
    tasks = tasks_of(Effort(seconds=10.0, deadline=stood.now + 10.0), range(4))
    tasks.append(replace(tasks[0], effort=Effort(seconds=60.0, deadline=stood.now + 60.0), seed=4))
    found = Relay(here, tasks, Clock(60.0, 1, None), lambda: None).outcomes()
    assert [bound(one) for one in found] == [0, None, None, None, 4]


@pytest.mark.parametrize(("share", "sent"), [(0.99, []), (1.01, [1])], ids=["too short", "long enough"])
def test_a_task_is_sent_only_if_its_time_is_longer_than_its_way(
    stood: StoodClock, share: float, sent: list[int]
) -> None:
    line = SameProcess(stood)
    effort = effort_of(stood, share * seconds_on_the_way(PARTS[0], line))
    list(Relay(line, tasks_of(effort, [1]), Clock(60.0, 1, None), lambda: None).outcomes())
    assert [task.seed for task in line.sent] == sent


def test_in_this_process_there_is_no_way(stood: StoodClock) -> None:
    class Here(InlineExecutor):
        def submit(self, _: Any, /, task: Any) -> Future[Any]:  # type: ignore[override]
            return SameProcess(stood).submit(_, task)

    assert seconds_on_the_way(PARTS[0], Here()) == 0.0
    effort = effort_of(stood, 0.01 * seconds_on_the_way(PARTS[0], SameProcess(stood)))
    [outcome] = Relay(Here(), tasks_of(effort, [1]), Clock(60.0, 1, None), lambda: None).outcomes()
    assert bound(outcome) == 1


def test_under_a_budget_no_task_is_too_late(stood: StoodClock) -> None:
    here = SameProcess(stood, seconds=1e9)
    found = Relay(here, tasks_of(Effort(work=1.0), range(3)), Clock(1.0, 1, 1.0), lambda: None).outcomes()
    assert [bound(one) for one in found] == [0, 1, 2]


def test_a_stopped_solve_sends_nothing_more_and_waits_for_nothing() -> None:
    stop = threading.Event()
    line = Line()
    found = Relay(line, tasks_of(Effort(work=1.0), range(6)), Clock(60.0, 2, 1.0, stop=stop), stop.set).outcomes()
    assert list(found) == [None] * 6
    assert line.sent == [0, 1]


@pytest.mark.parametrize("error", [MemoryError(), None], ids=["fails", "is cancelled"])
def test_a_task_that_fails_ends_all_though_one_before_it_still_runs(error: Exception | None) -> None:
    line = Line()

    def fail_the_second() -> None:
        if error is None:
            line.ends[1].cancel()
        else:
            line.ends[1].set_exception(error)

    found = Relay(line, tasks_of(Effort(work=1.0), range(6)), Clock(60.0, 2, 1.0), fail_the_second).outcomes()
    with pytest.raises(EngineError):
        next(found)
    assert line.sent == [0, 1]
    assert not line.ends[0].done()


def test_a_pool_that_breaks_in_between_is_an_engine_error() -> None:
    class Breaking(Line):
        def submit(self, call: Any, /, task: Any) -> Future[Any]:  # type: ignore[override]
            if self.sent:
                raise BrokenExecutor("a process was terminated abruptly")
            future = super().submit(call, task)
            self.end(0)
            return future

    found = Relay(Breaking(), tasks_of(Effort(work=1.0), range(3)), Clock(60.0, 1, 1.0), lambda: None).outcomes()
    assert bound(next(found)) == 0
    with pytest.raises(EngineError, match=PROCESS_DIED):
        next(found)


def test_what_follows_the_last_task_is_given_time_by_the_size_of_the_problem(stood: StoodClock) -> None:
    closing = CLOSING_SECONDS + 1_000_000 * CLOSING_SECONDS_AN_OPTION
    large = Clock(60.0, 2, None, started=stood.now, options=1_000_000)
    assert large.left() == pytest.approx(60.0 - closing)
    [effort] = large.efforts(60.0, [1.0])
    assert (effort.deadline or 0.0) - stood.now == pytest.approx(60.0 - closing)
    assert Clock(60.0, 2, None, started=stood.now).left() == pytest.approx(60.0 - CLOSING_SECONDS)


def test_a_level_gets_the_seconds_it_needs_at_least_but_no_more_than_are_left(stood: StoodClock) -> None:
    clock = Clock(10.0, 1, None, started=stood.now)
    shares = [clock.level_share(5, least_s) for least_s in (0.0, 6.0, 60.0)]
    assert shares == pytest.approx([0.4 * clock.left(), 6.0, clock.left()])
    assert Clock(10.0, 1, 5.0).level_share(5, 60.0) == pytest.approx(0.4 * 5.0), "of work there is no such least"


def test_what_is_far_away_gets_its_time_on_the_first_level(monkeypatch: pytest.MonkeyPatch, stood: StoodClock) -> None:
    """The way takes half of the limit, where the first of three levels has two fifths by right."""
    largest = max(seconds_on_the_way(part, Line()) for part in PARTS)
    monkeypatch.setattr(relays, "SECONDS_AN_OPTION", relays.SECONDS_AN_OPTION * 5.0 / largest)
    here = SameProcess(stood, seconds=1.0, finds=False)
    solve(replace(SMALL, objectives=("weight", "delay", "rank")), time_limit_s=10.0, executor=here)
    farthest = [task for task in here.sent if seconds_on_the_way(task.problem, here) == pytest.approx(5.0)]
    assert farthest[0].objective == "weight"


def test_what_is_far_away_gets_its_time_for_a_first_plan(monkeypatch: pytest.MonkeyPatch, stood: StoodClock) -> None:
    """Two bookings overlap, which no baseline resolves at less than a displacement; the way takes half of the limit."""
    crossing = (Movable("b1", "w1", 0, 5), Movable("b2", "w1", 4, 6))
    problem = Problem(ORIGIN, WINDOWS, ("displacement", "delay", "cost"), movable=crossing, limits={"displacement": 9})
    monkeypatch.setattr(relays, "SECONDS_AN_OPTION", 5.0 / option_count(components(problem)[0]))
    here = SameProcess(stood, finds=False)
    with pytest.raises(NoPlan):
        solve(problem, time_limit_s=10.0, executor=here)
    assert [task.start for task in here.sent] == [None]
