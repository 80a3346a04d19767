"""How the published slots are shared out between the open market and the reserves."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capacity.supply import SlotFacts, UnitFacts
from app.core.vocabulary import Reserve
from seed.catalogue import Catalogue
from seed.scenario.calendars import COUNTERMEASURES
from seed.simulation.assumptions import Assumptions
from seed.simulation.plan import SimulationPlan
from seed.simulation.policies import ReservePolicy, policies
from seed.simulation.reserves import with_reserves
from seed.simulation.setting import Setting, setting_of

LONGEST_SLOT_DAYS = 160


@pytest.fixture(scope="module")
def year(catalogue: Catalogue) -> Setting:
    return setting_of(catalogue, SimulationPlan(days=180, lines=60, requests=0), 3)


def shared_out(year: Setting, policy: ReservePolicy) -> tuple[SlotFacts, ...]:
    return with_reserves(year.slots, year.units, policy, Assumptions(), year.seed)


def days(slots: tuple[SlotFacts, ...], reserve: Reserve) -> int:
    return sum(slot.period.days for slot in slots if slot.reserve is reserve)


def serves(unit: UnitFacts) -> bool:
    return not COUNTERMEASURES.isdisjoint(unit.modalities)


shares = st.integers(0, 50)


@given(startup=shares, crisis=shares, lending=st.booleans())
def test_the_reserves_come_to_their_shares_within_a_slot(
    year: Setting, startup: int, crisis: int, lending: bool
) -> None:
    found = shared_out(year, ReservePolicy(startup, crisis, lending))
    whole = sum(slot.period.days for slot in year.slots)
    serving = sum(slot.period.days for slot in year.slots if serves(year.units[slot.unit_id]))
    assert abs(days(found, Reserve.STARTUP) - whole * startup / 100) <= LONGEST_SLOT_DAYS
    assert abs(days(found, Reserve.CRISIS) - serving * crisis / 100) <= LONGEST_SLOT_DAYS
    assert [(slot.slot_id, slot.period) for slot in found] == [(slot.slot_id, slot.period) for slot in year.slots]
    for slot in found:
        assert slot.reserve is not Reserve.CRISIS or serves(year.units[slot.unit_id])
        assert slot.lendable == (slot.reserve is Reserve.CRISIS and lending)
        released = slot.period.start_on - timedelta(days=90) if slot.reserve is Reserve.STARTUP else None
        assert slot.releases_on == released


@given(crisis=shares, smaller=shares, greater=shares)
def test_a_greater_share_keeps_the_slots_of_a_smaller_one(
    year: Setting, crisis: int, smaller: int, greater: int
) -> None:
    smaller, greater = sorted((smaller, greater))

    def kept(policy: ReservePolicy, reserve: Reserve) -> set[UUID]:
        return {slot.slot_id for slot in shared_out(year, policy) if slot.reserve is reserve}

    less, more = ReservePolicy(smaller, crisis, lending=False), ReservePolicy(greater, crisis, lending=False)
    assert kept(less, Reserve.STARTUP) <= kept(more, Reserve.STARTUP)
    less, more = ReservePolicy(0, smaller, lending=False), ReservePolicy(0, greater, lending=False)
    assert kept(less, Reserve.CRISIS) <= kept(more, Reserve.CRISIS)


def test_every_part_of_the_year_has_its_share(year: Setting) -> None:
    found = sorted(shared_out(year, ReservePolicy(20, 0, lending=False)), key=lambda slot: slot.period)
    for part in (found[: len(found) // 2], found[len(found) // 2 :]):
        share = sum(slot.reserve is Reserve.STARTUP for slot in part) / len(part)
        assert share == pytest.approx(0.2, abs=0.04)


def test_without_a_crisis_reserve_lending_makes_no_further_policy() -> None:
    assert [policy.name for policy in policies([20, 0], [0, 10], [True, False])] == [
        "s0-c0", "s0-c10-idle", "s0-c10-lent", "s20-c0", "s20-c10-idle", "s20-c10-lent",
    ]  # fmt: skip
