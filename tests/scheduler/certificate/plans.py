"""A plan worked out by hand, and a short way to certify a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scheduler.certificate.certify import certify
from scheduler.certificate.report import Certificate
from scheduler.objectives import value
from scheduler.plan import Choice, Plan, solution_of
from scheduler.problem import Demand, Fixed, Movable, Option, Problem, Window
from scheduler.solution import Level, Solution
from tests.scheduler.problems import ORIGIN

# w [0, 20): fixed f [0, 4), r1 [4, 10), r2 [10, 15), kept k [15, 18), free [18, 20). v [0, 10): r3 [0, 6), free.
PROBLEM = Problem(
    ORIGIN,
    (Window("w", "l1", 0, 20), Window("v", "l2", 0, 10)),
    ("displacement", "weight:1", "weight:2", "weight:3"),
    (Fixed("f", "w", 0, 4),),
    (
        Demand("r1", "o1", 1, 3, (Option("w", 6, 4, 14, cost=5, lag=1),)),
        Demand("r2", "o1", 2, 2, (Option("w", 5, 4, 15, cost=5),)),
        Demand("r3", "o2", 2, 1, (Option("v", 6, 0, 4, cost=5),)),
        Demand("r4", "o3", 3, 8, (Option("w", 6, 4, 14, cost=5),)),
    ),
    (Movable("k", "w", 15, 18, weight=2), Movable("x", "w", 16, 20, weight=1)),
)
PLACED = {"r1": Choice(0, 4), "r2": Choice(0, 10), "r3": Choice(0, 0)}
# The best there is: k and x overlap, so one goes, and x is the lighter: 1 x 10. [4, 15) has 11 days: r1 and r2, 6 + 5.
PLAN = Plan(PLACED, displaced=frozenset({"x"}))


def solved(problem: Problem, plan: Plan, bounds: Mapping[str, int] | None = None) -> Solution:
    """Return the plan with its values as bounds, but for the bounds given."""
    levels = []
    for name in problem.objectives:
        reached = value(problem, plan, name)
        bound = (bounds or {}).get(name, reached)
        levels.append(Level(name, reached, bound, reached == bound))
    status = "optimal" if all(level.proven for level in levels) else "feasible"
    return solution_of(problem, plan, status=status, levels=tuple(levels))


def certified(problem: Problem, plan: Plan, **options: Any) -> Certificate:
    """Return the certificate of a plan whose values are given as proven, without sampling."""
    return certify(problem, solved(problem, plan), samples=0, **options)


def without(*demands: str) -> Plan:
    """Return the plan with placed demands taken out."""
    return replace(PLAN, placed={name: choice for name, choice in PLACED.items() if name not in demands})


def verdicts(certificate: Certificate) -> dict[str, str]:
    """Return the verdict of each property."""
    return {item.name: item.verdict for item in certificate.properties}
