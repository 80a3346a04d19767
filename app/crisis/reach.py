"""How far a problem can reach: a tier that cannot meet a target need not be solved, nor one behind what surely does.

Pure, and quick: a start of the engine costs more than all of this.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.crisis.planner import TierProblem
from scheduler import problem as scheduling
from scheduler.baselines import BASELINES
from scheduler.objectives import value


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A tier that cannot meet a target: all its windows together make no more than `at_most` by that day."""

    tier: int
    by: int
    quantity: int
    at_most: int


def within_reach(problems: Sequence[TierProblem]) -> tuple[list[TierProblem], list[Shortfall]]:
    """Return the problems worth solving, in their order, and why the others are not.

    One that cannot meet a target, however everything else goes, is left out unless it is the last. So are all after
    one in which even greed meets them.
    """
    kept: list[TierProblem] = []
    short: list[Shortfall] = []
    for number, one in enumerate(problems, 1):
        missed = next(_shortfalls(one), None)
        if missed is not None and number < len(problems):
            short.append(missed)
            continue
        kept.append(one)
        if missed is None and number < len(problems) and _greed_suffices(one.problem):
            break
    return kept, short


def _shortfalls(one: TierProblem) -> Iterator[Shortfall]:
    [surge] = one.problem.surges
    for target in surge.targets:
        at_most = most_by(one.problem, target.by)
        if at_most < target.quantity:
            yield Shortfall(int(one.tier), target.by, target.quantity, at_most)


def _greed_suffices(problem: scheduling.Problem) -> bool:
    wanted = sum(target.quantity for surge in problem.surges for target in surge.targets)
    return value(problem, BASELINES["greedy"](problem), "surge_output") >= wanted


def most_by(problem: scheduling.Problem, by: int) -> int:
    """Return a bound on what campaigns can make by a day: the most of each window, were every movable booking gone."""
    [surge] = problem.surges
    options: dict[str, list[scheduling.SurgeOption]] = defaultdict(list)
    for option in surge.options:
        options[option.window].append(option)
    fixed: dict[str, list[scheduling.Fixed]] = defaultdict(list)
    for booking in problem.fixed:
        fixed[booking.window].append(booking)
    return sum(
        _most_in(stretch, options[window.id], by)
        for window in problem.windows
        if options[window.id]
        for stretch in _free(window, fixed[window.id])
    )


def _free(window: scheduling.Window, fixed: Iterable[scheduling.Fixed]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a window that nothing fixed holds."""
    start = window.start
    for booking in sorted(fixed, key=lambda one: one.start):
        if start < booking.start:
            yield start, booking.start
        start = max(start, booking.end)
    if start < window.end:
        yield start, window.end


def _most_in(stretch: tuple[int, int], options: Sequence[scheduling.SurgeOption], by: int) -> int:
    """Return the most that campaigns one after the other in a stretch make by a day."""
    first, end = stretch
    most = [0]
    for day in range(first + 1, end + 1):
        best = most[-1]
        for option in options:
            start = day - option.duration
            if start >= first and option.earliest <= start <= option.latest:
                made = sum(batch.output for batch in option.batches if start + batch.after <= by)
                best = max(best, most[start - first] + made)
        most.append(best)
    return most[-1]
