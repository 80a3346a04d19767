"""Column generation: the restricted master and the pricing in turn, with a bound that holds at every step.

For any duals ``u >= 0`` of the rows, with limits ``b``, the objective is bounded from above (Lagrange) by::

    L(u) = u b + sum over windows of max(0, best sequence's gain less u at its entries)
               + sum over extras of most * max(0, gain less u at its entries)

The duals that are priced, ``0.7 of the best so far + 0.3 of the master's``, settle the oscillation between two solves.

Sources: Wentges, Weighted Dantzig-Wolfe Decomposition for Linear Mixed-Integer Programming (1997), the smoothing;
Luebbecke, Desrosiers, Selected Topics in Column Generation (2005), the bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scheduler.engines.columns.activities import Floats
from scheduler.engines.columns.master import Column, Master, columns_of
from scheduler.engines.columns.pricing import Timetable
from scheduler.engines.columns.program import Prices, Program, extras_worth, prices
from scheduler.engines.columns.sequences import Pool
from scheduler.engines.meter import Meter
from scheduler.tasks import Effort

SMOOTHING = 0.7
ROUNDING = 1e-6
CLOSE = 1e-5
MOST_REMEMBERED = 8_000
MOST_COLUMNS = 24_000
MOST_KEPT = 14_000
NEAR_ENOUGH = 2e-3
LARGE = 50_000
FIRST_SCATTERED = 10
SCATTERED = 3
COPIES = 3.0


@dataclass(slots=True)
class Relaxation:
    """The state of the bound: the best duals so far, what they prove, and the master's optimum."""

    program: Program
    timetable: Timetable
    master: Master
    start: list[Column]
    bound: float = math.inf
    duals: Floats = field(default_factory=lambda: np.zeros(0))
    optimum: float = -math.inf

    @property
    def whole_bound(self) -> float:
        """The greatest whole number that the bound allows; infinite before the first pricing."""
        if math.isinf(self.bound):
            return self.bound
        return math.floor(self.bound + ROUNDING + 1e-12 * abs(self.bound))

    @property
    def is_closed(self) -> bool:
        """Whether the whole-numbered bound cannot fall any more, or only by a rounding."""
        if math.isinf(self.bound):
            return False
        slack = ROUNDING + CLOSE * abs(self.bound) if abs(self.bound) > 1 / CLOSE else ROUNDING
        return self.whole_bound <= math.floor(self.optimum + slack)

    def is_near(self, share: float) -> bool:
        """Say whether the bound is within a share of itself from the optimum over the columns so far."""
        return self.bound - self.optimum <= share * max(1.0, abs(self.bound))


@dataclass(frozen=True, slots=True)
class Memory:
    """What a relaxation leaves to the next one on the same component: its columns, and its duals of one objective.

    Attributes
    ----------
    pool : Pool, optional
        The sequences that plans as good as the best one may hold, once they were enumerated.
    """

    objective: str
    columns: tuple[Column, ...]
    duals: Floats
    pool: Pool | None = None


def relax(program: Program, start: list[Column], memory: Memory | None = None) -> Relaxation:
    """Return the relaxation before any pricing, from columns that make a plan within every row."""
    relaxation = Relaxation(program, Timetable(program.activities), Master(program), start)
    relaxation.master.add(start)
    if memory is not None:
        relaxation.master.add(memory.columns)
        if memory.objective == program.objective and len(memory.duals) == len(program.limit):
            price(relaxation, memory.duals, Meter(Effort(work=math.inf)))
    return relaxation


def memory_of(relaxation: Relaxation, before: Memory | None = None) -> Memory:
    """Return what the next relaxation should begin with, and the pool of the one before."""
    columns = relaxation.master.columns
    pool = before.pool if before is not None else None
    return Memory(relaxation.program.objective, tuple(columns[-MOST_REMEMBERED:]), relaxation.duals, pool)


