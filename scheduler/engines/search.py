"""One task from end to end: what is tried, in which order, and what is known so far.

The relaxation over columns bounds the objective and dives to a plan. Without repetition it bounds more closely, and the
best choice among all sequences near its bound closes the gap where they are few enough. Where they are not, a plan far
from the bound gets better a few windows at a time, and one close to it by dives that go on from it. What the relaxation
proves useless is dropped, and the rest is given to CP-SAT, whole where it has become small, and in any case in
neighbourhoods of the best plan.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace

import numpy as np

from scheduler.engines.columns.activities import Activities
from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.closing import Closer, Root
from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.exchanging import Exchanger
from scheduler.engines.columns.generation import Memory, Relaxation, generate, memory_of, relax
from scheduler.engines.columns.master import Column, Unsolved
from scheduler.engines.columns.narrowing import useful_starts
from scheduler.engines.columns.plans import columns_of_plan, plan_of_columns
from scheduler.engines.columns.program import Prices, prices
from scheduler.engines.columns.sequences import Pool, Sequences, joined, sequences_of
from scheduler.engines.columns.whole import choose
from scheduler.engines.cpsat.engine import search_neighbours, solve_whole
from scheduler.engines.cpsat.neighbours import Neighbours
from scheduler.engines.exchanges import Exchanges
from scheduler.engines.incumbent import Incumbent
from scheduler.engines.meter import LEAST_WORK, Meter
from scheduler.engines.starts import Domain
from scheduler.objectives import goodness
from scheduler.plan import Plan
from scheduler.tasks import EngineError, Outcome, Task, option_count

SMALL = 600
MODEL_OPTIONS = 15_000
SECONDS_AN_OPTION = 1e-4
ROOT_SHARE = 0.6
DIVE_SHARE = 0.7
CLOSING_SHARE = 0.5
PROVING_SHARE = 0.9
REDIVE_SHARE = 0.6
REDIVE_WINDOWS = 15
EXCHANGE_SHARE = 0.7
FIRST_DISTANCE = 2e-3
DISTANCE_GROWTH = 3.0
SECONDS_A_SEQUENCE = 5e-4
MOST_CHOSEN = 30_000
CLOSE_BY = 0.03
ELEMENTARY_SHARE = 0.5
WHOLE_SLACK = 1e-6
MOST = 1e18


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
    return Outcome(best.plan, best.bound, meter.work, loose=best.loose, memory=search.memory)


class _Search:
    """The steps towards the best plan of one task, and what each leaves to the next."""

    def __init__(self, task: Task, start: Plan, meter: Meter) -> None:
        self.task, self.meter = task, meter
        self.best = Incumbent(task, start)
        self.options = option_count(task.problem)
        self.domain: Domain | None = None
        self.memory: Memory | None = None
        self.is_exhausted = False
        self.root: Root | None = None
        self.dived: list[Column] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the plan reaches the bound, there is no better one, or nothing of the effort is left."""
        return self.is_exhausted or self.best.is_proven or self.meter.is_over()

    def run(self) -> None:
        """Go through the steps until one of them ends the search."""
        relaxation = None if self.is_over else self._relax()
        if relaxation is not None and not self.is_over:
            if relaxation.master.is_large:
                self._exchange(relaxation)  # Each dive takes long here.
            self._go_on(relaxation)
        if not self.is_over and self._is_small():
            self._solve_whole(CLOSING_SHARE)
        if not self.is_over:
            self.best.offer(
                search_neighbours(self.task, self.meter, self.best.plan, self.best.bound, domain=self.domain)
            )

    def _go_on(self, relaxation: Relaxation) -> None:
        """Go through the steps that begin with a relaxation, until one of them ends the search."""
        diver = Diver(relaxation)
        self._dive(diver)
        pool = self._pool()
        closer = Closer(diver, None if pool is None else pool.sequences)
        self._bound_closer(closer)
        self._close(diver, closer, FIRST_DISTANCE)
        self._narrow(relaxation)
        if self.options <= SMALL and not self.is_over:
            self._solve_whole(CLOSING_SHARE)
        if not self._is_close():
            self._exchange(relaxation)
            self._close(diver, closer, math.inf)
            self._narrow(relaxation)
        self._dive_again(diver)

    def _is_small(self) -> bool:
        return (self.options if self.domain is None else self.domain.size) <= MODEL_OPTIONS

    def _solve_whole(self, share: float) -> None:
        """Solve the whole model for the bound, then for a plan if the two obey different holds."""
        meter = self.meter.part(share)
        options = self.options if self.domain is None else self.domain.size
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
            self.is_exhausted = found.optimal or found.infeasible

    def _relax(self) -> Relaxation | None:
        if self.meter.effort.work is None and self.options * SECONDS_AN_OPTION > self.meter.left():
            return None
        bounding = self.task.bounding
        program = program_of(bounding.problem, bounding.objective, bounding.holds, bounding.served)
        start = columns_of_plan(self.task.problem, program.activities, self.best.plan)
        memory = self.task.memory if isinstance(self.task.memory, Memory) else None
        relaxation = relax(program, start, memory)
        # The bound of the rounds before an unsolved program holds all the same.
        with suppress(Unsolved):
            generate(relaxation, self.meter.part(ROOT_SHARE), reached=self.best.reached)
        self.memory = memory_of(relaxation, memory)
        if math.isinf(relaxation.bound):
            return None
        self.best.tighten(self.best.sign * int(relaxation.whole_bound))
        return relaxation

    def _dive(self, diver: Diver) -> None:
        if not self.is_over:
            # What falls short of a value held may be exchanged until it does not.
            reached = self.best.reached if not self.task.holds else -math.inf
            columns = diver.dive(self.meter.part(DIVE_SHARE), reached=reached)
            self._offer_columns(diver.relaxation.program.activities, columns)
            self.dived = columns

    def _dive_again(self, diver: Diver) -> None:
        """Dive again and again from one of the best plans, some windows that compete for the same demands set free.

        Of plans that are as good, the last one found is gone on from: a better one may be near only that one.
        """
        problem, acts = self.task.problem, diver.relaxation.program.activities
        neighbours = Neighbours(problem, self.task.seed, first=REDIVE_WINDOWS)
        meter = self.meter.part(REDIVE_SHARE)
        current = self.best.plan
        while not meter.is_over() and not self.is_over:
            near = neighbours.pick(current)
            kept = columns_of_plan(problem, acts, current)
            fixed = [column for column in kept if not near.is_open(problem.windows[column.window].id)]
            before = self.best.reached
            columns = diver.dive(meter, reached=before - 1, fixed=fixed)
            self._offer_columns(acts, columns)
            meter.spend(LEAST_WORK)
            if self.best.reached > before:
                current = self.best.plan
            elif columns is not None:
                plan = plan_of_columns(problem, acts, columns)
                if self.best.obeys(plan) and self.best.gain(plan) == before:
                    current = plan
            neighbours.learn(exhausted=self.best.reached == before)

    def _is_close(self) -> bool:
        """Say whether the plan is so close to the bound that only whole dives lead on."""
        bound = self.best.bound
        return bound is not None and abs(bound - self.best.sign * self.best.reached) <= CLOSE_BY * max(1, abs(bound))

    def _exchange(self, relaxation: Relaxation) -> None:
        """Go from the best plan, or from what a dive led to, to better ones, a few windows at a time."""
        if self.is_over:
            return
        task, program = self.task, relaxation.program
        if not task.is_bounding:
            program = program_of(task.problem, task.objective, task.holds, task.served)
        # Rows for the parties to serve come last, and there may be more of them.
        duals = np.zeros(len(program.limit))
        duals[: len(relaxation.duals)] = relaxation.duals
        starts = [columns_of_plan(task.problem, program.activities, self.best.plan)]
        if self.dived is not None:
            starts.append(self.dived)
        exchanges = Exchanges(self.best, Exchanger(program, duals, self._prices(relaxation), seed=task.seed), starts)
        exchanges.run(self.meter.part(EXCHANGE_SHARE), lambda: self.is_over)

    def _prices(self, relaxation: Relaxation) -> Prices:
        """Return what activities are worth at the closest bound so far."""
        return prices(relaxation.program, relaxation.duals) if self.root is None else self.root.now

    def _bound_closer(self, closer: Closer) -> None:
        self.root = None if self.is_over else closer.root(self.meter.part(ELEMENTARY_SHARE))
        if self.root is not None:
            self.best.tighten(self.best.sign * self.root.bound)

    def _close(self, diver: Diver, closer: Closer, first: float) -> None:
        """Choose among all sequences close to the bound, then among those a little further from it.

        Parameters
        ----------
        first : float
            The distance to begin with, as a share of the bound.
        """
        root = self.root
        if root is None:
            return
        distance = first * max(1.0, abs(root.optimum))
        while not self.is_over:
            # One more than reached would do for a better plan; the later levels need all that are as good.
            least = max(self.best.reached, math.floor(max(-MOST, root.optimum - distance)))
            meter = self.meter.part(PROVING_SHARE if least == self.best.reached else CLOSING_SHARE)
            sequences = closer.near(root, meter, least=least)
            if sequences is None or len(sequences) > self._most_sequences():
                break
            if not self._choose_near(diver, sequences, meter, least):
                break
            distance = root.optimum - self.best.reached if self.best.reached >= least else distance * DISTANCE_GROWTH

    def _choose(self, diver: Diver, sequences: Sequences, meter: Meter, *, known: int = 0) -> float:
        """Choose among sequences, for a plan and a bound on what any choice gains."""
        chosen = choose(diver.relaxation.program, sequences, meter, seed=self.task.seed, known=known)
        self._offer_columns(diver.relaxation.program.activities, chosen.columns)
        return chosen.bound

    def _choose_near(self, diver: Diver, sequences: Sequences, meter: Meter, least: int) -> bool:
        """Choose among sequences that hold all plans gaining `least`; say whether to look further away."""
        among, known = sequences, 0
        if self.best.reached >= least:
            # The solver gets to the proof in half the time from a plan that it is given.
            columns = columns_of_plan(self.task.problem, diver.relaxation.program.activities, self.best.plan)
            among, known = joined(sequences_of(columns, self._prices(diver.relaxation)), sequences), len(columns)
        bound = self._choose(diver, among, meter, known=known)
        self.best.tighten(self.best.sign * max(self._whole(bound), least - 1))
        if not self.task.is_bounding and self._whole(bound) > self.best.reached and not self.is_over:
            self._choose_strictly(diver, sequences, least)
        if self.best.reached >= least:
            self._remember(sequences, least)
        return bound < least

    def _choose_strictly(self, diver: Diver, sequences: Sequences, least: int) -> None:
        """Choose under the holds that a plan obeys, where those of the bound are looser."""
        task = self.task
        program = program_of(task.problem, task.objective, task.holds, task.served)
        chosen = choose(program, sequences, self.meter.part(CLOSING_SHARE), seed=task.seed)
        self._offer_columns(diver.relaxation.program.activities, chosen.columns)
        self.is_exhausted = self.best.reached >= max(least, self._whole(chosen.bound))

    @staticmethod
    def _whole(bound: float) -> int:
        """Return the greatest whole number that a bound allows, however far away; a choice may end without a bound."""
        return math.floor(max(-MOST, min(MOST, bound)) + WHOLE_SLACK)

    def _most_sequences(self) -> int:
        """Return from how many sequences a choice can be made in time."""
        if self.meter.effort.work is not None:
            return MOST_CHOSEN
        return min(MOST_CHOSEN, int(self.meter.left() / SECONDS_A_SEQUENCE))

    def _pool(self) -> Pool | None:
        """Return the sequences that hold all plans within the holds of the bound, where earlier levels left them."""
        pool = self.memory.pool if self.memory is not None else None
        bounding = self.task.bounding
        return pool if pool is not None and pool.holds_all(bounding.holds, bounding.served) else None

    def _remember(self, sequences: Sequences, least: int) -> None:
        """Leave the sequences of all plans that gain `least` to the later levels."""
        if self.memory is not None:
            bounding = self.task.bounding
            reached = {hold.objective: goodness(hold.objective, hold.value) for hold in bounding.holds}
            pool = Pool(sequences, {**reached, self.task.objective: least}, bounding.served)
            self.memory = replace(self.memory, pool=pool)

    def _narrow(self, relaxation: Relaxation) -> None:
        if not self.is_over:
            self.domain = Domain(self.task.problem, useful_starts(relaxation, least=self.best.reached + 1))

    def _offer_columns(self, activities: Activities, columns: list[Column] | None) -> None:
        if columns is not None:
            self.best.offer(plan_of_columns(self.task.problem, activities, columns))
