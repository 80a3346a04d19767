"""A run of several problems, each with more capacity than the one before: solved in order until the targets are met.

The run's own problem is the first; `references["further_problems"]` holds the others. When the run has ended, its
problem is the last one solved, the one that its solution belongs to.
"""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]

FURTHER_PROBLEMS = "further_problems"


def steps_of(problem: Document, references: Document) -> list[Document]:
    """Return the problems of a run in the order in which they are solved: one, unless it escalates."""
    return [problem, *references.get(FURTHER_PROBLEMS, ())]


def surge_reached(solution: Document) -> int:
    """Return what the campaigns of a solution deliver by the targets, summed over them."""
    reached: int = next(
        (level["value"] for level in solution.get("levels", ()) if level["objective"] == "surge_output"), 0
    )
    return reached


def is_met(problem: Document, solution: Document) -> bool:
    """Tell whether a solution meets every target of its problem's surges, so that no further capacity is needed."""
    wanted: int = sum(target["quantity"] for surge in problem.get("surges", ()) for target in surge.get("targets", ()))
    return surge_reached(solution) >= wanted
