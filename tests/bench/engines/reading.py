"""A process that reads a problem file and ends: what every contender does first."""

from __future__ import annotations

import sys
from pathlib import Path

from scheduler.problem import Problem

if __name__ == "__main__":
    Problem.from_json(Path(sys.argv[1]).read_bytes())
