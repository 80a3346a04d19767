"""Ways to better plans take turns: whoever gained most for its effort goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from scheduler.engines.incumbent import Incumbent
from scheduler.engines.meter import LEAST_WORK, Meter

TURN_SHARE = 0.05
MOST_SHARE = 0.25
LEAST_TURN = 2.0
SHORTEST_TURN = 0.2
FORGETTING = 0.6
PEAK_FADING = 0.9
LEAST_RATE = 0.1


class Improver(Protocol):
    """One way from a plan to better ones."""

    def turn(self, meter: Meter) -> float:
        """Spend an effort on better plans, and return what was gained, 0 for nothing."""


def take_turns(improvers: Sequence[Improver], best: Incumbent, meter: Meter, *, patience: float = math.inf) -> bool:
    """Let each have a turn, then those that gain more for their effort more often, until the effort is over.

    Next comes who has waited longest for what it gains: turns waited times a running mean of what an effort gained,
    never taken for less than a share of the best turn of late, so that all come again.

    Parameters
    ----------
    patience : float
        The effort without any gain after which they end.

    Returns
    -------
    bool
        Whether they ended for want of gains.
    """
    idle = peak = 0.0
    rates = [math.inf] * len(improvers)
    waited = [1] * len(improvers)
    while not meter.is_over() and not best.is_settled and idle < patience:
        floor = LEAST_RATE * peak or 1.0
        at = max(range(len(improvers)), key=lambda number: waited[number] * max(floor, rates[number]))
        before = meter.left()
        share = max(TURN_SHARE, min(MOST_SHARE, LEAST_TURN / max(before, LEAST_TURN)))
        gained = improvers[at].turn(meter.part(1.0 if share * before < SHORTEST_TURN else share))
        meter.spend(LEAST_WORK)
        spent = max(before - meter.left(), LEAST_WORK)
        rate = gained / spent
        idle = 0.0 if gained else idle + spent
        rates[at] = rate if math.isinf(rates[at]) else FORGETTING * rates[at] + (1 - FORGETTING) * rate
        peak = max(rate, PEAK_FADING * peak)
        waited = [1 if number == at else turns + 1 for number, turns in enumerate(waited)]
    return idle >= patience
