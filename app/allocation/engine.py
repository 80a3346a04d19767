"""Commands of the engine in a child process: limited in time and memory, and ended with this one."""

import asyncio
import json
import os
import resource
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any, BinaryIO

from app.core.processes import tethered
from app.core.standing_back import stand_back
from app.jobs.errors import JobInterrupted

POLL_SECONDS = 1.0
LAST_WORDS_SECONDS = 10.0
"""For a solver that is to end with its best plan; then it is killed."""

NO_PLAN, VIOLATED = 3, 1
DONE = frozenset({0})
KEEPING_BEST = frozenset({"solve", "vary"})
"""Commands that a signal ends with what they have found so far."""

Progress = dict[str, Any]


class Wish(Enum):
    """What is to become of a command that is under way."""

    GO_ON = auto()
    KEEP_BEST = auto()
    ABANDON = auto()


Report = Callable[[Progress | None], Awaitable[Wish]]
"""Takes the latest progress, or None if there is none, about once a second, and says how to go on."""


class EngineFailed(Exception):
    """The engine crashed, ran out of time or memory, found no plan, or its plan did not pass the checker."""


class EngineStopped(JobInterrupted):
    """The command was given up from outside: its result is not wanted, or this process is stopping."""


async def go_on(_: Progress | None) -> Wish:
    """Let a command run to its end, whatever it tells."""
    return Wish.GO_ON


@dataclass(frozen=True, slots=True)
class Limits:
    """What commands may take.

    Attributes
    ----------
    memory_bytes
        Address space of each process of the engine.
    stop
        When set, a command ends within a second or so.
    niceness
        How far they stand back where others want the cores too; 0 is as anybody.
    """

    memory_bytes: int
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    niceness: int = 0


class Engine:
    """Commands of `python -m scheduler` on files of one folder, one after the other."""

    def __init__(self, folder: Path, limits: Limits, report: Report = go_on) -> None:
        self._folder, self._limits, self._report = folder, limits, report

    def write(self, name: str, content: object) -> None:
        """Write a file as JSON."""
        (self._folder / name).write_text(json.dumps(content), encoding="utf-8")

    def read(self, name: str) -> dict[str, Any]:
        """Return what a command has written, or said."""
        content: dict[str, Any] = json.loads((self._folder / name).read_bytes())
        return content

    async def run(self, command: str, *arguments: str, seconds: float, well: frozenset[int] = DONE) -> None:
        """Run one command to its end; `solve` and `vary` end early, with what they have, when that is wished for.

        Its output goes to a file, not a pipe: a pipe stays open as long as any process of the engine holds it.

        Parameters
        ----------
        seconds
            How long it may take.
        well
            Exit codes of a good end.

        Raises
        ------
        EngineFailed
            It did not end well, or not in time.
        EngineStopped
            It was given up.
        """
        log = self._folder / f"{command}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *tethered([sys.executable, "-P", "-m", "scheduler", command, *arguments]),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                start_new_session=True,
            )
        try:
            if self._limits.niceness:
                stand_back(process.pid, self._limits.niceness)
            _limit_memory(process.pid, self._limits.memory_bytes)
            with log.open("rb") as lines:
                await self._watch(process, _Tail(lines), seconds, keeps_best=command in KEEPING_BEST)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if process.returncode not in well:
            raise EngineFailed(_explanation(command, process.returncode, log))

    async def _watch(self, process: Process, tail: "_Tail", seconds: float, *, keeps_best: bool) -> None:
        """Report progress until the process ends; end it when told to, or when it has had its time."""
        deadline = time.monotonic() + seconds
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(self._limits.stop.wait())
        try:
            while not ended.done():
                await asyncio.wait({ended, stopped}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                wish = await self._report(tail.latest())
                if wish is Wish.ABANDON:
                    raise EngineStopped("the result is not wanted any more")
                if ended.done():
                    return
                if stopped.done():
                    raise EngineStopped("the worker is stopping")
                if time.monotonic() > deadline:
                    raise EngineFailed(f"The solver was still running after {seconds:.0f} s and was stopped.")
                if keeps_best and wish is Wish.KEEP_BEST:
                    keeps_best, seconds = False, LAST_WORDS_SECONDS
                    deadline = time.monotonic() + seconds
                    process.terminate()
        finally:
            stopped.cancel()
            ended.cancel()


class _Tail:
    """The newest progress line of a growing file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._rest = file, b""

    def latest(self) -> Progress | None:
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in reversed(lines):
            with suppress(ValueError):
                found = json.loads(line)
                if isinstance(found, dict):
                    return found
        return None


def _limit_memory(pid: int, memory_bytes: int) -> None:
    """Limit the address space of a process just started, and of those it will start; Linux can."""
    if hasattr(resource, "prlimit"):
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _explanation(command: str, code: int | None, log: Path) -> str:
    """Say in words how a command ended."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = " ".join(line for line in lines if line and not line.startswith("{"))[-1500:]
    if command == "verify" and code == VIOLATED:
        return f"The plan does not pass the checker: {said}"
    if code == NO_PLAN:
        return f"There is no plan: {said}"
    ending = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"
    return f"The solver {ending} during `{command}`. {said}".strip()
