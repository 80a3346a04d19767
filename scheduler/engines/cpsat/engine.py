"""The model of a task, whole or in a neighbourhood, given to CP-SAT."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from ortools.sat.python import cp_model

from scheduler.engines.course import SERVED, Course
from scheduler.engines.cpsat.constraints import add_constraints, add_unserved
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
FINEST = 100.0
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


class NeighbourSearch:
    """Neighbourhoods of the course's plan, solved one after the other."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self._neighbours = Neighbours(course.best.task.problem, course.best.task.seed)

    def turn(self, meter: Meter) -> float:
        """Solve neighbourhoods until the effort is over; return what was gained."""
        return self.course.take(self._step, meter)

    def _step(self, meter: Meter) -> float:
        course, best = self.course, self.course.best
        owes = bool(course.owed)
        near = self._neighbours.pick(course.plan)
        made = _owing_model(course, near) if owes else _model(best.task, near, course.domain, course.plan)
        solver = _solver(best.task)
        _limit(solver, meter, work=NEIGHBOURHOOD_WORK)
        status = solver.solve(made.model)
        # Building a model is work too, which the solver does not count.
        meter.spend(solver.deterministic_time)
        if status == cp_model.MODEL_INVALID:
            raise EngineError(f"the model is invalid: {made.model.validate()}")
        gained = course.offer(plan_from(made, solver)) if status in FOUND else 0.0
        exhausted = status in {cp_model.OPTIMAL, cp_model.INFEASIBLE}
        # Then it was no neighbourhood, but all there is.
        best.is_exhausted = exhausted and not owes and near.windows == self._neighbours.all_windows
        self._neighbours.learn(exhausted=exhausted)
        return gained


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


def _owing_model(course: Course, near: Neighbourhood) -> Variables:
    """Return the model of plans that are worth more than the course's, what they owe at its price."""
    task, best = course.best.task, course.best
    made = create_variables(task.problem, near, None)
    add_constraints(made, tuple(hold for hold in task.holds if hold not in task.asked))
    owing: dict[str, list[cp_model.IntVar]] = {}
    for hold in task.asked:
        owing[hold.objective] = [made.model.new_int_var(0, hold.value, "")]
        owed = cp_model.LinearExpr.sum([expression_of(made, hold.objective), *owing[hold.objective]])
        made.model.add(owed >= hold.value)
    owing[SERVED] = add_unserved(made, task.served)
    unit = _unit(course)
    price = {name: round(unit * course.prices[name]) for name, variables in owing.items() if variables}
    charge = cp_model.LinearExpr.sum(
        [price[name] * cp_model.LinearExpr.sum(variables) for name, variables in owing.items() if variables]
    )
    aim = expression_of(made, task.objective)
    worth = cp_model.LinearExpr.weighted_sum([aim, charge], [goodness(task.objective, unit), -1])
    made.model.maximize(worth)
    now = unit * best.gain(course.plan) - sum(price[name] * units for name, units in course.owed.items())
    made.model.add(worth >= now + 1)
    return made


def _unit(course: Course) -> int:
    """Return in how many parts to count a unit of the objective, so that the cheapest debt has a whole price."""
    cheapest = min((price for price in course.prices.values() if price), default=1.0)
    return math.ceil(FINEST / min(cheapest, FINEST))


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
