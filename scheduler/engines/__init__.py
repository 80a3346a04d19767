"""The solvers: only modules below this package import one, and only when a task is run."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from scheduler.tasks import Outcome, Task


def run_task(task: Task) -> Outcome:
    """Run one task in the process it is called in.

    Raises
    ------
    EngineError
        The solver failed.
    """
    from scheduler.engines.search import run  # noqa: PLC0415 - the import takes a second

    return run(task)


def warm_up() -> None:
    """Load the solver, which takes about a second, ahead of the first task."""
    import scheduler.engines.search  # noqa: F401, PLC0415


@cache
def engine_name() -> str:
    """Return what a plan depends on beside its problem, without loading a solver: this code, and what it rests on."""
    code = hashlib.sha256()
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        code.update(file.read_bytes())
    return f"creneau columns/{code.hexdigest()[:12]} ortools/{version('ortools')} numpy/{version('numpy')}"
