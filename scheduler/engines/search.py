"""One task from end to end: what is tried, in which order, and what is known so far.

A small model is given to CP-SAT whole. Else the relaxation over columns bounds the objective and dives to a plan; what
it proves useless is dropped; the rest is given to CP-SAT, whole where it has become small, and in any case in
neighbourhoods of the best plan.
"""

from __future__ import annotations

import math
from contextlib import suppress

from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.generation import Memory, Relaxation, generate, memory_of, relax
from scheduler.engines.columns.master import Column, Unsolved
from scheduler.engines.columns.narrowing import useful_starts
from scheduler.engines.columns.plans import columns_of_plan, plan_of_columns
from scheduler.engines.cpsat.engine import search_neighbours, solve_whole
from scheduler.engines.cpsat.neighbours import Neighbours
from scheduler.engines.meter import LEAST_WORK, Meter
from scheduler.engines.starts import Domain
from scheduler.objectives import goodness, value, within_caps, within_limits
from scheduler.parts import parties_of
from scheduler.plan import Plan
from scheduler.tasks import EngineError, Outcome, Task, option_count

SMALL = 600
MODEL_OPTIONS = 15_000
SECONDS_AN_OPTION = 1e-4
FIRST_SHARE = 0.2
ROOT_SHARE = 0.6
DIVE_SHARE = 0.7
CLOSING_SHARE = 0.5
REDIVE_SHARE = 0.6
REDIVE_WINDOWS = 15
DEEPENING_SHARE = 0.4
FIRST_DISTANCE = 1e-4
DISTANCE_GROWTH = 3.0


def run(task: Task) -> Outcome:
    """Improve the task's objective from its plan, and bound it.

    Raises
    ------
    EngineError
        The model is invalid, or is found infeasible though a plan is known.
    """
    meter = Meter(task.effort)
    if meter.is_over():
        return Outcome(None, None, 0.0)
    if task.start is None:
        found = solve_whole(task, meter)
        return Outcome(found.plan, found.bound, meter.work, infeasible=found.infeasible)
    search = _Search(task, task.start, meter)
    search.run()
    return Outcome(search.plan, search.bound, meter.work, memory=search.memory)


