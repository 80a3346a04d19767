"""A signal ends a solve with its best plan, a second one at once; and what a terminal shows meanwhile."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import pytest

from scheduler.commands.stopping import Stopping
from scheduler.problem import Problem
from scheduler.solution import Solution
from scheduler.verify import violations
from tests.scheduler.scenarios import national

CONTESTED: Problem = national(60, 600, objectives=("weight", "delay"))
TIME_LIMIT = 60.0
STOPPING_SECONDS = 6.0  # one, and what a loaded machine makes of it


class Solving:
    """A solve in a process of its own, with its files."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.output = folder / "solution.json"
        problem = folder / "problem.json"
        problem.write_text(CONTESTED.to_json())
        command = [sys.executable, "-m", "scheduler", "solve", str(problem), "-o", str(self.output)]
        command += ["--time-limit", str(TIME_LIMIT), "--progress", *arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stderr is not None
        self.first = json.loads(self.process.stderr.readline())

    def end(self) -> tuple[int, str]:
        """Wait for the process, and return its exit code and what else it said."""
        _, said = self.process.communicate(timeout=TIME_LIMIT)
        return self.process.returncode, said


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGTERM, "1"), (signal.SIGINT, "1"), (signal.SIGTERM, "2"), (signal.SIGINT, "2")]
)
def test_a_signal_keeps_the_best_plan(number: signal.Signals, workers: str, tmp_path: Path) -> None:
    solving = Solving(tmp_path, "--workers", workers)
    time.sleep(1.0)
    began = time.monotonic()
    # To all its processes, as a terminal's Ctrl-C goes.
    if number == signal.SIGINT:
        os.killpg(solving.process.pid, number)
    else:
        solving.process.send_signal(number)
    code, said = solving.end()
    assert time.monotonic() - began < STOPPING_SECONDS
    assert code == 0, said
    assert said.splitlines()[-1] == "scheduler: stopped: best plan so far written"
    solution = Solution.from_json(solving.output.read_text())
    assert violations(CONTESTED, solution) == []
    assert solution.placed
    assert solution.levels[0].value >= solving.first["value"]
    assert solution.seconds < TIME_LIMIT / 2


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    solving = Solving(tmp_path)
    began = time.monotonic()
    for _ in range(2):
        solving.process.send_signal(signal.SIGTERM)
        time.sleep(0.01)
    code, _ = solving.end()
    assert time.monotonic() - began < STOPPING_SECONDS
    # Between the two it may have come to its end: then the plan is there, and the second may end what is left of it.
    assert code in {130, 0, -signal.SIGTERM}
    assert code == 130 or solving.output.exists()


def test_the_second_signal_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    before = signal.getsignal(signal.SIGTERM)
    with Stopping() as stopping:
        signal.raise_signal(signal.SIGTERM)
        assert stopping.asked.is_set()
        assert codes == []
        signal.raise_signal(signal.SIGINT)
        assert codes == [130]
    assert signal.getsignal(signal.SIGTERM) == before


def test_work_runs_while_the_main_thread_takes_signals() -> None:
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)

    before = signal.signal(signal.SIGUSR1, note)
    try:

        def work() -> list[int]:
            os.kill(os.getpid(), signal.SIGUSR1)
            deadline = time.monotonic() + 5
            while not seen and time.monotonic() < deadline:
                time.sleep(0.01)
            return list(seen)

        with Stopping() as stopping:
            assert stopping.run(work) == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)


def on_terminal(folder: Path, *arguments: str) -> str:
    """Solve a small problem with a terminal as standard error, and return what it shows."""
    problem = folder / "small.json"
    problem.write_text(national(10, 40, objectives=("weight", "parties")).to_json())
    output = folder / "solution.json"
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "scheduler", "solve", str(problem), "-o", str(output), "--budget", "20"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen([*command, *arguments], stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # how Linux says that the other side is closed
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


def test_a_terminal_shows_the_levels_and_the_trivial_bound(tmp_path: Path) -> None:
    shown = on_terminal(tmp_path)
    levels = Solution.from_json((tmp_path / "solution.json").read_text()).levels
    last = shown[shown.rindex("trivial bound") :]
    for level in levels:
        assert level.objective in last
        assert f"{level.value:,}" in last
    assert "proven" in last
    assert "Ctrl-C" not in last


def test_quiet_shows_nothing_on_a_terminal(tmp_path: Path) -> None:
    assert on_terminal(tmp_path, "--quiet") == ""
