"""One task: the whole model for the bound and a first plan, then neighbourhoods for better ones."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import replace

from ortools.sat.python import cp_model

from scheduler.engines.cpsat.constraints import add_constraints
from scheduler.engines.cpsat.decisions import WHOLE, Neighbourhood, create_variables
from scheduler.engines.cpsat.neighbours import Neighbours
from scheduler.engines.cpsat.objective import expression_of
from scheduler.engines.cpsat.result import hint_plan, plan_from
from scheduler.engines.cpsat.variables import Variables
from scheduler.objectives import value
from scheduler.plan import Plan
from scheduler.problem import is_maximised
from scheduler.tasks import EngineError, Outcome, Task, option_count

LEAST_SECONDS = 0.05
LEAST_WORK = 0.01
ROUNDING = 1e-3
WHOLE_SHARE = 0.5
NEIGHBOURHOOD_WORK = 0.2
# Building and presolving the whole model, on a slow machine.
SECONDS_AN_OPTION = 1e-4
FOUND = {cp_model.OPTIMAL, cp_model.FEASIBLE}


class _Meter:
    """What is left of a task's effort, in wall time or in deterministic work."""

    def __init__(self, task: Task) -> None:
        self.effort = task.effort
        self.work = 0.0
        self._until = None if task.effort.work is not None else time.time() + (task.effort.seconds_left() or 0.0)

    def is_over(self) -> bool:
        if self.effort.work is not None:
            return self.work >= self.effort.work - LEAST_WORK
        return self._until is not None and time.time() >= self._until - LEAST_SECONDS

    def allows(self, options: int) -> bool:
        """Say whether there is time to build a model of so many options, which nothing can interrupt."""
        return self._until is None or options * SECONDS_AN_OPTION < WHOLE_SHARE * (self._until - time.time())

    def limit(self, solver: cp_model.CpSolver, *, share: float = 1.0, work: float = math.inf) -> None:
        """Limit the next solve to a share of what is left, and to some deterministic work."""
        parameters = solver.parameters
        if self.effort.work is not None:
            work = min(work, max(share * (self.effort.work - self.work), LEAST_WORK))
        elif self._until is not None:
            parameters.max_time_in_seconds = max(share * (self._until - time.time()), LEAST_SECONDS)
        if work < math.inf:
            parameters.max_deterministic_time = work


def run(task: Task) -> Outcome:
    """Improve the task's objective from its plan.

    Raises
    ------
    EngineError
        The model is invalid, or is found infeasible though a plan is known.
    """
    meter = _Meter(task)
    if meter.is_over():
        return Outcome(None, None, 0.0)
    first = Outcome(None, None, 0.0)
    if meter.allows(option_count(task.problem)):
        first = _solve_whole(task, meter)
    best = first.plan or task.start
    if task.bound_only or best is None or _is_closed(task, best, first.bound):
        return first
    best = _search_neighbours(task, meter, best, first.bound)
    return replace(first, plan=best, work=meter.work)


def _solve_whole(task: Task, meter: _Meter) -> Outcome:
    made = _model(task, WHOLE)
    if task.start is not None:
        hint_plan(made, task.start)
    solver = _solver(task)
    meter.limit(solver, share=1.0 if task.bound_only else WHOLE_SHARE)
    status = solver.solve(made.model)
    meter.work += solver.deterministic_time
    if status == cp_model.INFEASIBLE:
        # Presolve of this release has called feasible models infeasible (or-tools issue 5274).
        solver.parameters.cp_model_presolve = False
        meter.limit(solver)
        status = solver.solve(made.model)
        meter.work += solver.deterministic_time
    if status == cp_model.MODEL_INVALID:
        raise EngineError(f"the model is invalid: {made.model.validate()}")
    if status == cp_model.INFEASIBLE:
        if task.start is not None:
            raise EngineError(f"{task.objective}: the solver finds no plan though one is known")
        return Outcome(None, None, meter.work, infeasible=True)
    if status not in FOUND:
        return Outcome(None, None, meter.work)  # The bound that the solver then reports may be a mere 0.
    return Outcome(plan_from(made, solver), _bound(task, solver), meter.work)


def _search_neighbours(task: Task, meter: _Meter, best: Plan, bound: int | None) -> Plan:
    neighbours = Neighbours(task.problem, task.seed)
    while not meter.is_over() and not _is_closed(task, best, bound):
        near = neighbours.pick(best)
        made = _model(task, near)
        solver = _solver(task)
        meter.limit(solver, work=NEIGHBOURHOOD_WORK)
        status = solver.solve(made.model)
        # Building a model is work too, which the solver does not count.
        meter.work += solver.deterministic_time + LEAST_WORK
        if status in FOUND:
            best = plan_from(made, solver)
        neighbours.learn(exhausted=status in {cp_model.OPTIMAL, cp_model.INFEASIBLE})
    return best


def _model(task: Task, near: Neighbourhood) -> Variables:
    """Return the task's model; in a neighbourhood, only for plans better than the one it surrounds."""
    made = create_variables(task.problem, near)
    add_constraints(made, task.holds)
    objective = expression_of(made, task.objective)
    if is_maximised(task.objective):
        made.model.maximize(objective)
    else:
        made.model.minimize(objective)
    if not near.is_whole:
        reached = value(task.problem, near.plan, task.objective)
        better = objective >= reached + 1 if is_maximised(task.objective) else objective <= reached - 1
        made.model.add(better)
    return made


def _solver(task: Task) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    # One worker and a fixed seed: with more, equal runs give different plans.
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = task.seed
    solver.parameters.linearization_level = 2
    solver.parameters.max_presolve_iterations = 1
    return solver


def _is_closed(task: Task, plan: Plan, bound: int | None) -> bool:
    return bound is not None and value(task.problem, plan, task.objective) == bound


def _bound(task: Task, solver: cp_model.CpSolver) -> int | None:
    """Return the solver's bound rounded to the nearest whole number that is still valid."""
    bound = solver.best_objective_bound
    if not math.isfinite(bound):
        return None
    slack = ROUNDING + abs(bound) * sys.float_info.epsilon
    return math.floor(bound + slack) if is_maximised(task.objective) else math.ceil(bound - slack)
