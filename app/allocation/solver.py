"""The engine in a child process: limited in time and memory, ended with its worker, and never trusted unchecked."""

import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from app.core.processes import tethered

POLL_SECONDS = 1.0
GRACE_SECONDS = 15.0
CHECK_SECONDS = 120.0
NO_PLAN, VIOLATED = 3, 1
BASELINES = ("fcfs", "greedy")

Progress = dict[str, Any]
Report = Callable[[Progress | None], Awaitable[bool]]
"""Takes the latest progress, or None if there is none, about once a second; False gives the solve up."""


class SolverFailed(Exception):
    """The engine crashed, ran out of time or memory, found no plan, or its plan did not pass the checker."""


class SolverStopped(Exception):
    """The solve was given up from outside: its result is not wanted, or its worker is stopping."""


@dataclass(frozen=True, slots=True)
class Solved:
    """The solution file and those of the plans without a solver, each as JSON."""

    solution: dict[str, Any]
    baselines: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one solve may take.

    Attributes
    ----------
    memory_bytes
        Address space of each process of the solver.
    stop
        When set, the solve ends within a second or so.
    """

    memory_bytes: int
    stop: asyncio.Event


async def run_solver(
    problem: Mapping[str, Any], parameters: Mapping[str, Any], limits: Limits, report: Report
) -> Solved:
    """Solve a problem, have the plan checked by an independent program, and compute the plans to compare it with.

    Raises
    ------
    SolverFailed
        There is no plan, with the reason in words.
    SolverStopped
        The result is not wanted any more.
    """
    with tempfile.TemporaryDirectory(prefix="creneau-solve-") as name:
        child = _Scheduler(Path(name), limits, report)
        await asyncio.to_thread(child.write, "problem.json", problem)
        time_limit_s = float(parameters.get("time_limit_s", 60))
        await child.run("solve", "problem.json", *_solve_arguments(parameters), seconds=time_limit_s + GRACE_SECONDS)
        await child.run("verify", "problem.json", "solution.json", seconds=CHECK_SECONDS)
        simpler = BASELINES if problem.get("demands") else ()
        for baseline in simpler:
            await child.run("baseline", baseline, "problem.json", "-o", f"{baseline}.json", seconds=CHECK_SECONDS)
        return Solved(child.read("solution.json"), {name: child.read(f"{name}.json") for name in simpler})


def _solve_arguments(parameters: Mapping[str, Any]) -> list[str]:
    arguments = ["-o", "solution.json", "--progress"]
    arguments += ["--time-limit", str(parameters.get("time_limit_s", 60))]
    arguments += ["--seed", str(parameters.get("seed", 1)), "--workers", str(parameters.get("workers", 1))]
    if budget := parameters.get("budget"):
        arguments += ["--budget", str(budget)]
    return arguments


class _Scheduler:
    """Commands of `python -m scheduler` on files of one folder, one after the other."""

    def __init__(self, folder: Path, limits: Limits, report: Report) -> None:
        self._folder, self._limits, self._report = folder, limits, report

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        (self._folder / name).write_text(json.dumps(content), encoding="utf-8")

    def read(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self._folder / name).read_bytes())
        return content

    async def run(self, command: str, *arguments: str, seconds: float) -> None:
        """Run one command to its end.

        Its output goes to a file, not a pipe: a pipe stays open as long as any process of the solver holds it.
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
            _limit_memory(process.pid, self._limits.memory_bytes)
            with log.open("rb") as lines:
                await self._watch(process, _Tail(lines), seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if process.returncode != 0:
            raise SolverFailed(_explanation(command, process.returncode, log))

    async def _watch(self, process: Process, tail: "_Tail", seconds: float) -> None:
        """Report progress until the process ends; give up when told to, or when it has had its time."""
        deadline = time.monotonic() + seconds
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(self._limits.stop.wait())
        try:
            while not ended.done():
                await asyncio.wait({ended, stopped}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if not await self._report(tail.latest()):
                    raise SolverStopped("the result is not wanted any more")
                if ended.done():
                    return
                if stopped.done():
                    raise SolverStopped("the worker is stopping")
                if time.monotonic() > deadline:
                    raise SolverFailed(f"The solver was still running after {seconds:.0f} s and was stopped.")
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
