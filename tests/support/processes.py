"""Looking at real processes from tests: which still run, and waiting for what they do."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

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


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """Wait until a condition holds; fail, saying what was awaited, if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def wait_until_none_of(folder: Path, *, seconds: float = 15) -> None:
    """Wait until no process of a folder is left."""
    wait_until(lambda: not processes_of(folder), seconds=seconds, what=f"the end of {processes_of(folder)}")