def keep_best(relaxation: Relaxation, most: int) -> None:
    """Drop columns, but those of the last optimum, those it began with, and so many that are worth most at its duals.

    The optimum stays, since nothing of it is dropped; so does every column where none was reached yet.
    """
    program, master = relaxation.program, relaxation.master
    if not master.is_solved:
        return
    now, floor = prices(program, master.duals()), master.window_duals()
    worth = np.array(
        [
            sum(float(now.worth[activity] + now.per_day[activity] * day) for activity, day in column.steps)
            - float(floor[column.window])
            for column in master.columns
        ]
    )
    worth[master.shares() > 0] = math.inf
    best = np.sort(np.argsort(-worth, kind="stable")[: max(most, int(np.isinf(worth).sum()))])
    master.keep([*relaxation.start, *(master.columns[at] for at in best)])


def generate(relaxation: Relaxation, meter: Meter, *, reached: int) -> None:
    """Add columns until the bound is reached by a plan, cannot fall any more, or the effort is over.

    Parameters
    ----------
    reached : int
        The value of the best known plan, signed so that more is better.
    """
    if math.isinf(relaxation.bound):
        _begin(relaxation, meter)
        if relaxation.whole_bound <= reached:
            return
    while not meter.is_over():
        master = relaxation.master
        relaxation.optimum = master.solve(meter)
        if relaxation.is_closed or (master.is_large and relaxation.is_near(NEAR_ENOUGH)):
            return
        duals = master.duals()
        if len(master.columns) > MOST_COLUMNS:
            keep_best(relaxation, MOST_KEPT)
        if math.isfinite(relaxation.bound):
            duals = SMOOTHING * relaxation.duals + (1 - SMOOTHING) * duals
        fresh = price(relaxation, duals, meter)
        if relaxation.whole_bound <= reached:
            return
        fresh += _scatter(relaxation, (duals, master.duals()), SCATTERED, meter)
        if not fresh:
            # Nothing new between the two: the master's own duals decide.
            fresh = price(relaxation, master.duals(), meter)
            if not fresh:
                return


def _begin(relaxation: Relaxation, meter: Meter) -> None:
    """Bound by what every demand gains at its best place, and find the first columns."""
    program = relaxation.program
    entries, duals = program.entries, np.zeros(len(program.limit))
    single = program.limit[entries.row] == 1
    most = Prices(program.gain, program.gain_per_day).most(program.activities)
    np.maximum.at(duals, entries.row[single], most[entries.activity[single]])
    price(relaxation, duals, meter)
    _scatter(relaxation, (np.zeros(len(program.limit)),), FIRST_SCATTERED, meter)


def _scatter(relaxation: Relaxation, duals: Sequence[Floats], rounds: int, meter: Meter) -> int:
    """Price with every demand allowed in a few of its places, so that the windows do not all want the same ones.

    Returns
    -------
    int
        How many new columns the master took.
    """
    acts = relaxation.program.activities
    if len(acts) < LARGE:
        return 0
    share = COPIES * len(np.unique(acts.owner)) / len(acts)
    chance = np.random.default_rng(len(relaxation.master.columns))
    fresh = 0
    for number in range(rounds):
        if meter.is_over():
            break
        fresh += price(relaxation, duals[number % len(duals)], meter, chance.random(len(acts)) < share)
    return fresh


def price(relaxation: Relaxation, duals: Floats, meter: Meter, allowed: NDArray[np.bool_] | None = None) -> int:
    """Price all windows under the duals, tighten the bound, and return how many new columns the master took."""
    program, timetable = relaxation.program, relaxation.timetable
    now = prices(program, duals)
    best = timetable.best(now, allowed)
    if allowed is None:
        extras = extras_worth(program, duals)
        bound = float(duals @ program.limit + best[0].sum() + (np.maximum(extras, 0) * program.extras.most).sum())
        if bound < relaxation.bound:
            relaxation.bound, relaxation.duals = bound, duals
    meter.spend(timetable.pass_work)
    return relaxation.master.add(columns_of(timetable.routes(now, best, allowed)))
