"""``python -m scheduler solve``: a problem file in, a solution file out; a signal ends it with the best plan so far."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler.commands.common import (
    DONE,
    FAILED,
    MALFORMED,
    NO_PLAN,
    Commands,
    add_command,
    address,
    fail,
    positive,
    read,
    seed,
    workers,
    write,
)
from scheduler.commands.stopping import Stopping
from scheduler.problem import Problem
from scheduler.progress import Progress
from scheduler.solution import Solution

if TYPE_CHECKING:
    from scheduler.display import LiveLevels

EXAMPLE = """\
examples:
  python -m scheduler solve problem.json -o solution.json --time-limit 60 --seed 1 --workers 2
  python -m scheduler solve problem.json -o solution.json --budget 100     (replayable: no clock decides anything)
  python -m scheduler solve problem.json -o solution.json --progress       (one JSON object a line on stderr)
  python -m scheduler solve problem.json -o solution.json --cluster tcp://127.0.0.1:8786      (a Dask cluster)

`dask scheduler` and `dask worker` make a cluster, each on any machine with the same engine: in a clone of
Créneau, pip install '.[cluster]'. Whoever reaches it can run anything on it: let nobody else.

SIGINT (Ctrl-C) or SIGTERM ends it with the best plan so far, which is written; a second one ends it at once.

exit codes:
  0    done, or stopped by a signal: a plan is written
  2    a file or an argument is malformed or unreadable
  3    there is no plan: fixed bookings contradict each other (the solution says which), or none is within the limits
  4    the solver failed, or the cluster
  130  ended by a second signal: nothing is written
"""


def add_to(commands: Commands) -> None:
    """Add ``solve`` to the command line."""
    parser = add_command(commands, "solve", "solve a problem file", EXAMPLE, run)
    parser.add_argument("problem", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="where to write the solution; standard output if not given")
    parser.add_argument("--time-limit", type=positive, default=60.0, metavar="S", help="seconds (default 60)")
    parser.add_argument("--seed", type=seed, default=1, help="random seed (default 1)")
    parser.add_argument(
        "--workers", type=workers, help="processes (default 1), or tasks at a time on a cluster (default its threads)"
    )
    parser.add_argument(
        "--cluster",
        type=address,
        metavar="ADDRESS",
        help="of a Dask scheduler, tcp://HOST:PORT, to solve on its workers",
    )
    parser.add_argument(
        "--budget", type=positive, metavar="B", help="deterministic work instead of a time limit; same file again"
    )
    loud = parser.add_mutually_exclusive_group()
    loud.add_argument("--progress", action="store_true", help="one JSON object a line on standard error")
    loud.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(options: argparse.Namespace) -> int:
    """Solve a problem file and return the exit code."""
    from scheduler.solve import NoPlan  # noqa: PLC0415 - other commands run without a solver
    from scheduler.tasks import EngineError  # noqa: PLC0415

    if options.output is not None and not options.output.parent.is_dir():
        return fail(f"{options.output.parent}: no such folder", MALFORMED)
    with Stopping() as stopping:
        problem = read(Problem, options.problem)
        with _workplace(options) as (executor, tasks):
            try:
                solution = _solved(problem, options, stopping, executor, tasks)
            except NoPlan as error:
                return fail(f"{options.problem}: {error}", NO_PLAN)
            except EngineError as error:
                return fail(f"{options.problem}: {error}", FAILED)
        write(solution.to_json(), options.output)
    if solution.conflicts:
        pairs = "; ".join(f"{' and '.join(c.bookings)} in {c.window}" for c in solution.conflicts[:5])
        return fail(f"{options.problem}: fixed bookings contradict each other: {pairs}", NO_PLAN)
    if stopping.asked.is_set() and not options.quiet:
        sys.stderr.write("scheduler: stopped: best plan so far written\n")
    return DONE


@contextmanager
def _workplace(options: argparse.Namespace) -> Iterator[tuple[Executor | None, int]]:
    """Yield where to run tasks, None for processes of one's own, and how many at a time."""
    if options.cluster is None:
        yield None, options.workers or 1
        return
    from scheduler.cluster import connected  # noqa: PLC0415 - an optional extra

    with connected(options.cluster, workers=options.workers, is_timed=options.budget is None) as cluster:
        yield cluster, cluster.workers


def _solved(
    problem: Problem, options: argparse.Namespace, stopping: Stopping, executor: Executor | None, tasks: int
) -> Solution:
    from scheduler.solve import solve  # noqa: PLC0415

    with _audience(problem, options) as audience:
        solution = stopping.run(
            lambda: solve(
                problem,
                time_limit_s=options.time_limit,
                seed=options.seed,
                workers=tasks,
                budget=options.budget,
                on_progress=audience.tell,
                executor=executor,
                stop=stopping.asked,
            )
        )
        audience.conclude(solution)
    return solution


class _Nobody:
    """Told how a solve goes and how it ends, and says nothing."""

    def tell(self, event: Progress) -> None: ...

    def conclude(self, solution: Solution) -> None: ...


class _Programs(_Nobody):
    """Gets one JSON object a line on standard error."""

    def tell(self, event: Progress) -> None:
        sys.stderr.write(json.dumps(asdict(event)) + "\n")
        sys.stderr.flush()


@contextmanager
def _audience(problem: Problem, options: argparse.Namespace) -> Iterator[_Nobody | LiveLevels]:
    """Yield whoever is to be told: a program, people at a terminal, or nobody."""
    if options.progress:
        yield _Programs()
    elif options.quiet or not sys.stderr.isatty():
        yield _Nobody()
    else:
        from scheduler.display import LiveLevels  # noqa: PLC0415 - only people need it

        with LiveLevels(problem, time_limit_s=None if options.budget else options.time_limit) as display:
            yield display
