"""`python -m tests.bench.bench_engine PROBLEM...`: the engine beside first come first served and greedy.

Each problem file is solved by the command, in a process of its own; every level is shown with its bound, its gap,
and the plain bound that needs no solving (for weights the sum over the demands that have an option).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from scheduler.baselines import BASELINES
from scheduler.objectives import plain_bound, value
from scheduler.problem import Problem
from scheduler.solution import Solution
from scheduler.verify import violations

RESULTS = Path("bench-results") / "engine.json"
SAMPLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class LevelResult:
    """One level of one problem: the engine's value and bound beside what needs no solver."""

    objective: str
    fcfs: int
    greedy: int
    value: int
    bound: int
    gap: float
    plain_bound: int


@dataclass(frozen=True, slots=True)
class Result:
    """One problem: its size, and what solving it took; memory is that of all its processes together."""

    problem: str
    windows: int
    demands: int
    options: int
    movable: int
    status: str
    seconds: float
    peak_megabytes: float
    levels: tuple[LevelResult, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every problem, show the table, write the JSON, and return the exit code."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 160)
    files = list(_problem_files(options.paths))
    if not files:
        console.print("no problem files (*.json) there", style="red")
        return 2
    results = []
    for file in files:
        console.print(f"solving {file} ...", style="dim")
        results.append(_measure(file, options))
    console.print(_table(results, options))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    settings = {name: getattr(options, name) for name in ("time_limit", "workers", "seed", "budget")}
    report = {"settings": settings, "results": [asdict(result) for result in results]}
    options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    console.print(f"written to {options.json}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_engine", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="problem files, or folders of them")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds for each problem (default 60)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, help="deterministic work instead of a time limit")
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"where to write (default {RESULTS})")
    return parser


def _problem_files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.glob("*.json")) if path.is_dir() else [path]


def _measure(file: Path, options: argparse.Namespace) -> Result:
    problem = Problem.from_json(file.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "solution.json"
        seconds, megabytes = _run(_command(file, output, options))
        solution = Solution.from_json(output.read_bytes())
    if broken := violations(problem, solution):
        raise SystemExit(f"{file}: {broken[0]}")
    plans = {name: baseline(problem) for name, baseline in BASELINES.items()}
    levels = tuple(
        LevelResult(
            level.objective,
            value(problem, plans["fcfs"], level.objective),
            value(problem, plans["greedy"], level.objective),
            level.value,
            level.bound,
            round(level.gap, 5),
            plain_bound(problem, level.objective),
        )
        for level in solution.levels
    )
    return Result(
        file.stem,
        len(problem.windows),
        len(problem.demands),
        sum(len(demand.options) for demand in problem.demands),
        len(problem.movable),
        solution.status,
        round(seconds, 1),
        round(megabytes, 1),
        levels,
    )


def _command(file: Path, output: Path, options: argparse.Namespace) -> list[str]:
    command = [sys.executable, "-m", "scheduler", "solve", str(file), "-o", str(output), "--quiet"]
    command += ["--workers", str(options.workers), "--seed", str(options.seed)]
    if options.budget is not None:
        return [*command, "--budget", str(options.budget)]
    return [*command, "--time-limit", str(options.time_limit)]


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and the peak of its processes' memory in megabytes."""
    began, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            peak = max(peak, _megabytes(process.pid))
            time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return time.perf_counter() - began, peak


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
    return total / 2**20


def _table(results: Sequence[Result], options: argparse.Namespace) -> Table:
    effort = f"budget {options.budget}" if options.budget else f"{options.time_limit:g} s"
    table = Table(title=f"Allocation engine, {effort}, {options.workers} workers")
    table.add_column("problem")
    table.add_column("objective")
    for name in ("fcfs", "greedy", "value", "bound", "gap", "plain bound", "seconds", "MB"):
        table.add_column(name, justify="right")
    for result in results:
        size = f"{result.problem}: {result.windows:,} windows, {result.demands:,} demands, {result.movable:,} movable"
        for position, level in enumerate(result.levels):
            is_first = position == 0
            table.add_row(
                size if is_first else "",
                level.objective,
                f"{level.fcfs:,}",
                f"{level.greedy:,}",
                f"{level.value:,}",
                f"{level.bound:,}",
                "proven" if level.value == level.bound else f"{level.gap:.2%}",
                f"{level.plain_bound:,}",
                f"{result.seconds:,}" if is_first else "",
                f"{result.peak_megabytes:,.0f}" if is_first else "",
            )
        table.add_section()
    return table


if __name__ == "__main__":
    sys.exit(main())
