"""Small problems whose best plan is worked out by hand."""

import json
from typing import Any

from scheduler.baselines import BASELINES
from scheduler.objectives import plain_bound, value
from scheduler.plan import solution_of
from scheduler.problem import Problem
from scheduler.solution import Level


def one_window(*demands: dict[str, Any], end: int = 100) -> dict[str, Any]:
    """Return a problem of one window [0, end) on one line."""
    return {
        "format": "creneau-problem/1",
        "origin": "2030-01-01",
        "windows": [{"id": "w1", "line": "l1", "start": 0, "end": end}],
        "demands": list(demands),
        "objectives": ["weight", "delay"],
    }


def demand(name: str, *, weight: int, duration: int, end: int = 100, party: str = "") -> dict[str, Any]:
    """Return a demand for so many days anywhere in the window."""
    option = {"window": "w1", "duration": duration, "earliest": 0, "latest": end - duration}
    return {"id": name, "party": party or name, "weight": weight, "options": [option]}


CONTESTED = one_window(
    demand("light", weight=3, duration=60),
    demand("heavy", weight=5, duration=50),
    demand("short", weight=1, duration=45),
)
"""First come first served takes `light` alone (3); the best plan is `heavy` and `short` (6)."""


def slow_problem() -> dict[str, Any]:
    """A problem that keeps one worker busy for its whole time limit."""
    windows = [{"id": f"w{n}", "line": f"l{n}", "start": 0, "end": 150} for n in range(12)]
    demands = [
        {
            "id": f"r{n}",
            "weight": 1 + n * 7 % 9,
            "options": [
                {"window": f"w{w}", "duration": 17 + (n * 13 + w * 5) % 29, "earliest": n % 40, "latest": 95 + n % 10}
                for w in range(12)
            ],
        }
        for n in range(150)
    ]
    return {**CONTESTED, "windows": windows, "demands": demands}


def greedy_solution(document: dict[str, Any]) -> dict[str, Any]:
    """Return the solution of a problem by the simplest rule, as the engine would write it."""
    problem = Problem.from_json(json.dumps(document))
    plan = BASELINES["greedy"](problem)
    reached = {name: (value(problem, plan, name), plain_bound(problem, name)) for name in problem.objectives}
    levels = tuple(Level(name, now, bound, proven=now == bound) for name, (now, bound) in reached.items())
    status = "optimal" if all(level.proven for level in levels) else "feasible"
    made = solution_of(problem, plan, status=status, levels=levels, engine="greedy", seed=0)
    solution: dict[str, Any] = json.loads(made.to_json())
    return solution
