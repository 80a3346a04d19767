"""One instance under one budget three ways: in one process, in a pool of two, and on a Dask cluster of two workers."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

from scheduler.cluster import connected
from scheduler.components import components
from scheduler.executors import SolverPool
from scheduler.problem import Problem
from scheduler.solution import Solution
from scheduler.solve import solve
from scheduler.tasks import option_count
from tests.bench.engines.measure import busy_cores
from tests.bench.engines.records import commit, machine, today
from tests.bench.engines.report import heading, table
from tests.support.processes import ProcessorTime

BUDGET = 60.0
WORKERS = 2
HEADINGS = (
    "",
    "objective",
    "value",
    "bound",
    "busy before",
    "seconds",
    "speed-up",
    "processor seconds",
    "on the longest path",
    "speed-up by it",
    "plan",
)
WORDS = {"", "objective", "plan"}


@dataclass(frozen=True, slots=True)
class Timing:
    """A solve in one place, from the first task to the checked plan.

    Attributes
    ----------
    busy
        Cores that were busy with other things just before.
    processor_s
        Seconds that the processors spent on it in all processes together.
    path_s
        Those of the caller's process and of the busiest worker's: what it takes where nothing else is done.
    """

    where: str
    busy: float
    seconds: float
    processor_s: float
    path_s: float
    solution: Solution

    def is_same_as(self, other: Timing) -> bool:
        """Say whether both gave the same solution file."""
        return self.solution.to_json() == other.solution.to_json()


def timings(problem: Problem, budget: float, console: Console) -> list[Timing]:
    """Solve a problem in each place, whose processes are started and have the solver before the time counts."""
    places: list[tuple[str, int, AbstractContextManager[Executor]]] = [
        ("one process", 1, _pool(1)),
        (f"a pool of {WORKERS} processes", WORKERS, _pool(WORKERS)),
        (f"a Dask cluster of {WORKERS} worker processes", WORKERS, _cluster()),
    ]
    done = []
    for where, workers, place in places:
        with console.status(where), place as executor:
            busy, began = busy_cores(), time.perf_counter()
            with ProcessorTime() as taken:
                solution = solve(problem, budget=budget, workers=workers, executor=executor)
            done.append(Timing(where, busy, time.perf_counter() - began, *spent(taken.seconds), solution))
    return done


def spent(by_process: Mapping[int, float]) -> tuple[float, float]:
    """Return the processor time of all processes, and that of the longest path, this process being the caller's."""
    workers = [seconds for process, seconds in by_process.items() if process != os.getpid()]
    return sum(by_process.values()), by_process[os.getpid()] + max(workers, default=0.0)


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    with SolverPool(workers) as pool:
        pool.wait_until_loaded()
        yield pool.executor


@contextmanager
def _cluster() -> Iterator[Executor]:
    from tests.scheduler.clusters import local_cluster  # noqa: PLC0415 - the other benchmarks run without Dask

    with (
        tempfile.TemporaryDirectory() as folder,
        local_cluster(n_workers=WORKERS, processes=True, local_directory=folder) as made,
        connected(made.scheduler_address, workers=WORKERS, is_timed=False) as executor,
    ):
        yield executor


def shown(instance: str, timings: Sequence[Timing]) -> Table:
    """Return the table for a terminal."""
    drawn = Table(title=instance, title_justify="left")
    for name in HEADINGS:
        drawn.add_column(name, justify="left" if name in WORDS else "right")
    for row in _rows(timings):
        drawn.add_row(*row)
    return drawn


def shares(problem: Problem) -> list[float]:
    """Return the components' shares of the work under a budget, which goes by their options; the largest first."""
    sizes = sorted((option_count(part) for part in components(problem)), reverse=True)
    return [size / sum(sizes) for size in sizes]


def spread(parts: Sequence[float]) -> str:
    """Return what runs through the executor and what does not, and the most that two workers can gain by it."""
    most = min(WORKERS, 1 / max(parts))
    return (
        "Through the executor runs one task for each component and pass of a level, and one for a first plan where "
        "none is known; a pass ends with its slowest task. Inside a task all is in one process on one core: pricing, "
        "which takes the windows of a component together in one pass over arrays, the linear programs, the dives and "
        "exchanges, and CP-SAT with one worker. "
        "Finding the components, the plans of first come first served and greedy, putting components together, and "
        "the checker run in the caller's process. "
        f"So the largest component sets the pace: of the {len(parts)} here it has {parts[0]:.0%} of the options, by "
        f"which the budget is shared out. While all of them stay open, {WORKERS} workers gain at most a factor of "
        f"{most:.2f}, wherever they are."
    )


def page(instance: str, budget: float, parts: Sequence[float], timings: Sequence[Timing], command: str) -> list[str]:
    """Return the page for the results, as paragraphs; `parts` are the components' shares."""
    return [
        "# On a cluster",
        *heading(machine(), [commit()], [today()], command),
        (
            f"`{instance}` under a budget of {budget:g}, the same work everywhere. Speed-up is against one process. "
            "Processes were started and had the solver before the time counted. Dask "
            f"{version('distributed')}, its scheduler beside the caller, all on one machine, whose cores they share."
        ),
        (
            "Seconds, and the speed-up by them, tell of this machine with all else that ran on it: busy before are the "
            "cores at work with other things in the half second before. The longest path is what the processors spent "
            "on the caller's process and on the busiest worker's, as if they never worked at once; the speed-up by it "
            "is what cores give at least that are free."
        ),
        table(HEADINGS, list(_rows(timings))),
        spread(parts),
    ]


def _rows(timings: Sequence[Timing]) -> Iterator[list[str]]:
    first = timings[0]
    for one in timings:
        level = one.solution.levels[0]
        yield [
            one.where,
            level.objective,
            f"{level.value:,}",
            f"{level.bound:,}",
            f"{one.busy:.1f}",
            f"{one.seconds:,.1f}",
            f"{first.seconds / one.seconds:.2f}",
            f"{one.processor_s:,.1f}",
            f"{one.path_s:,.1f}",
            f"{first.path_s / one.path_s:.2f}",
            "" if one is first else "the same" if one.is_same_as(first) else "**different**",
        ]
