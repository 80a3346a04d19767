"""``python -m scheduler verify``: every rule that a solution file breaks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scheduler.commands.common import DONE, VIOLATED, Commands, add_command, read
from scheduler.problem import Problem
from scheduler.solution import Solution
from scheduler.verify import violations

EXAMPLE = """\
example:
  python -m scheduler verify problem.json solution.json

exit codes:
  0  the plan holds: nothing is printed
  1  it does not: the violations, one a line
  2  a file or an argument is malformed or unreadable
"""


def add_to(commands: Commands) -> None:
    """Add ``verify`` to the command line."""
    parser = add_command(commands, "verify", "check a solution file", EXAMPLE, run)
    parser.add_argument("problem", type=Path)
    parser.add_argument("solution", type=Path)


def run(options: argparse.Namespace) -> int:
    """Check a solution file and return the exit code."""
    broken = violations(read(Problem, options.problem), read(Solution, options.solution))
    for violation in broken:
        sys.stdout.write(f"{violation}\n")
    return VIOLATED if broken else DONE
