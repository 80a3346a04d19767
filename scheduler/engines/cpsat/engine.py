"""The model of a task, whole or in a neighbourhood, given to CP-SAT."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from ortools.sat.python import cp_model

from scheduler.engines.cpsat.constraints import add_constraints
from scheduler.engines.cpsat.decisions import WHOLE, Neighbourhood, create_variables
from scheduler.engines.cpsat.neighbours import Neighbours
from scheduler.engines.cpsat.objective import expression_of
from scheduler.engines.cpsat.result import hint_plan, plan_from
from scheduler.engines.cpsat.variables import Variables
from scheduler.engines.meter import LEAST_SECONDS, LEAST_WORK, Meter
from scheduler.engines.starts import Domain
from scheduler.objectives import goodness, value
from scheduler.plan import Plan
from scheduler.problem import is_maximised
from scheduler.tasks import EngineError, Task

ROUNDING = 1e-3
NEIGHBOURHOOD_WORK = 0.2
FOUND = {cp_model.OPTIMAL, cp_model.FEASIBLE}


@dataclass(frozen=True, slots=True)
class Found:
    """The best plan and the bound of one solve, if any.

    `infeasible` says that there is no plan to be found, `optimal` that there is none better than this one.
    """

    plan: Plan | None = None
    bound: int | None = None
    infeasible: bool = False
    optimal: bool = False


def solve_whole(task: Task, meter: Meter, *, domain: Domain | None = None, better_than: Plan | None = None) -> Found:
    """Solve the task's whole model; an infeasibility is confirmed without presolve.

    Parameters
    ----------
    domain : Domain, optional
        The starts to choose from, instead of all.
    better_than : Plan, optional
        Look only for plans that are better in the task's objective.

    Raises
    ------
    EngineError
        The model is invalid.
    """
    made = _model(task, WHOLE, domain, better_than)
    if task.start is not None and better_than is None:
        hint_plan(made, task.start)
    solver = _solver(task)
    _limit(solver, meter)
    status = solver.solve(made.model)
    meter.spend(solver.deterministic_time)
    if status == cp_model.INFEASIBLE:
        # Presolve of this release has called feasible models infeasible (or-tools issue 5274).
        solver.parameters.cp_model_presolve = False
        _limit(solver, meter)
        status = solver.solve(made.model)
        meter.spend(solver.deterministic_time)
    if status == cp_model.MODEL_INVALID:
        raise EngineError(f"the model is invalid: {made.model.validate()}")
    if status == cp_model.INFEASIBLE:
        return Found(infeasible=True)
    if status not in FOUND:
        return Found()  # The bound that the solver then reports may be a mere 0.
    return Found(plan_from(made, solver), _bound(task, solver), optimal=status == cp_model.OPTIMAL)


def search_neighbours(task: Task, meter: Meter, best: Plan, bound: int | None, *, domain: Domain | None = None) -> Plan:
    """Return the best plan that solving neighbourhoods of the best one, again and again, leads to."""
    neighbours = Neighbours(task.problem, task.seed)
    while not meter.is_over() and (bound is None or value(task.problem, best, task.objective) != bound):
        near = neighbours.pick(best)
        made = _model(task, near, domain, best)
        solver = _solver(task)
        _limit(solver, meter, work=NEIGHBOURHOOD_WORK)
        status = solver.solve(made.model)
        # Building a model is work too, which the solver does not count.
        meter.spend(solver.deterministic_time + LEAST_WORK)
        if status in FOUND:
            best = plan_from(made, solver)
        exhausted = status in {cp_model.OPTIMAL, cp_model.INFEASIBLE}
        if exhausted and near.windows == neighbours.all_windows:
            break  # It was no neighbourhood, but all there is.
        neighbours.learn(exhausted=exhausted)
    return best


def _model(task: Task, near: Neighbourhood, domain: Domain | None, better_than: Plan | None) -> Variables:
    made = create_variables(task.problem, near, domain)
    add_constraints(made, task.holds, task.served)
    objective = expression_of(made, task.objective)
    if is_maximised(task.objective):
        made.model.maximize(objective)
    else:
        made.model.minimize(objective)
    if better_than is not None:
        least = value(task.problem, better_than, task.objective) + goodness(task.objective, 1)
        made.model.add(objective >= least if is_maximised(task.objective) else objective <= least)
    return made


def _solver(task: Task) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    # One worker and a fixed seed: with more, equal runs give different plans.
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = task.seed
    solver.parameters.linearization_level = 2
    solver.parameters.max_presolve_iterations = 1
    # Interrupts are the caller's to handle.
    solver.parameters.catch_sigint_signal = False
    return solver


def _limit(solver: cp_model.CpSolver, meter: Meter, *, work: float = math.inf) -> None:
    if meter.effort.work is not None:
        work = min(work, max(meter.left(), LEAST_WORK))
    else:
        solver.parameters.max_time_in_seconds = max(meter.left(), LEAST_SECONDS)
    if work < math.inf:
        solver.parameters.max_deterministic_time = work


def _bound(task: Task, solver: cp_model.CpSolver) -> int | None:
    """Return the solver's bound rounded to the nearest whole number that is still valid."""
    bound = solver.best_objective_bound
    if not math.isfinite(bound):
        return None
    slack = ROUNDING + abs(bound) * sys.float_info.epsilon
    return math.floor(bound + slack) if is_maximised(task.objective) else math.ceil(bound - slack)
