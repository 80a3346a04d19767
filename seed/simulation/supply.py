"""The capacity of a simulated year: lines of the catalogue and made-up ones, and the periods that they publish."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from app.capacity.occupancy import span_of
from app.capacity.supply import SlotFacts
from app.core.vocabulary import Reserve
from seed.catalogue import Catalogue
from seed.facts import slot_facts
from seed.fleet import Place, places
from seed.identifiers import identifier
from seed.scenario.answers import with_standards
from seed.scenario.calendars import build_calendars, horizon_end
from seed.scenario.chance import Chance
from seed.scenario.market import Market, build_market
from seed.scenario.sizes import Size, SizeName
from seed.simulation.plan import SimulationPlan

PUBLISHED_SHARE = 0.75
"""Share of a unit's days that is published, as in the national scenario; the rest is sold elsewhere or at rest."""
REQUESTS_OF_A_STARTUP = 5
BLOCKS_OF_A_SEED = 1_000


def size_of(plan: SimulationPlan) -> Size:
    """The plan as a size of scenario, without its bookings and requests."""
    startups = max(1, plan.requests // (2 * REQUESTS_OF_A_STARTUP))
    return Size(SizeName.NATIONAL, plan.lines, startups, 0, 0.0, PUBLISHED_SHARE, 0.0)


def fleet(catalogue: Catalogue, plan: SimulationPlan, seed: int) -> tuple[Market, tuple[Place, ...]]:
    """The market, and the bookable units of as many lines as the plan asks: real ones first, those alike for all."""
    size = size_of(plan)
    market = build_market(catalogue, size, seed)
    terms = with_standards(
        Chance(seed, "simulation", "standards"), (*catalogue.line_modalities, *market.line_modalities)
    )
    sites, lines = (*catalogue.sites, *market.sites), (*catalogue.lines, *market.lines)
    everything = places(sites, lines, terms, (*catalogue.units, *market.units))
    bookable = [place for place in everything if place.is_bookable]
    line_ids = list(dict.fromkeys(place.line.id for place in bookable))
    chosen = set(Chance("simulation", "lines").sample(line_ids, plan.lines))
    return market, tuple(place for place in bookable if place.line.id in chosen)


def published_slots(units: Iterable[Place], plan: SimulationPlan, seed: int) -> tuple[SlotFacts, ...]:
    """The slots of all units from the first day played to the horizon of the last one, none of them in a reserve yet.

    The seed's calendars, one after the other, whatever reserve they give a slot.
    """
    listed = tuple(units)
    until = plan.ends_on + timedelta(days=plan.assumptions.published_ahead_days)
    return tuple(slot for slot in _calendars(listed, plan, seed) if slot.period.start_on < until)


def _calendars(units: tuple[Place, ...], plan: SimulationPlan, seed: int) -> Iterator[SlotFacts]:
    start, block = plan.opens_on, 0
    while start < plan.ends_on + timedelta(days=plan.assumptions.published_ahead_days):
        calendars = build_calendars(units, size_of(plan), seed * BLOCKS_OF_A_SEED + block, start)
        agreements = {row.id: row for row in calendars.agreements}
        for row in calendars.slots:
            yield replace(
                slot_facts(row, agreements),
                slot_id=identifier("simulated-slot", row.unit_id, _day(span_of(row.period).start_on, plan)),
                reserve=Reserve.OPEN,
                releases_on=None,
                lendable=False,
                recall_notice_days=None,
                max_lent_days=None,
                capped_price_cents=None,
            )
        start, block = horizon_end(start), block + 1


def _day(day: date, plan: SimulationPlan) -> int:
    return (day - plan.opens_on).days
