"""The pool's processes: a dead one fails the run cleanly, and none outlives the caller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import psutil
import pytest

from scheduler.executors import SolverPool
from scheduler.problem import Problem
from scheduler.solve import solve
from scheduler.tasks import EngineError, Outcome
from tests.scheduler.scenarios import national
from tests.support.processes import still_at_work, wait_until


class DyingExecutor(Executor):
    """Fails every task as a pool does when one of its processes is killed."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(BrokenProcessPool("a process was terminated abruptly"))
        return future


class BrokenPool(Executor):
    """Takes no task, as a pool does once one of its processes is known to be dead."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        raise BrokenProcessPool("a process was terminated abruptly")


class LyingExecutor(Executor):
    """Claims bounds that plans already pass."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(Outcome(None, 0, 1.0))
        return future


SMALL: Problem = national(10, 60)


@pytest.mark.parametrize("executor", [DyingExecutor(), BrokenPool()], ids=["at work", "between two tasks"])
def test_a_dead_process_is_an_engine_error(executor: Executor) -> None:
    with pytest.raises(EngineError, match="died"):
        solve(SMALL, budget=1.0, executor=executor)


class FailingExecutor(Executor):
    """Fails every task with what the engine does not know."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(self.error)
        return future


class IdleExecutor(Executor):
    """Finds nothing with every task, and says or does not say that it gave up; counts the tasks."""

    def __init__(self, *, gives_up: bool) -> None:
        self.gives_up, self.tasks = gives_up, 0

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        self.tasks += 1
        future: Future[Any] = Future()
        future.set_result(Outcome(None, None, 0.01, gave_up=self.gives_up))
        return future


def test_a_component_that_was_given_up_is_not_tried_again_in_the_same_climb() -> None:
    stubborn, wise = IdleExecutor(gives_up=False), IdleExecutor(gives_up=True)
    for executor in (stubborn, wise):
        solve(SMALL, budget=100.0, executor=executor)
    # Of a quick try, a long one and one with what is left, the last is saved, and only that.
    assert 2 * stubborn.tasks == 3 * wise.tasks


@pytest.mark.parametrize(
    ("error", "says"), [(MemoryError(), "out of memory"), (IndexError("list index"), "IndexError: list index")]
)
def test_whatever_a_process_fails_with_is_an_engine_error(error: Exception, says: str) -> None:
    with pytest.raises(EngineError, match=says):
        solve(SMALL, budget=1.0, executor=FailingExecutor(error))


def workers_of(pid: int) -> list[psutil.Process]:
    """Return the processes of a solve's pool, which are its grandchildren: a clean process forks them."""
    return [child for child in psutil.Process(pid).children(recursive=True) if child.ppid() != pid]


def test_killing_one_of_two_processes_fails_the_command_in_one_line(tmp_path: Path) -> None:
    problem, output = tmp_path / "problem.json", tmp_path / "solution.json"
    problem.write_text(national(60, 700, objectives=("weight", "delay")).to_json())
    command = [sys.executable, "-m", "scheduler", "solve", str(problem), "-o", str(output), "--progress"]
    command += ["--time-limit", "60", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()
        wait_until(lambda: len(workers_of(process.pid)) == 2, seconds=60, what="the second process")
        workers_of(process.pid)[0].kill()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 4
    assert said.splitlines()[-1] == f"scheduler: {problem}: a solver process died"
    assert not output.exists()


def test_a_bound_that_a_plan_passes_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match="contradicts"):
        solve(SMALL, budget=1.0, executor=LyingExecutor())


@pytest.mark.parametrize(
    "wrong", [{"time_limit_s": 0}, {"seed": -1}, {"workers": 0}, {"budget": 0.0}, {"time_limit_s": float("nan")}]
)
def test_arguments_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        solve(SMALL, **wrong)


def test_no_process_outlives_a_killed_caller(tmp_path: Path) -> None:
    problem = tmp_path / "p.json"
    problem.write_text(national(60, 500).to_json())
    command = [sys.executable, "-m", "scheduler", "solve", str(problem), "--workers", "2", "--time-limit", "60"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as parent:
        below: list[psutil.Process] = []
        deadline = time.monotonic() + 30
        while len(below) < 4 and time.monotonic() < deadline:  # the fork server, the tracker, two workers
            time.sleep(0.2)
            below = psutil.Process(parent.pid).children(recursive=True)
        assert len(below) >= 4
        time.sleep(1.0)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert still_at_work(below) == []


class SlowlyRead:
    """What whoever reads it takes its time for."""

    def __reduce__(self) -> tuple[Any, ...]:
        return time.sleep, (2.0,)


def slowly_read() -> SlowlyRead:
    return SlowlyRead()


def much() -> bytes:
    """Return what no pipe holds, while the other one's is being read."""
    time.sleep(0.5)
    return bytes(10_000_000)


def test_a_process_that_ends_while_it_hands_over_a_result_keeps_nobody_waiting() -> None:
    """The reader is busy, so that the second result is in the middle of the pipe when its process has to go."""
    left = threading.Event()

    def leave_in_between() -> None:
        with SolverPool(2, can_be_left=True) as pool:
            pool.wait_until_loaded()
            pool.executor.submit(slowly_read)
            pool.executor.submit(much)
            time.sleep(1.2)
            pool.leave()
        left.set()

    threading.Thread(target=leave_in_between, daemon=True).start()
    assert left.wait(30)


def fail_beside_a_long_task() -> None:
    with SolverPool(2) as pool:
        pool.wait_until_loaded()
        long = pool.executor.submit(time.sleep, 250)
        wait_until(long.running, seconds=60, what="the long task")
        raise KeyError


def test_an_error_does_not_wait_for_what_still_runs() -> None:
    began = time.monotonic()
    with pytest.raises(KeyError):
        fail_beside_a_long_task()
    assert time.monotonic() - began < 200
