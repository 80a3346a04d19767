"""A problem solved by the engine, its plan checked by an independent program, beside what simpler rules reach."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.allocation.engine import Engine, Limits, Report

GRACE_SECONDS = 15.0
PATIENCE_SECONDS = 180.0
"""The same for one that stands back: where others want every core, it takes long to start, and to write its plan."""
CHECK_SECONDS = 120.0
LONGEST_SECONDS = 4 * 3600.0
"""For a run under a budget, in which no clock decides anything: beyond it, the run is taken for stuck."""

BASELINES = ("fcfs", "greedy")


@dataclass(frozen=True, slots=True)
class Solved:
    """The solution file and those of the plans without a solver, each as JSON."""

    solution: dict[str, Any]
    baselines: dict[str, dict[str, Any]]


async def run_solver(
    problem: Mapping[str, Any], parameters: Mapping[str, Any], limits: Limits, report: Report
) -> Solved:
    """Solve a problem, have the plan checked, and compute the plans to compare it with.

    Raises
    ------
    EngineFailed
        There is no plan, with the reason in words.
    EngineStopped
        The result is not wanted any more.
    """
    with tempfile.TemporaryDirectory(prefix="creneau-solve-") as name:
        engine = Engine(Path(name), limits, report)
        await asyncio.to_thread(engine.write, "problem.json", problem)
        await engine.run("solve", "problem.json", *_solve_arguments(parameters), seconds=_seconds(parameters))
        await engine.run("verify", "problem.json", "solution.json", seconds=CHECK_SECONDS)
        simpler = BASELINES if problem.get("demands") and parameters.get("baselines", True) else ()
        for baseline in simpler:
            await engine.run("baseline", baseline, "problem.json", "-o", f"{baseline}.json", seconds=CHECK_SECONDS)
        return Solved(engine.read("solution.json"), {name: engine.read(f"{name}.json") for name in simpler})


def _seconds(parameters: Mapping[str, Any]) -> float:
    if parameters.get("budget"):
        return float(parameters.get("longest_s", LONGEST_SECONDS))
    return float(parameters.get("time_limit_s", 60)) + grace_seconds(parameters)


def grace_seconds(parameters: Mapping[str, Any]) -> float:
    """Return how long a command may take beyond its time limit, to start and to write what it has found."""
    return PATIENCE_SECONDS if parameters.get("niceness") else GRACE_SECONDS


def _solve_arguments(parameters: Mapping[str, Any]) -> list[str]:
    arguments = ["-o", "solution.json", "--progress"]
    arguments += ["--time-limit", str(parameters.get("time_limit_s", 60))]
    arguments += ["--seed", str(parameters.get("seed", 1)), "--workers", str(parameters.get("workers", 1))]
    if budget := parameters.get("budget"):
        arguments += ["--budget", str(budget)]
    return arguments
