"""``python -m scheduler vary``: one problem solved under many variations, several at a time."""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler.commands.common import (
    DONE,
    FAILED,
    MALFORMED,
    Commands,
    add_command,
    fail,
    positive,
    read,
    seed,
    workers,
    write,
)
from scheduler.commands.stopping import Stopping
from scheduler.fields import FieldError
from scheduler.problem import Problem
from scheduler.progress import Progress
from scheduler.variations import Variant, Variants, Variation, Variations

if TYPE_CHECKING:
    from scheduler.executors import SolverPool

EXAMPLE = """\
examples:
  python -m scheduler vary problem.json variations.json -o variants.json --time-limit 60 --workers 2

the file of variations holds what is different in each, all but the first two left out if wanted:
  {"format": "creneau-variations/1",
   "variations": [{"id": "v1", "objectives": ["surge_output", "displacement"], "seconds": 10,
                   "limits": {"displacement": 20}, "kept": ["b1"]}]}

Each solution has passed the checker for its variant. SIGINT (Ctrl-C) or SIGTERM ends it with those solved so far.

exit codes:
  0    done, or stopped by a signal: what was solved is written
  2    a file or an argument is malformed or unreadable
  4    the solver failed
  130  ended by a second signal: nothing is written
"""
POLL_SECONDS = 0.1
LEAST_SECONDS, GRACE_SECONDS = 0.2, 2.0


def add_to(commands: Commands) -> None:
    """Add ``vary`` to the command line."""
    parser = add_command(commands, "vary", "solve one problem under variations", EXAMPLE, run)
    parser.add_argument("problem", type=Path)
    parser.add_argument("variations", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="where to write the solutions; standard output if not given")
    parser.add_argument("--time-limit", type=positive, default=60.0, metavar="S", help="for all, seconds (default 60)")
    parser.add_argument("--seed", type=seed, default=1, help="random seed (default 1)")
    parser.add_argument("--workers", type=workers, default=1, help="variations solved at a time (default 1)")
    parser.add_argument("--progress", action="store_true", help="one JSON object a line on standard error")


def run(options: argparse.Namespace) -> int:
    """Solve the variations and return the exit code."""
    from scheduler.executors import SolverPool  # noqa: PLC0415 - other commands run without a solver
    from scheduler.tasks import EngineError  # noqa: PLC0415

    with Stopping() as stopping:
        problem = read(Problem, options.problem)
        try:
            asked = Variations.from_json(options.variations.read_bytes())
            for position, one in enumerate(asked.variations):
                _checked(problem, one, position)
        except FieldError as error:
            return fail(f"{options.variations}: {error}", MALFORMED)
        try:
            with SolverPool(options.workers, can_be_left=True) as pool:
                pool.wait_until_loaded()
                turns = _Turns(problem, asked.variations, options, stopping, pool)
                answers = turns.answers()
                pool.leave()
        except (EngineError, BrokenExecutor) as error:
            return fail(f"{options.problem}: {error}", FAILED)
    write(Variants(answers).to_json(), options.output)
    return DONE


def _checked(problem: Problem, variation: Variation, position: int) -> None:
    try:
        variation.of(problem)
    except FieldError as error:
        raise error.within(f"variations[{position}]") from error


class _Turns:
    """The variations in their order, so many at a time, until the time is over or a signal comes."""

    def __init__(
        self,
        problem: Problem,
        variations: tuple[Variation, ...],
        options: argparse.Namespace,
        stopping: Stopping,
        pool: SolverPool,
    ) -> None:
        self.problem, self.variations, self.options = problem, variations, options
        self.stopping, self.pool = stopping, pool
        self.began = time.monotonic()
        self.solved: dict[str, Variant] = {}

    def answers(self) -> tuple[Variant, ...]:
        """Return what became of each."""
        waiting = list(reversed(self.variations))
        running: set[Future[Variant]] = set()
        while (waiting or running) and not self.stopping.asked.is_set() and self._left() > -GRACE_SECONDS:
            while waiting and len(running) < self.options.workers and self._left() > LEAST_SECONDS:
                one = waiting.pop()
                seconds = min(one.seconds, self._left())
                running.add(self.pool.executor.submit(solved, self.problem, one, seconds, self.options.seed))
            if not running:
                break
            done, running = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                self._take(future.result())
        return tuple(self.solved.get(one.id, Variant(one.id)) for one in self.variations)

    def _left(self) -> float:
        # A solve may end a little after its limit: it is waited for.
        return float(self.options.time_limit) - (time.monotonic() - self.began)

    def _take(self, variant: Variant) -> None:
        self.solved[variant.id] = variant
        if not self.options.progress or variant.solution is None:
            return
        level = variant.solution.levels[0]
        elapsed, number = round(time.monotonic() - self.began, 3), len(self.solved)
        told = Progress(level.objective, level.value, level.bound, elapsed, number, len(self.variations), done=True)
        sys.stderr.write(json.dumps(asdict(told)) + "\n")
        sys.stderr.flush()


def solved(problem: Problem, variation: Variation, seconds: float, seed_number: int) -> Variant:
    """Solve one variant, in a process of the pool."""
    from scheduler.solve import NoPlan, solve  # noqa: PLC0415

    try:
        solution = solve(variation.of(problem), time_limit_s=seconds, seed=seed_number)
    except NoPlan as error:
        return Variant(variation.id, excluded=error.proven)
    return Variant(variation.id, solution)
