"""What is to be simulated: the size of the year, the crisis, and how much the engine may work."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from app.crisis.models import PowerKind
from seed.simulation.assumptions import Assumptions

FIRST_DAY = date(2027, 1, 1)
"""Of the year that is measured: a fixed day, so that the same command writes the same files on any day."""

RANDOM = "random"
ALL_POWERS = (PowerKind.RESERVE_CONTRACT, PowerKind.VOLUNTARY, PowerKind.REQUISITION_OR_ORDER)


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """One size of simulation, the same for every policy and seed.

    Attributes
    ----------
    days
        Length of the year that is measured.
    lines
        Production lines: some of the catalogue's, or all of them and made-up ones like them.
    requests
        Requests expected in 365 days, from start-ups and established clients together.
    budget
        Deterministic work of the engine for each round and for each step of the crisis plan.
    countermeasure
        A name of `COUNTERMEASURES`, or `random` for another one with every seed.
    """

    days: int = 365
    lines: int = 82
    requests: int = 1_000
    budget: float = 0.1
    countermeasure: str = "vector"
    powers: tuple[PowerKind, ...] = ALL_POWERS
    assumptions: Assumptions = field(default_factory=Assumptions)

    @property
    def opens_on(self) -> date:
        """The first day played: the warm-up begins."""
        return FIRST_DAY - timedelta(days=self.assumptions.warm_up_days)

    @property
    def ends_on(self) -> date:
        """The day after the last one."""
        return FIRST_DAY + timedelta(days=self.days)
