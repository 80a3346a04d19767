"""The published slots shared out between the open market and the two reserves, as a policy wants it.

A greater share keeps all the slots of a smaller one, and some more: so policies can be compared pair by pair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from app.capacity.supply import SlotFacts, UnitFacts
from app.core.vocabulary import Reserve
from seed.scenario.calendars import COUNTERMEASURES
from seed.scenario.chance import Chance
from seed.simulation.assumptions import Assumptions
from seed.simulation.policies import ReservePolicy


def with_reserves(
    slots: Sequence[SlotFacts],
    units: Mapping[UUID, UnitFacts],
    policy: ReservePolicy,
    assumptions: Assumptions,
    seed: int,
) -> tuple[SlotFacts, ...]:
    """The same slots in the same order, each under the rules of its reserve."""
    serving = [slot for slot in slots if not COUNTERMEASURES.isdisjoint(units[slot.unit_id].modalities)]
    order = _spread(serving, lambda slot: _served(units[slot.unit_id]), seed, "crisis")
    crisis = _first_days(order, policy.crisis_percent, sum(slot.period.days for slot in serving))
    rest = [slot for slot in slots if slot.slot_id not in crisis]
    order = _spread(rest, lambda slot: units[slot.unit_id].modalities, seed, "startup")
    startup = _first_days(order, policy.startup_percent, sum(slot.period.days for slot in slots))
    return tuple(
        _for_crises(slot, policy, assumptions)
        if slot.slot_id in crisis
        else _for_startups(slot, units[slot.unit_id], assumptions)
        if slot.slot_id in startup
        else slot
        for slot in slots
    )


def _served(unit: UnitFacts) -> tuple[str, ...]:
    return tuple(sorted(COUNTERMEASURES.intersection(unit.modalities)))


def _for_crises(slot: SlotFacts, policy: ReservePolicy, assumptions: Assumptions) -> SlotFacts:
    if not policy.lending:
        return replace(slot, reserve=Reserve.CRISIS)
    return replace(
        slot,
        reserve=Reserve.CRISIS,
        lendable=True,
        recall_notice_days=assumptions.recall_notice_days,
        max_lent_days=assumptions.longest_lent_days,
    )


def _for_startups(slot: SlotFacts, unit: UnitFacts, assumptions: Assumptions) -> SlotFacts:
    dearest = max((terms.price_cents or 0 for terms in unit.terms.values()), default=0)
    return replace(
        slot,
        reserve=Reserve.STARTUP,
        releases_on=slot.period.start_on - timedelta(days=assumptions.released_before_days),
        capped_price_cents=round(dearest * assumptions.startup_cap_share) or None,
    )


def _spread(
    slots: Iterable[SlotFacts], kind_of: Callable[[SlotFacts], Hashable], seed: int, name: str
) -> list[SlotFacts]:
    """The slots in an order of which every beginning is spread evenly over the kinds of line and over time.

    Within a kind they are numbered by their start, and ordered by the van der Corput sequence of these numbers.
    """
    kinds: defaultdict[Hashable, list[SlotFacts]] = defaultdict(list)
    for slot in slots:
        kinds[kind_of(slot)].append(slot)
    keyed = []
    for kind, listed in kinds.items():
        shift = Chance(seed, "simulation", "reserve", name, kind).between(0.0, 1.0)
        listed.sort(key=lambda slot: (slot.period, slot.unit_id))
        keyed += [((_mirrored(number) + shift) % 1.0, slot) for number, slot in enumerate(listed)]
    return [slot for _, slot in sorted(keyed, key=lambda pair: (pair[0], pair[1].slot_id))]


def _mirrored(number: int) -> float:
    """The binary digits of a number, mirrored at the point: 1, 2, 3, 4 give 0.5, 0.25, 0.75, 0.125."""
    mirrored, weight = 0.0, 0.5
    while number:
        mirrored += weight * (number & 1)
        number, weight = number >> 1, weight / 2
    return mirrored


def _first_days(order: Iterable[SlotFacts], percent: int, of_days: int) -> set[UUID]:
    """The first slots in the order that come nearest to a share of the days."""
    chosen: set[UUID] = set()
    wanted, days = of_days * percent / 100, 0
    for slot in order:
        if days + slot.period.days / 2 >= wanted:
            return chosen
        chosen.add(slot.slot_id)
        days += slot.period.days
    return chosen
