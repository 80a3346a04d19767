"""Finishing touches on a plan that a solver found while it looked at one objective only."""

from __future__ import annotations

from scheduler.draft import Draft
from scheduler.plan import Plan
from scheduler.problem import Problem
from scheduler.surging import Output


def without_idle_runs(problem: Problem, plan: Plan) -> Plan:
    """Return the plan without the campaigns that bring no target nearer, the latest dropped first."""
    surges = {surge.id: surge for surge in problem.surges}
    outputs = {surge.id: Output(surge) for surge in problem.surges}
    for run in plan.runs:
        outputs[run.surge].add(surges[run.surge].options[run.option], run.start)
    needed = tuple(
        run
        for run in sorted(plan.runs, key=lambda run: (-run.start, run))
        if not outputs[run.surge].drop_if_idle(surges[run.surge].options[run.option], run.start)
    )
    return Plan(plan.placed, needed, plan.moved, plan.displaced)


def filled(problem: Problem, plan: Plan) -> Plan:
    """Return the plan with the free room used: displaced bookings first, then demands by tier and weight."""
    draft = Draft(problem, plan)
    draft.recall()
    for demand in sorted(problem.demands, key=lambda demand: (demand.tier, -demand.weight)):
        if demand.id not in draft.placed:
            draft.place(demand)
    return draft.plan()
