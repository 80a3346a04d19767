"""Looking at real processes from tests: which still run, and waiting for what they do."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil


def is_at_work(process: psutil.Process) -> bool:
    """Tell whether a process still runs: one that has ended and waits to be collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def still_at_work(processes: Iterable[psutil.Process], *, seconds: float = 10) -> list[psutil.Process]:
    """Return those of the processes that have not ended within some seconds."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if is_at_work(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def processes_of(folder: Path) -> list[psutil.Process]:
    """Living processes that work in a folder or below, or name it in their command or environment.

    PostgreSQL's processes, whose command may not name the folder, work in it.
    """
    return [process for process in psutil.process_iter() if _concerns(process, folder)]


def _concerns(process: psutil.Process, folder: Path) -> bool:
    try:
        if not is_at_work(process) or process.pid == psutil.Process().pid:
            return False
        texts: Iterator[str] = iter((process.cwd(), *process.cmdline(), *process.environ().values()))
        return any(str(folder) in text for text in texts)
    except psutil.Error:
        return False


def solvers(of: int | None = None) -> list[psutil.Process]:
    """Return the solver commands below a process, this one by default, with all that they have started.

    What a test that solves in its own process has left for the next one (a fork server) is none of them.
    """
    found: dict[int, psutil.Process] = {}
    for child in psutil.Process(of).children(recursive=True):
        with suppress(psutil.Error):  # it may just have ended
            if "-m scheduler" in " ".join(child.cmdline()):
                found |= {process.pid: process for process in (child, *child.children(recursive=True))}
    return list(found.values())


class ProcessorTime:
    """The processor time, in seconds by process id, that this process and those below it take within a block.

    Those below are looked at from time to time: what they take after the last look is missing.
    """

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}
        self._me = psutil.Process()
        self._before: dict[int, float] = {}
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Self:
        self._before = self._now()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        self._look()

    def _look_on(self) -> None:
        while not self._over.wait(0.1):
            self._look()

    def _look(self) -> None:
        self.seconds |= {pid: taken - self._before.get(pid, 0.0) for pid, taken in self._now().items()}

    def _now(self) -> dict[int, float]:
        found = {}
        for process in (self._me, *self._me.children(recursive=True)):
            with suppress(psutil.Error):  # it may just have ended
                times = process.cpu_times()
                found[process.pid] = times.user + times.system
        return found


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """Wait until a condition holds; fail, saying what was awaited, if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def wait_until_none_of(folder: Path, *, seconds: float = 15) -> None:
    """Wait until no process of a folder is left."""
    wait_until(lambda: not processes_of(folder), seconds=seconds, what=f"the end of {processes_of(folder)}")
