"""Level after level with a model that optimises one objective: what every competitor's process does.

A competitor reads a problem file, climbs, and writes a solution file. Its time limit counts from when the file is
read, as the engine's does. A level has half of what is left, the last one all of it;
while there is no plan at all, the first level has it all.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from scheduler.objectives import goodness, plain_bound, standing, value
from scheduler.plan import Plan, solution_of
from scheduler.problem import Problem, is_maximised
from scheduler.solution import Level, Solution

ROUNDING = 1e-5
LEVEL_SHARE = 0.5
DONE, NO_PLAN, CANNOT_EXPRESS, OUT_OF_MEMORY = 0, 3, 5, 6


class CannotExpress(Exception):
    """The tool has no words for a part of the problem; the message says which."""


class Found(NamedTuple):
    """The best plan of a level, if any, and a bound that holds for every plan, if any."""

    plan: Plan | None
    bound: int | None


class Model(Protocol):
    """A problem as one tool sees it."""

    levels: int
    """How many of the problem's objectives, from the first, it can optimise."""

    def best(self, objective: str, seconds: float) -> Found:
        """Optimise one objective for so many seconds."""
        ...

    def hold(self, objective: str, reached: int) -> None:
        """Let no later plan be worse than this."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What a tool may use; `deadline` is a `time.monotonic` in seconds."""

    deadline: float
    workers: int
    seed: int


def climb(problem: Problem, model: Model, deadline: float) -> tuple[Plan, tuple[Level, ...]] | None:
    """Return the plan and its levels, None without a plan in time."""
    plan: Plan | None = None
    bounds: dict[str, int] = {}
    for level, name in enumerate(problem.objectives[: model.levels]):
        share = 1.0 if level == model.levels - 1 else LEVEL_SHARE
        attempts = (share, 1.0) if plan is None else (share,)  # Without any plan the later levels' time is of no use.
        for attempt in attempts:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            found = model.best(name, left * attempt)
            plan = _better(problem, plan, found.plan)
            if found.bound is not None:
                bounds[name] = found.bound
            if plan is not None:
                break
        if plan is None:
            return None
        model.hold(name, value(problem, plan, name))
    if plan is None:
        return None
    return plan, tuple(_level(problem, plan, name, bounds.get(name)) for name in problem.objectives)


def _better(problem: Problem, one: Plan | None, other: Plan | None) -> Plan | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda plan: standing(problem, plan))


def _level(problem: Problem, plan: Plan, name: str, bound: int | None) -> Level:
    """Return a level with the closer of its bound and the plain one; a false bound is left for the checker to see."""
    reached = value(problem, plan, name)
    known = [plain_bound(problem, name), *([] if bound is None else [bound])]
    best = min(known, key=lambda amount: goodness(name, amount))
    return Level(name, reached, best, reached == best)


def main(engine: str, make: Callable[[Problem, Settings], Model], arguments: Sequence[str] | None = None) -> int:
    """Run a competitor's command, and return its exit code."""
    options = _parser(engine).parse_args(arguments)
    problem = Problem.from_json(options.problem.read_bytes())
    began = time.monotonic()
    settings = Settings(began + options.time_limit, options.workers, options.seed)
    try:
        climbed = climb(problem, make(problem, settings), settings.deadline)
    except CannotExpress as error:
        return _fail(str(error), CANNOT_EXPRESS)
    except MemoryError:
        return _fail("out of memory", OUT_OF_MEMORY)
    if climbed is None:
        return _fail("no plan in the time given", NO_PLAN)
    plan, levels = climbed
    status = "optimal" if all(level.proven for level in levels) else "feasible"
    seconds = round(time.monotonic() - began, 3)
    made: Solution = solution_of(
        problem, plan, status=status, levels=levels, seconds=seconds, engine=engine, seed=options.seed
    )
    options.output.write_text(made.to_json(), encoding="utf-8")
    return DONE


def whole_bound(objective: str, bound: float) -> int:
    """Return a solver's bound on a whole number, its rounding errors allowed for."""
    return math.floor(bound + ROUNDING) if is_maximised(objective) else math.ceil(bound - ROUNDING)


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


def _parser(engine: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=f"Solve a problem file with {engine}.")
    parser.add_argument("problem", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--time-limit", type=float, required=True, metavar="S")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser
