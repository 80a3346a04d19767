"""The best choice among all sequences near the bound of one task, to prove it, and what it leaves to later levels."""

from __future__ import annotations

import math

from scheduler.engines.columns.building import program_of
from scheduler.engines.columns.closing import Closer, Root
from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.plans import columns_of_plan, plan_of_columns
from scheduler.engines.columns.program import Prices, Program, prices
from scheduler.engines.columns.sequences import Pool, Sequences, joined, sequences_of
from scheduler.engines.columns.whole import Chosen, choose
from scheduler.engines.incumbent import Incumbent
from scheduler.engines.meter import Meter
from scheduler.objectives import goodness

BOUND_SHARE = 0.35
CHOICE_SHARE = 0.5
PROVING_SHARE = 0.9
FIRST_DISTANCE = 2e-3
DISTANCE_GROWTH = 3.0
SECONDS_A_SEQUENCE = 5e-4
MOST_CHOSEN = 30_000
WHOLE_SLACK = 1e-6
MOST = 1e18


class Choices:
    """Choices among the sequences that a plan near the bound may hold.

    Parameters
    ----------
    best : Incumbent
        Is offered every plan and every bound.
    pool : Pool, optional
        What an earlier level left.

    Attributes
    ----------
    root : Root or None
        The bound without repetition, where it was found.
    left : Pool or None
        Sequences of all plans as good as the best, for the levels that follow.
    """

    def __init__(self, best: Incumbent, diver: Diver, meter: Meter, pool: Pool | None) -> None:
        self.best, self.diver, self.meter = best, diver, meter
        self.root: Root | None = None
        self.left: Pool | None = None
        self._too_far = math.inf
        bounding = best.task.bounding
        holds_all = pool is not None and pool.holds_all(bounding.holds, bounding.served)
        self._closer = Closer(diver, pool.sequences if pool is not None and holds_all else None)

    @property
    def has_pool(self) -> bool:
        """Whether the sequences of all plans that count are known, from an earlier level."""
        return self._closer.pool is not None

    @property
    def prices(self) -> Prices:
        """What activities are worth at the closest bound so far."""
        relaxation = self.diver.relaxation
        return prices(relaxation.program, relaxation.duals) if self.root is None else self.root.now

    @property
    def is_over(self) -> bool:
        """Whether there is no better plan, or nothing of the effort is left."""
        return self.best.is_settled or self.meter.is_over()

    def bound_closer(self) -> None:
        """Bound the objective over the sequences that name nobody twice."""
        self.root = None if self.is_over else self._closer.root(self.meter.part(BOUND_SHARE))
        if self.root is not None:
            self.best.tighten(self.best.sign * self.root.bound)

    def make(self, first: float = FIRST_DISTANCE) -> None:
        """Choose among all sequences close to the bound, then among those a little further from it.

        Parameters
        ----------
        first : float
            The distance to begin with, as a share of the bound; infinite for all that is better than the best plan.
        """
        root = self.root
        if root is None:
            return
        excluded = -math.inf if self.best.bound is None else root.optimum - self.best.sign * self.best.bound
        distance, done = first_distance(first * max(1.0, abs(root.optimum)), excluded), 0.0
        while not self.is_over:
            # One more than reached would do for a better plan; the later levels need all that are as good.
            least = max(self.best.reached, math.floor(max(-MOST, root.optimum - distance)))
            if root.optimum - least >= self._too_far:
                break
            meter = self.meter.part(PROVING_SHARE if least == self.best.reached else CHOICE_SHARE)
            sequences = self._closer.near(root, meter, least=least)
            if sequences is None or len(sequences) > self._most_sequences():
                self._too_far = root.optimum - least
                if not done:
                    break
                distance = done * DISTANCE_GROWTH
                continue
            reached, done = self.best.reached, distance
            if not self._choose_near(sequences, meter, least):
                break
            left = root.optimum - self.best.reached
            distance = next_distance(left, done, is_better=self.best.reached > reached)

    def _most_sequences(self) -> int:
        """Return from how many sequences a choice can be made in time."""
        if self.meter.effort.work is not None:
            return MOST_CHOSEN
        return min(MOST_CHOSEN, int(self.meter.left() / SECONDS_A_SEQUENCE))

    def _choose_near(self, sequences: Sequences, meter: Meter, least: int) -> bool:
        """Choose among sequences that hold all plans gaining `least`; say whether to look further away."""
        task, program = self.best.task, self.diver.relaxation.program
        among, known = sequences, 0
        if self.best.reached >= least:
            # The solver gets to the proof in half the time from a plan that it is given.
            columns = columns_of_plan(task.problem, program.activities, self.best.plan)
            among, known = joined(sequences_of(columns, self.prices), sequences), len(columns)
        bound = whole(self._choose(program, among, meter, known=known, proves=bool(known)).bound)
        self.best.tighten(self.best.sign * max(bound, least - 1))
        if not task.is_bounding and bound > self.best.reached and not self.is_over:
            self._choose_strictly(sequences, least)
        if self.best.reached >= least:
            self._leave(sequences, least)
        return bound < least

    def _choose_strictly(self, sequences: Sequences, least: int) -> None:
        """Choose under the holds that a plan obeys, where those of the bound are looser."""
        task = self.best.task
        program = program_of(task.problem, task.objective, task.holds, task.served)
        chosen = self._choose(program, sequences, self.meter.part(CHOICE_SHARE))
        self.best.is_exhausted = self.best.reached >= max(least, whole(chosen.bound))

    def _choose(
        self, program: Program, sequences: Sequences, meter: Meter, *, known: int = 0, proves: bool = False
    ) -> Chosen:
        task = self.best.task
        chosen = choose(program, sequences, meter, seed=task.seed, known=known, proves=proves)
        if chosen.columns is not None:
            self.best.offer(plan_of_columns(task.problem, self.diver.relaxation.program.activities, chosen.columns))
        return chosen

    def _leave(self, sequences: Sequences, least: int) -> None:
        """Leave the sequences of all plans that gain `least` to the later levels."""
        bounding = self.best.task.bounding
        reached = {hold.objective: goodness(hold.objective, hold.value) for hold in bounding.holds}
        self.left = Pool(sequences, {**reached, self.best.task.objective: least}, bounding.served)


def whole(bound: float) -> int:
    """Return the greatest whole number that a bound allows, however far away; a choice may end without a bound."""
    return math.floor(max(-MOST, min(MOST, bound)) + WHOLE_SLACK)


def first_distance(least: float, excluded: float) -> float:
    """Return how far from the bound to look first: not within what an earlier task has excluded."""
    while least <= excluded:
        least *= DISTANCE_GROWTH
    return least


def next_distance(left: float, done: float, *, is_better: bool) -> float:
    """Return how far from the bound to look next: `left` is all there is, up to the best plan.

    A plan found just now is seldom far from the best one. Steps towards it would only choose it again, each for as
    long as the proof takes.
    """
    steps = 2 if is_better else 1
    return left if left <= done * DISTANCE_GROWTH**steps else done * DISTANCE_GROWTH