class _Search:
    """The best plan and the best bound of one task so far."""

    def __init__(self, task: Task, start: Plan, meter: Meter) -> None:
        self.task, self.meter = task, meter
        self.plan = start
        self.bound: int | None = None
        self.sign = goodness(task.objective, 1)
        self.options = option_count(task.problem)
        self.domain: Domain | None = None
        self.memory: Memory | None = None
        self.is_exhausted = False

    @property
    def reached(self) -> int:
        """The value of the best plan, signed so that more is better."""
        return self.sign * value(self.task.problem, self.plan, self.task.objective)

    @property
    def is_over(self) -> bool:
        """Whether the plan reaches the bound, there is no better one, or nothing of the effort is left."""
        return (
            self.is_exhausted
            or self.meter.is_over()
            or (self.bound is not None and self.sign * self.bound == self.reached)
        )

    def run(self) -> None:
        """Go through the steps until one of them ends the search."""
        if self.options <= SMALL:
            self._solve_whole(FIRST_SHARE)
        relaxation = None if self.is_over else self._relax()
        if relaxation is not None and not self.is_over:
            if relaxation.program.is_timeless:
                diver = Diver(relaxation)
                self._dive(diver)
                self._narrow(relaxation)
                self._dive_again(diver)
            else:
                self._deepen(relaxation)
        if not self.is_over and self._is_small():
            self._solve_whole(CLOSING_SHARE)
        if not self.is_over:
            self._offer(search_neighbours(self.task, self.meter, self.plan, self.bound, domain=self.domain))

    def _is_small(self) -> bool:
        return (self.options if self.domain is None else self.domain.size) <= MODEL_OPTIONS

    def _solve_whole(self, share: float) -> None:
        """Solve the whole model for the bound, then for a plan if the two obey different holds."""
        meter = self.meter.part(share)
        options = self.options if self.domain is None else self.domain.size
        if meter.effort.work is None and options * SECONDS_AN_OPTION > meter.left():
            return  # Nothing can interrupt the building of the model.
        better_than = None if self.domain is None else self.plan
        bounding = self.task.bounding
        found = solve_whole(bounding, meter, domain=self.domain, better_than=better_than)
        if found.infeasible:
            if better_than is None:
                raise EngineError(f"{self.task.objective}: the solver finds no plan though one is known")
            # All that was dropped is no better than the plan, and neither is what is left.
            self._tighten(self.sign * self.reached)
            return
        self._offer(found.plan)
        self._tighten(found.bound)
        if not self.task.is_bounding and not self.is_over:
            found = solve_whole(self.task, meter, domain=self.domain, better_than=better_than)
            self._offer(found.plan)
            self.is_exhausted = found.optimal or found.infeasible

    def _relax(self) -> Relaxation | None:
        if self.meter.effort.work is None and self.options * SECONDS_AN_OPTION > self.meter.left():
            return None
        bounding = self.task.bounding
        program = program_of(bounding.problem, bounding.objective, bounding.holds, bounding.served)
        start = columns_of_plan(self.task.problem, program.activities, self.plan)
        memory = self.task.memory if isinstance(self.task.memory, Memory) else None
        relaxation = relax(program, start, memory)
        # The bound of the rounds before an unsolved program holds all the same.
        with suppress(Unsolved):
            generate(relaxation, self.meter.part(ROOT_SHARE), reached=self.reached)
        self.memory = memory_of(relaxation)
        if math.isinf(relaxation.bound):
            return None
        self._tighten(self.sign * int(relaxation.whole_bound))
        return relaxation

    def _dive(self, diver: Diver) -> None:
        if not self.is_over:
            columns = diver.dive(self.meter.part(DIVE_SHARE), reached=self.reached)
            self._offer_columns(diver, columns)

    def _dive_again(self, diver: Diver) -> None:
        """Dive again and again from the best plan, some windows that compete for the same demands set free."""
        problem, acts = self.task.problem, diver.relaxation.program.activities
        neighbours = Neighbours(problem, self.task.seed, first=REDIVE_WINDOWS)
        meter = self.meter.part(REDIVE_SHARE)
        while not meter.is_over() and not self.is_over:
            near = neighbours.pick(self.plan)
            kept = columns_of_plan(problem, acts, self.plan)
            fixed = [column for column in kept if not near.is_open(problem.windows[column.window].id)]
            columns = diver.dive(meter, reached=self.reached, fixed=fixed)
            self._offer_columns(diver, columns)
            meter.spend(LEAST_WORK)
            if columns is None and near.windows == neighbours.all_windows:
                break
            neighbours.learn(exhausted=columns is None)

    def _deepen(self, relaxation: Relaxation) -> None:
        """Look for a plan close to the bound, then for one a little further from it, until there is one.

        What the relaxation leaves within a distance of its bound holds every plan that is no further; if there is none
        among it, the bound moves by that distance.
        """
        distance = FIRST_DISTANCE * max(1.0, abs(relaxation.bound))
        while not self.is_over:
            least = max(self.reached + 1, math.floor(relaxation.bound - distance))
            domain = Domain(self.task.problem, useful_starts(relaxation, least=least))
            if domain.size > self._most_options():
                break
            if not self._solve_near(domain, least):
                break
            distance *= DISTANCE_GROWTH
        self._narrow(relaxation)

    def _solve_near(self, domain: Domain, least: int) -> bool:
        """Look for plans that gain `least`, which the domain holds all of, and say whether to look further away."""
        meter = self.meter.part(DEEPENING_SHARE)
        found = solve_whole(self.task.bounding, meter, domain=domain, better_than=self.plan)
        if found.infeasible:
            self._tighten(self.sign * (least - 1))
            return True
        if found.plan is None:
            return False
        self._offer(found.plan)
        if self.sign * value(self.task.problem, found.plan, self.task.objective) < least:
            return True
        self._tighten(found.bound)
        if not self.task.is_bounding and not self.is_over:
            found = solve_whole(self.task, meter, domain=domain, better_than=self.plan)
            self._offer(found.plan)
            self.is_exhausted = found.optimal and self.reached >= least
        return False

    def _most_options(self) -> float:
        if self.meter.effort.work is not None:
            return math.inf
        return self.meter.left() / SECONDS_AN_OPTION / 2

    def _narrow(self, relaxation: Relaxation) -> None:
        if not self.is_over:
            self.domain = Domain(self.task.problem, useful_starts(relaxation, least=self.reached + 1))

    def _offer_columns(self, diver: Diver, columns: list[Column] | None) -> None:
        if columns is not None:
            self._offer(plan_of_columns(self.task.problem, diver.relaxation.program.activities, columns))

    def _offer(self, plan: Plan | None) -> None:
        """Take a plan that respects all and is better."""
        problem = self.task.problem
        if plan is None or not (within_limits(problem, plan) and within_caps(problem, plan)):
            return
        held = all(
            goodness(hold.objective, value(problem, plan, hold.objective)) >= goodness(hold.objective, hold.value)
            for hold in self.task.holds
        )
        if not held or not self.task.served <= parties_of(problem, plan):
            return
        if self.sign * value(problem, plan, self.task.objective) > self.reached:
            self.plan = plan

    def _tighten(self, bound: int | None) -> None:
        """Take a bound that is closer."""
        if bound is None:
            return
        if self.sign * bound < self.reached:
            raise EngineError(
                f"{self.task.objective}: bound {bound} contradicts a plan with {self.sign * self.reached}"
            )
        if self.bound is None or self.sign * bound < self.sign * self.bound:
            self.bound = bound
