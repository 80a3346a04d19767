"""Child processes: none outlives its parent, however the parent ended."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.core import tether
from app.core.processes import Children, end_process, start_tethered
from tests.support.processes import is_at_work, wait_until

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
IGNORE_SIGTERM = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
"""
STUBBORN = (sys.executable, "-c", IGNORE_SIGTERM)
# Starts a program that notes the signal it gets, in the file named last; then sleeps until it is killed.
PARENT = """
import subprocess, sys, time
from app.core import tether
from app.core.processes import start_tethered
import os, signal

mode, note = sys.argv[1:]
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = [sys.executable, "-c", '''
import pathlib, signal, sys, time
note = pathlib.Path(sys.argv[1])
def told(number, frame):
    note.write_text(signal.Signals(number).name)
    sys.exit()
inherited = signal.getsignal(signal.SIGINT)
signal.signal(signal.SIGTERM, told)
note.with_suffix(".ready").write_text("ignored" if inherited == signal.SIG_IGN else "default")
time.sleep(60)
''', note]
if mode == "kernel":
    process = start_tethered(child, death_signal=signal.SIGTERM)
else:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", tether.__file__, "--watch", f"--parent={os.getpid()}", "--signal=15", "--", *child]
    )
print(process.pid, flush=True)
time.sleep(60)
"""


def run_tether(*options: str, program: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(tether.__file__), *options, "--signal=9", "--", *program],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["kernel", "watch"])
def test_a_program_is_signalled_when_its_parent_is_killed(tmp_path: Path, mode: str) -> None:
    note = tmp_path / "note"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, mode, str(note)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    ready = note.with_suffix(".ready")
    wait_until(lambda: ready.exists() and ready.read_text(), seconds=20, what="a running program")
    assert ready.read_text() == "default"
    parent.kill()
    parent.communicate()
    wait_until(note.exists, seconds=10, what="the signal")
    wait_until(lambda: not is_at_work(child), seconds=10, what="the end of the program")
    assert note.read_text() == "SIGTERM"


def test_a_program_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = (sys.executable, "-c", "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()", str(trace))
    run = run_tether("--parent=1", program=program)
    run.communicate()
    assert run.returncode == 1
    assert not trace.exists()


@pytest.mark.parametrize("watch", [(), ("--watch",)], ids=["kernel", "watch"])
def test_output_and_exit_code_are_the_programs_own(watch: tuple[str, ...]) -> None:
    program = (sys.executable, "-c", "print('said'); raise SystemExit(7)")
    run = run_tether(*watch, f"--parent={os.getpid()}", program=program)
    output, _ = run.communicate()
    assert (output, run.returncode) == ("said\n", 7)


def _handles(pid: int, number: signal.Signals) -> bool:
    """Tell whether a process has a handler of its own for a signal: proc(5), SigCgt."""
    status = Path(f"/proc/{pid}/status").read_text()
    [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_a_watcher_passes_signals_on() -> None:
    run = run_tether("--watch", f"--parent={os.getpid()}", program=SLEEP)
    wait_until(psutil.Process(run.pid).children, seconds=10, what="the watched program")
    (program,) = psutil.Process(run.pid).children()
    wait_until(lambda: _handles(run.pid, signal.SIGTERM), seconds=10, what="the handler of the watcher")
    run.terminate()
    run.communicate()
    assert run.returncode == 128 + signal.SIGTERM
    assert not is_at_work(program)


def test_a_program_that_is_missing_is_named() -> None:
    run = run_tether(f"--parent={os.getpid()}", program=("/no/such/program",))
    _, errors = run.communicate()
    assert run.returncode == 126
    assert errors.startswith("cannot start /no/such/program: ")
    assert len(errors.splitlines()) == 1


def test_a_thread_that_may_end_starts_nothing() -> None:
    refused: list[RuntimeError] = []

    def start() -> None:
        try:
            start_tethered(SLEEP)
        except RuntimeError as error:
            refused.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(refused[0])


def test_a_stubborn_child_is_killed_in_the_end(tmp_path: Path) -> None:
    process = start_tethered([*STUBBORN, str(tmp_path / "ready")])
    wait_until((tmp_path / "ready").exists, seconds=20, what="a stubborn child")
    assert end_process(process, (signal.SIGTERM, 0.2)) == -signal.SIGKILL
    assert end_process(process, (signal.SIGTERM, 0.2)) == -signal.SIGKILL


def test_all_children_end_and_the_first_dead_is_known_by_name(tmp_path: Path) -> None:
    children = Children()
    stubborn = children.start("stubborn", [*STUBBORN, str(tmp_path / "ready")], os.environ)
    assert children.first_dead() is None
    short = children.start("short", [sys.executable, "-c", "pass"], os.environ)
    short.process.wait()
    assert children.first_dead() == short
    children.forget(short)
    assert children.first_dead() is None
    sleeper = children.start("sleeper", SLEEP, os.environ)
    wait_until((tmp_path / "ready").exists, seconds=20, what="a stubborn child")
    children.end_all(patience_seconds=1)
    assert stubborn.process.returncode == -signal.SIGKILL
    assert sleeper.process.returncode == -signal.SIGTERM


def test_an_interrupt_while_a_process_is_being_started_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            start_tethered(SLEEP)
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    [process] = started
    assert process.returncode is not None
