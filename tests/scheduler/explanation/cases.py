"""Short ways to solve a problem, explain the plan, and pick a statement."""

from __future__ import annotations

from typing import Any

from scheduler.baselines import BASELINES
from scheduler.explanation.explain import explain
from scheduler.explanation.explanation import Explanation
from scheduler.explanation.statements import Facts
from scheduler.objectives import plain_bound, value
from scheduler.plan import Plan, solution_of
from scheduler.problem import Demand, Option, Problem, Window
from scheduler.solution import Level, Solution
from scheduler.solve import solve
from tests.scheduler.problems import ORIGIN

TEN_DAYS = (Window("w", "l", 0, 10),)
ENOUGH = 30.0
"""Seconds: all these problems are proven in far fewer."""


def problem_of(*demands: Demand, windows: tuple[Window, ...] = TEN_DAYS, **rest: Any) -> Problem:
    return Problem(ORIGIN, windows, rest.pop("objectives", ("weight",)), demands=demands, **rest)


def anywhere(duration: int, **rest: Any) -> Option:
    """Return an option that may start on any day of the ten."""
    return Option("w", duration, 0, 10 - duration, **rest)


def solution_with(problem: Problem, plan: Plan) -> Solution:
    """Return the plan as a solution that proves nothing but what needs no solving."""
    levels = []
    for name in problem.objectives:
        reached, bound = value(problem, plan, name), plain_bound(problem, name)
        levels.append(Level(name, reached, bound, reached == bound))
    status = "optimal" if all(level.proven for level in levels) else "feasible"
    return solution_of(problem, plan, status=status, levels=tuple(levels))


def greedy(problem: Problem) -> Solution:
    return solution_with(problem, BASELINES["greedy"](problem))


def explained(problem: Problem, subject: str, solution: Solution | None = None, **rest: Any) -> Explanation:
    """Explain the given plan, or the best one."""
    best = solution or solve(problem, budget=50.0)
    return explain(problem, best, subject, seconds=rest.pop("seconds", ENOUGH), **rest)


def codes(explanation: Explanation) -> list[str]:
    return [statement.code for statement in explanation.statements]


def facts(explanation: Explanation, code: str) -> Facts:
    """Return the data of the one statement of that kind."""
    (found,) = (statement.data for statement in explanation.statements if statement.code == code)
    return found


def sentence(explanation: Explanation, code: str, language: str = "en", **rest: Any) -> str:
    (found,) = (one.text[language] for one in explanation.rendered(**rest).statements if one.code == code)
    return found


def fates(data: Facts) -> set[tuple[str, str | None]]:
    """Return who suffers what."""
    return {(change.fate, change.who.id) for change in data.changes or ()}
