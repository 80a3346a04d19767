"""The solvers: only modules below this package import one, and only when a task is run."""

from __future__ import annotations

from importlib.metadata import version

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


def engine_name() -> str:
    """Return the engine and the version of its solver, without loading it."""
    return f"creneau columns/2 ortools/{version('ortools')}"
