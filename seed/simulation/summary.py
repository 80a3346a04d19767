"""The runs of each policy put together: the median over the seeds, and how far these lie apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from seed.simulation.measures import MEASURES, RunResult
from seed.simulation.policies import ReservePolicy


@dataclass(frozen=True, slots=True)
class Spread:
    """A measure over the seeds: their median, the least and the greatest."""

    median: float
    least: float
    greatest: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One policy over all seeds.

    Attributes
    ----------
    spreads
        By measure; None where it has no value with any seed.
    delay_change
        Against the first policy, with each seed: the mean difference, in days, over the start-ups' requests that both
        policies place. The median shifts also with who is placed; this does not.
    """

    policy: ReservePolicy
    spreads: dict[str, Spread | None]
    delay_change: Spread | None


def summaries(results: Sequence[RunResult]) -> list[Summary]:
    """One for each policy, in the order in which they come; the first is what the others are compared with."""
    order = list(dict.fromkeys(result.policy for result in results))
    base = {result.seed: result for result in results if result.policy == order[0]}
    found = []
    for policy in order:
        own = [result for result in results if result.policy == policy]
        spreads = {name: spread(getattr(one.measures, name) for one in own) for name in MEASURES}
        found.append(Summary(policy, spreads, spread(delay_change(base[one.seed], one) for one in own)))
    return found


def spread(values: Iterable[float | None]) -> Spread | None:
    """The spread of the values there are; None of none."""
    known = [value for value in values if value is not None]
    return Spread(median(known), min(known), max(known)) if known else None


def delay_change(base: RunResult, other: RunResult) -> float | None:
    """The mean change of delay over the requests that both place; None where there is none."""
    both = base.delays.keys() & other.delays.keys()
    return round(fmean(other.delays[number] - base.delays[number] for number in sorted(both)), 1) if both else None
