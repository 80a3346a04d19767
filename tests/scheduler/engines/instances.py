"""Instances of one window of ten days, whose arithmetic fits in a comment, and relaxations of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.generation import Relaxation, generate, relax
from scheduler.engines.columns.plans import columns_of_plan
from scheduler.engines.meter import Meter
from scheduler.plan import Plan
from scheduler.problem import Demand, Option, Problem, Window
from scheduler.tasks import Effort, Hold
from tests.scheduler.problems import ORIGIN

TEN_DAYS = (Window("w", "l", 0, 10),)
FAR_BELOW = -(10**9)


def problem_of(*objectives: str, windows: tuple[Window, ...] = TEN_DAYS, **rest: Any) -> Problem:
    return Problem(ORIGIN, windows, objectives, **rest)


def five_or_six() -> Problem:
    """Return a problem in which five days weigh 3 and six weigh 2: only one of the two fits, and 3 is the optimum."""
    demands = (
        Demand("five", "o1", 1, 3, (Option("w", 5, 0, 9),)),
        Demand("six", "o2", 1, 2, (Option("w", 6, 0, 9),)),
    )
    return problem_of("weight", demands=demands)


def endless() -> Meter:
    return Meter(Effort(work=math.inf))


def relaxed(problem: Problem, objective: str, start: Plan, holds: Sequence[Hold] = ()) -> Relaxation:
    """Return the relaxation at its end, begun from a plan within every row."""
    program = program_of(problem, objective, holds)
    relaxation = relax(program, columns_of_plan(problem, program.activities, start))
    generate(relaxation, endless(), reached=FAR_BELOW)
    return relaxation
