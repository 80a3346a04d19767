"""Whether a run solved again comes to the same solution, and whether it must: pure."""

import json
from collections.abc import Iterator
from typing import Any

from app.allocation.models import Run

UNCOMPARED = frozenset({"seconds"})
MOST_SHOWN = 20
"""Differences that are told one by one; all are counted."""

Document = dict[str, Any]


def solved_by_engine(run: Run) -> Document | None:
    """Return the solution as the engine gave it, before any change by hand; None if there is none."""
    found: Document | None = run.parameters.get("solved", run.solution)
    return found


def budget_of(run: Run) -> float | None:
    """Return the deterministic work that a run was given, or, by the clock, that its solution says it did."""
    given: float | None = run.parameters.get("budget")
    return given if given is not None else (solved_by_engine(run) or {}).get("budget")


def is_deterministic(run: Run) -> bool:
    """Tell whether nothing but the input, the seed and a budget decided on a run's solution: no clock, and nobody."""
    return run.parameters.get("budget") is not None and run.cancel_requested_at is None


def compared_with(original: Run, again: Document) -> Document:
    """Return whether the solution of a replay is that of its original, and where the two differ.

    They are equal exactly if their files are, byte for byte but for `seconds`: a file's bytes follow from its content.
    """
    found = list(_differences("", _compared(solved_by_engine(original) or {}), _compared(again)))
    return {"equal": not found, "differing": len(found), "differences": found[:MOST_SHOWN]}


def _compared(solution: Document) -> Document:
    return {name: value for name, value in solution.items() if name not in UNCOMPARED}


def _differences(pointer: str, one: Any, other: Any) -> Iterator[Document]:
    """Yield each place, as a JSON Pointer (RFC 6901), where two documents differ; what one lacks is null there."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            yield from _differences(f"{pointer}/{name}", one.get(name), other.get(name))
    elif isinstance(one, list) and isinstance(other, list):
        for index in range(max(len(one), len(other))):
            pair = [items[index] if index < len(items) else None for items in (one, other)]
            yield from _differences(f"{pointer}/{index}", *pair)
    elif json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True):
        yield {"pointer": pointer, "original": one, "replay": other}
