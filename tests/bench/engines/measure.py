"""One command in a process of its own: wall time, peak memory of all its processes, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

import psutil

from tests.bench.engines.climb import CANNOT_EXPRESS, DONE, NO_PLAN, OUT_OF_MEMORY

SHORTEST_SAMPLE, SAMPLE_SECONDS = 0.02, 0.5
SAMPLE_SHARE = 0.05
GRACE_SECONDS, GRACE_SHARE = 30.0, 0.5
MEGABYTE = 2**20
LOOK_SECONDS = 0.5


class Outcome(StrEnum):
    """How a run ended."""

    DONE = "done"
    NO_PLAN = "no plan in time"
    CANNOT_EXPRESS = "cannot express it"
    OUT_OF_TIME = "out of time"
    OUT_OF_MEMORY = "out of memory"
    CRASHED = "crashed"
    WRONG = "wrong plan or bound"


_BY_CODE = {
    DONE: Outcome.DONE,
    NO_PLAN: Outcome.NO_PLAN,
    CANNOT_EXPRESS: Outcome.CANNOT_EXPRESS,
    OUT_OF_MEMORY: Outcome.OUT_OF_MEMORY,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What running a command took.

    Attributes
    ----------
    detail
        The last line of its errors, or why it was stopped.
    busy
        Cores that were busy with other things just before it began.
    """

    outcome: Outcome
    seconds: float
    megabytes: float
    detail: str = ""
    busy: float = 0.0


def run(command: Sequence[str], *, limit_s: float, memory_mb: float) -> Measured:
    """Run a command to its end, or until it is half as long again as its limit, or uses too much memory."""
    most_seconds = limit_s * (1 + GRACE_SHARE) + GRACE_SECONDS
    busy = busy_cores()
    with tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True)
        try:
            stopped, peak = _watch(process, began, most_seconds, memory_mb)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.perf_counter() - began
        if stopped is not None:
            return Measured(stopped[0], seconds, peak, stopped[1], busy)
        return Measured(_outcome(process.returncode), seconds, peak, _last_line(errors), busy)


def busy_cores() -> float:
    """Return how many cores are at work; a load average would still tell of the run before."""
    return psutil.cpu_percent(LOOK_SECONDS) / 100 * (psutil.cpu_count() or 1)


def _watch(
    process: subprocess.Popen[bytes], began: float, most_seconds: float, memory_mb: float
) -> tuple[tuple[Outcome, str] | None, float]:
    """Wait for a process; return why it must be stopped, if it must, and its peak memory in megabytes."""
    peak, stopped = 0.0, None
    while process.poll() is None and stopped is None:
        sampled = time.perf_counter()
        peak = max(peak, _megabytes(process.pid))
        spent = time.perf_counter() - sampled
        stopped = _why_stopped(time.perf_counter() - began, most_seconds, peak, memory_mb)
        if stopped is None:
            # Often enough for a short run, seldom enough not to slow a large one.
            _wait(process, max(min(SAMPLE_SECONDS, sampled - began), SHORTEST_SAMPLE, spent / SAMPLE_SHARE))
    return stopped, peak


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _why_stopped(
    seconds: float, most_seconds: float, megabytes: float, most_megabytes: float
) -> tuple[Outcome, str] | None:
    if seconds > most_seconds:
        return Outcome.OUT_OF_TIME, f"stopped after {seconds:.0f} s"
    if megabytes > most_megabytes:
        return Outcome.OUT_OF_MEMORY, f"stopped at {megabytes:,.0f} MB"
    return None


def _outcome(code: int) -> Outcome:
    return _BY_CODE.get(code, Outcome.CRASHED)


def _last_line(errors: IO[str]) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors if line.strip()]
    return lines[-1][:200] if lines else ""


def _megabytes(pid: int) -> float:
    """Return the memory of a process and all below it, pages they share counted once where the system can."""
    total = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in processes:
        try:
            memory = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        total += getattr(memory, "pss", memory.rss)
    return total / MEGABYTE
