"""``python -m scheduler baseline``: the plan that a rule of thumb makes, to compare with."""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

from scheduler.baselines import BASELINES
from scheduler.commands.common import DONE, NO_PLAN, Commands, add_command, fail, read, write
from scheduler.objectives import plain_bound, value
from scheduler.plan import solution_of
from scheduler.problem import Problem
from scheduler.solution import Level, Solution
from scheduler.verify import fixed_conflicts

EXAMPLE = """\
examples:
  python -m scheduler baseline fcfs problem.json -o solution.json      (first come first served)
  python -m scheduler baseline greedy problem.json -o solution.json    (tier by tier, heaviest first)

exit codes:
  0  done
  2  a file or an argument is malformed or unreadable
  3  there is no plan: fixed bookings contradict each other (the solution says which)
"""


def add_to(commands: Commands) -> None:
    """Add ``baseline`` to the command line."""
    parser = add_command(commands, "baseline", "a plan without a solver", EXAMPLE, run)
    parser.add_argument("name", choices=sorted(BASELINES))
    parser.add_argument("problem", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="where to write the solution; standard output if not given")


def run(options: argparse.Namespace) -> int:
    """Write the plan of a baseline and return the exit code."""
    problem = read(Problem, options.problem)
    began = perf_counter()
    if conflicts := tuple(fixed_conflicts(problem)):
        write(Solution("infeasible", engine=options.name, conflicts=conflicts).to_json(), options.output)
        return fail(f"{options.problem}: fixed bookings contradict each other", NO_PLAN)
    plan = BASELINES[options.name](problem)
    levels = []
    for name in problem.objectives:
        reached, bound = value(problem, plan, name), plain_bound(problem, name)
        levels.append(Level(name, reached, bound, reached == bound))
    status = "optimal" if all(level.proven for level in levels) else "feasible"
    seconds = round(perf_counter() - began, 3)
    made = solution_of(problem, plan, status=status, levels=tuple(levels), seconds=seconds, engine=options.name, seed=0)
    write(made.to_json(), options.output)
    return DONE
