"""A stand-in for the solver's process: the greedy plan, which is a right one too, made at once.

For tests that are about what becomes of plans, and not about how good they are.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.allocation.engine import Limits, Report
from app.allocation.solver import Solved
from scheduler.baselines import BASELINES
from scheduler.objectives import plain_bound, value
from scheduler.plan import Plan, solution_of
from scheduler.problem import Problem
from scheduler.solution import Level
from scheduler.variations import FORMAT, Variation, Variations
from scheduler.verify import violations

Document = Mapping[str, Any]


def solved_by_greed(problem: Problem) -> dict[str, Any]:
    """Return the solution file of the greedy plan."""
    return solution_file(problem, BASELINES["greedy"](problem), "greedy")


def solution_file(problem: Problem, plan: Plan, engine: str) -> dict[str, Any]:
    """Return a plan as the solution file of an engine that searches for nothing better; the checker has passed it."""
    figures = [(name, value(problem, plan, name), plain_bound(problem, name)) for name in problem.objectives]
    levels = tuple(Level(name, reached, bound, reached == bound) for name, reached, bound in figures)
    status = "optimal" if all(level.proven for level in levels) else "feasible"
    made = solution_of(problem, plan, status=status, levels=levels, engine=engine, seed=0)
    assert not violations(problem, made)
    found: dict[str, Any] = json.loads(made.to_json())
    return found


def take_the_place_of_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every run of a crisis solved so, by the worker's own code."""
    monkeypatch.setattr("app.allocation.solving.run_solver", _run_solver)
    monkeypatch.setattr("app.crisis.searching.run_solver", _run_solver)
    monkeypatch.setattr("app.crisis.searching.run_variations", _run_variations)


async def _run_solver(problem: Document, parameters: Document, limits: Limits, report: Report) -> Solved:
    await asyncio.sleep(0)
    return Solved(solved_by_greed(Problem.from_json(json.dumps(problem))), {})


async def _run_variations(
    problem: Document,
    variations: Sequence[Document],
    parameters: Document,
    limits: Limits,
    report: Report,
    *,
    seconds: float,
) -> dict[str, dict[str, Any]]:
    await asyncio.sleep(0)
    whole = Problem.from_json(json.dumps(problem))
    asked = Variations.from_json(json.dumps({"format": FORMAT, "variations": list(variations)}))
    return {one.id: solved_by_greed(_within_limits(one, whole).of(whole)) for one in asked.variations}


def _within_limits(asked: Variation, problem: Problem) -> Variation:
    """Return a variation that greed can keep to: where there is any limit, nobody gives way."""
    if not asked.limits:
        return asked
    return replace(asked, kept=tuple(one.id for one in problem.movable))
