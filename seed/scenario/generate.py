"""A whole scenario: the real catalogue, what is made up beside it, and calendars, bookings and requests on both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from seed.catalogue import Catalogue
from seed.facts import slot_facts
from seed.fleet import Place, places
from seed.rows import FeasibilityRow
from seed.scenario.answers import answers, with_standards
from seed.scenario.booked import Booked, Bookings
from seed.scenario.calendars import Calendars, build_calendars
from seed.scenario.chance import Chance
from seed.scenario.demand import Asked, Demand
from seed.scenario.market import Market, build_market
from seed.scenario.portfolio import Lines, Portfolio
from seed.scenario.sizes import SIZES, Size, SizeName
from seed.world import World

_ACCEPT_EUROPE = {SizeName.EUROPE: 0.8}
_ACCEPT_EUROPE_OTHERWISE = 0.4


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world, and from what it was made."""

    size: Size
    seed: int
    as_of: date
    world: World


def generate(
    catalogue: Catalogue, size: SizeName, seed: int, as_of: date, *, booked_share: float | None = None
) -> Scenario:
    """The scenario of a size and a seed number: the same rows, wherever and whenever it is generated.

    Parameters
    ----------
    as_of
        The day from which it reasons: calendars start there and last 24 months.
    booked_share
        In place of the size's own: how much of the calendar is booked already.
    """
    chosen = SIZES[size] if booked_share is None else replace(SIZES[size], booked_share=booked_share)
    market = build_market(catalogue, chosen, seed)
    terms = with_standards(Chance(seed, size, "standards"), (*catalogue.line_modalities, *market.line_modalities))
    sites, lines = (*catalogue.sites, *market.sites), (*catalogue.lines, *market.lines)
    units = (*catalogue.units, *market.units)
    generation = _Generation(chosen, seed, as_of, places(sites, lines, terms, units), market)
    calendars = build_calendars(generation.units, chosen, seed, as_of)
    booked, asked = generation.booked(calendars), generation.asked()
    world = World(
        modalities=catalogue.modalities,
        organisations=(*catalogue.organisations, *market.organisations),
        labels=(*catalogue.labels, *market.labels),
        sites=sites,
        lines=lines,
        line_modalities=terms,
        units=units,
        agreements=calendars.agreements,
        commitments=calendars.commitments,
        slots=calendars.slots,
        products=tuple(generation.portfolio.products.values()),
        qualifications=tuple(generation.portfolio.qualifications.values()),
        requests=(*(one.asked.request for one in booked), *(one.request for one in asked)),
        feasibilities=generation.answers((*(one.asked for one in booked), *asked)),
        bookings=tuple(one.booking for one in booked),
        charges=tuple(one.charge for one in booked if one.charge is not None),
    )
    return Scenario(chosen, seed, as_of, world)


@dataclass(frozen=True, slots=True)
class _Generation:
    """What bookings, requests and answers have in common."""

    size: Size
    seed: int
    as_of: date
    units: tuple[Place, ...]
    market: Market
    portfolio: Portfolio = field(default_factory=Portfolio)

    def _chance(self, *names: object) -> Chance:
        return Chance(self.seed, self.size.name, *names)

    def booked(self, calendars: Calendars) -> list[Booked]:
        """What is booked already in the slots."""
        bookings = Bookings(self.portfolio, self.market.needs, self.as_of, self.size.booked_share)
        place_of = {place.unit.id: place for place in self.units}
        agreements = {agreement.id: agreement for agreement in calendars.agreements}
        return [
            booked
            for slot in calendars.slots
            for booked in bookings.fill(
                self._chance("booked", slot.id), place_of[slot.unit_id], slot_facts(slot, agreements)
            )
        ]

    def asked(self) -> list[Asked]:
        """Submitted requests: all start-ups have asked before any asks again."""
        europe = _ACCEPT_EUROPE.get(self.size.name, _ACCEPT_EUROPE_OTHERWISE)
        demand = Demand(self.portfolio, Lines(self.units), self.as_of, europe=europe)
        asked: list[Asked] = []
        while len(asked) < self.size.requests:
            missing = self.size.requests - len(asked)
            for need in self._chance("turn", len(asked)).sample(self.market.needs, missing):
                asked.append(demand.ask(self._chance("asked", len(asked)), need, len(asked)))
        return asked

    def answers(self, asked: Iterable[Asked]) -> tuple[FeasibilityRow, ...]:
        """What CDMOs have said of all requests."""
        return tuple(
            answer for one in asked for answer in answers(self._chance("answers", one.request.id), one, self.as_of)
        )
