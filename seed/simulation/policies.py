"""Reserve policies: which shares are kept for start-ups and for crises, and whether the latter is lent meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple


class ReservePolicy(NamedTuple):
    """One way to set the reserves.

    Attributes
    ----------
    startup_percent
        Share of all published days that is kept for French start-ups.
    crisis_percent
        Share of the published days of lines that could make a countermeasure that is kept for crises.
    lending
        Whether the crisis reserve is lent while there is no crisis.
    """

    startup_percent: int
    crisis_percent: int
    lending: bool

    @property
    def name(self) -> str:
        """A short name: `s20-c10-lent`."""
        lent = "" if not self.crisis_percent else "-lent" if self.lending else "-idle"
        return f"s{self.startup_percent}-c{self.crisis_percent}{lent}"


def policies(startup: Iterable[int], crisis: Iterable[int], lending: Iterable[bool]) -> tuple[ReservePolicy, ...]:
    """Every combination, in order; without a crisis reserve there is nothing to lend, and one policy."""
    found = (
        ReservePolicy(of_startups, of_crises, lent and of_crises > 0)
        for of_startups, of_crises, lent in product(sorted(set(startup)), sorted(set(crisis)), sorted(set(lending)))
    )
    return tuple(dict.fromkeys(found))
