"""One task from end to end: what is tried, in which order, and what is known so far.

The relaxation over columns bounds the objective and dives to a plan. Without repetition it bounds more closely, and the
best choice among all sequences near its bound closes the gap where they are few enough. What the relaxation proves
useless is dropped, and what is left is given to CP-SAT where it has become small. Where the gap is still open, ways to
better plans take turns: dives that go on from the best one, windows exchanged, and neighbourhoods given to CP-SAT.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace

from scheduler.engines.choices import Choices
from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.exchanging import Exchanger
from scheduler.engines.columns.generation import Memory, Relaxation, generate, keep_best, memory_of, relax
from scheduler.engines.columns.master import Column, Unsolved
from scheduler.engines.columns.narrowing import useful_starts
from scheduler.engines.columns.plans import columns_of_plan, plan_of_columns
from scheduler.engines.course import Course
from scheduler.engines.cpsat.engine import NeighbourSearch, solve_whole
from scheduler.engines.exchanges import Exchanges
from scheduler.engines.incumbent import Incumbent
from scheduler.engines.meter import Meter
from scheduler.engines.redives import Redives
from scheduler.engines.starts import Domain
from scheduler.engines.turns import Improver, take_turns
from scheduler.plan import Plan
from scheduler.tasks import EngineError, Outcome, Task, option_count

SMALL = 600
MODEL_OPTIONS = 15_000
SECONDS_AN_OPTION = 1e-4
ROOT_SHARE = 0.6
DIVE_SHARE = 0.7
WHOLE_SHARE = 0.5
FIRST_SHARE = 0.7
PATIENCE_SHARE = 0.3
LARGE_PATIENCE_SHARE = 0.1
GENERATION_SHARE = 0.8
NEAR = 0.005
MOST_DIVED = 8_000


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
    best = search.best
    return Outcome(best.plan, best.bound, meter.work, loose=best.loose, memory=search.memory, gave_up=search.gave_up)


class _Search:
    """The steps towards the best plan of one task, and what each leaves to the next."""

    def __init__(self, task: Task, start: Plan, meter: Meter) -> None:
        self.task, self.meter = task, meter
        self.best = Incumbent(task, start)
        self.options = option_count(task.problem)
        self.domain: Domain | None = None
        # The later levels have more use for what this one finds nothing with.
        is_last = task.objective == task.problem.objectives[-1]
        self.patience = math.inf if is_last else PATIENCE_SHARE * meter.left()
        self.memory: Memory | None = None
        self.gave_up = False

    @property
    def is_over(self) -> bool:
        """Whether there is no better plan, or nothing of the effort is left."""
        return self.best.is_settled or self.meter.is_over()

    def run(self) -> None:
        """Go through the steps until one of them ends the search."""
        relaxation = None if self.is_over else self._relax()
        if relaxation is None:
            self._solve_whole(most=MODEL_OPTIONS)
            near = NeighbourSearch(Course(self.best, {}))
            self.gave_up = take_turns([near], self.best, self.meter, patience=self.patience)
        elif not self.is_over:
            self._go_on(relaxation)

    def _go_on(self, relaxation: Relaxation) -> None:
        """Go through the steps that begin with a relaxation, until one of them ends the search."""
        was_large = relaxation.master.is_large
        if was_large and relaxation.is_near(NEAR):
            keep_best(relaxation, MOST_DIVED)
        diver = Diver(relaxation)
        choices = Choices(self.best, diver, self.meter, self.memory.pool if self.memory is not None else None)
        if relaxation.master.is_large and not choices.has_pool:
            self._go_on_large(choices)
            return
        dived = self._dive(diver)
        # Otherwise there are far too many sequences near the bound, and it gets no closer.
        may_prove = not was_large or choices.has_pool
        if may_prove:
            choices.bound_closer()
            choices.make()
            self._narrow(relaxation)
            self._solve_whole(most=SMALL)
        if self.is_over:
            self._remember(choices)
            return
        exchanger = self._exchanger(choices)
        course = Course(self.best, exchanger.debt_prices(relaxation.duals), self.domain)
        if dived is not None:
            course.offer(plan_of_columns(self.task.problem, relaxation.program.activities, dived))
        ways: list[Improver] = [Exchanges(course, exchanger), Redives(course, diver), NeighbourSearch(course)]
        take_turns(ways, self.best, self.meter.part(FIRST_SHARE), patience=self.patience)
        reached = self.best.reached
        if not may_prove:
            self._generate(relaxation, GENERATION_SHARE)
        choices.make(math.inf)
        self._narrow(relaxation)
        self._solve_whole(most=MODEL_OPTIONS)
        course.domain = self.domain
        # What has just found nothing for long has little to look for.
        patience = self.patience if self.best.reached > reached else self.patience / 2
        self.gave_up = take_turns(ways, self.best, self.meter, patience=patience)
        self._remember(choices)

    def _go_on_large(self, choices: Choices) -> None:
        """Exchange windows and price on in turn, where the bound is far from its end: a dive takes too long."""
        for share in (FIRST_SHARE, 1.0):
            exchanger = self._exchanger(choices)
            course = Course(self.best, exchanger.debt_prices(choices.diver.relaxation.duals))
            patience = LARGE_PATIENCE_SHARE * self.meter.left() if share < 1 else self.patience
            exchanges = Exchanges(course, exchanger)
            self.gave_up = take_turns([exchanges], self.best, self.meter.part(share), patience=patience)
            if share < 1 and not self.is_over:
                self._generate(choices.diver.relaxation, GENERATION_SHARE)

    def _exchanger(self, choices: Choices) -> Exchanger:
        task, program = self.task, choices.diver.relaxation.program
        if not task.is_bounding:
            program = program_of(task.problem, task.objective, task.holds, task.served)
        return Exchanger(task, program, choices.prices)

    def _remember(self, choices: Choices) -> None:
        if self.memory is not None and choices.left is not None:
            self.memory = replace(self.memory, pool=choices.left)

    def _solve_whole(self, *, most: int) -> None:
        """Solve a whole model of so many options for the bound, then for a plan if the two obey different holds."""
        meter = self.meter.part(WHOLE_SHARE)
        options = self.options if self.domain is None else self.domain.size
        if self.is_over or options > most:
            return
        if meter.effort.work is None and options * SECONDS_AN_OPTION > meter.left():
            return  # Nothing can interrupt the building of the model.
        better_than = None if self.domain is None else self.best.plan
        bounding = self.task.bounding
        found = solve_whole(bounding, meter, domain=self.domain, better_than=better_than)
        if found.infeasible:
            if better_than is None:
                raise EngineError(f"{self.task.objective}: the solver finds no plan though one is known")
            # All that was dropped is no better than the plan, and neither is what is left.
            self.best.tighten(self.best.sign * self.best.reached)
            return
        self.best.offer(found.plan)
        self.best.tighten(found.bound)
        if not self.task.is_bounding and not self.is_over:
            found = solve_whole(self.task, meter, domain=self.domain, better_than=better_than)
            self.best.offer(found.plan)
            self.best.is_exhausted = found.optimal or found.infeasible

    def _relax(self) -> Relaxation | None:
        if self.meter.effort.work is None and self.options * SECONDS_AN_OPTION > self.meter.left():
            return None
        bounding = self.task.bounding
        program = program_of(bounding.problem, bounding.objective, bounding.holds, bounding.served)
        start = columns_of_plan(self.task.problem, program.activities, self.best.plan)
        memory = self.task.memory if isinstance(self.task.memory, Memory) else None
        relaxation = relax(program, start, memory)
        self._generate(relaxation, ROOT_SHARE)
        self.memory = memory_of(relaxation, memory)
        return None if math.isinf(relaxation.bound) else relaxation

    def _generate(self, relaxation: Relaxation, share: float) -> None:
        # The bound of the rounds before an unsolved program holds all the same.
        with suppress(Unsolved):
            generate(relaxation, self.meter.part(share), reached=self.best.reached)
        if math.isfinite(relaxation.bound):
            self.best.tighten(self.best.sign * int(relaxation.whole_bound))

    def _narrow(self, relaxation: Relaxation) -> None:
        if not self.is_over:
            self.domain = Domain(self.task.problem, useful_starts(relaxation, least=self.best.reached + 1))

    def _dive(self, diver: Diver) -> list[Column] | None:
        """Dive for a better plan, and return what the dive led to even where it falls short of a value held."""
        if self.is_over:
            return None
        reached = self.best.reached if not self.task.holds else -math.inf
        columns = diver.dive(self.meter.part(DIVE_SHARE), reached=reached)
        if columns is not None:
            self.best.offer(plan_of_columns(self.task.problem, diver.relaxation.program.activities, columns))
        return columns
