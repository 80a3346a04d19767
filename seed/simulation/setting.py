"""What every policy meets alike: the lines, their published slots, the requests and the crisis of one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from app.capacity.supply import SlotFacts, UnitFacts
from app.crisis.campaigns import Brief
from seed.catalogue import Catalogue, read_catalogue
from seed.simulation.crisis import draw_crisis
from seed.simulation.demand import Arrival, arrivals
from seed.simulation.plan import SimulationPlan
from seed.simulation.supply import fleet, published_slots


@dataclass(frozen=True, slots=True)
class Setting:
    """One seed of a simulation, before any policy; the slots are in no reserve yet."""

    plan: SimulationPlan
    seed: int
    units: Mapping[UUID, UnitFacts]
    slots: tuple[SlotFacts, ...]
    arrivals: tuple[Arrival, ...]
    crisis: Brief


def setting_of(catalogue: Catalogue, plan: SimulationPlan, seed: int) -> Setting:
    """The setting of a seed: the same wherever and whenever it is made."""
    market, units = fleet(catalogue, plan, seed)
    slots = published_slots(units, plan, seed)
    return Setting(
        plan=plan,
        seed=seed,
        units={place.unit.id: place.facts for place in units},
        slots=slots,
        arrivals=arrivals(market, units, plan, seed),
        crisis=draw_crisis(units, slots, plan, seed),
    )


@lru_cache(maxsize=2)
def kept_setting(plan: SimulationPlan, seed: int) -> Setting:
    """The setting of a seed with the catalogue of the seed, made once for all policies that a process plays."""
    return setting_of(read_catalogue(), plan, seed)
