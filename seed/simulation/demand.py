"""The requests of a simulated year: who asks for what on which day, how long it can wait, and whether it cancels.

Drawn once for a seed, before any policy: every policy meets the same requests. Arrivals are a Poisson process whose
requests are marked with what is asked, so that those of each modality are a Poisson process of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from app.core.vocabulary import Origin
from app.identity.models import OrganisationKind, SizeClass
from app.matching.campaign import plan_campaign
from app.matching.facts import RequestFacts
from app.matching.outcome import Terms
from app.requests.priority import PriorityFacts
from seed.facts import request_facts
from seed.fleet import Place
from seed.identifiers import identifier
from seed.rows import OrganisationRow
from seed.scenario.answers import answers
from seed.scenario.chance import Chance
from seed.scenario.demand import Asked, Demand
from seed.scenario.market import Market, Need
from seed.scenario.portfolio import Lines, Portfolio
from seed.scenario.profiles import PROFILES
from seed.simulation.plan import SimulationPlan

DAYS_OF_A_YEAR = 365
ACCEPT_EUROPE = 0.4
ESTABLISHED_CLIENTS = 40
ELSEWHERE = "DE"
ANSWER_DAYS = 30


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a request by itself, whatever the policy.

    Attributes
    ----------
    patience_days
        Days without a place after which its owner gives up.
    cancels
        Whether its owner cancels the booking, if it gets one, and at which part of the time to its start.
    """

    patience_days: int
    cancels: bool
    cancels_at: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request on the day on which it is submitted.

    Attributes
    ----------
    wished_on
        The first day on which any line that could make it might start, were its calendar empty: delay counts from it.
    gives_up_on
        The first day on which no line could deliver in time any more.
    units
        The units that could make it, at some date.
    repeats
        The request of whose failed batches this is a repeat.
    """

    number: int
    arrived_on: date
    request: RequestFacts
    priority: PriorityFacts
    wished_on: date
    gives_up_on: date
    units: tuple[UUID, ...]
    fate: Fate
    repeats: int | None = None

    @property
    def is_servable(self) -> bool:
        """Whether any line could make it; where none can, no policy helps."""
        return bool(self.units)

    @property
    def is_startup(self) -> bool:
        """Whether it may have the start-up reserve."""
        return self.request.french_startup


def arrivals(market: Market, units: Sequence[Place], plan: SimulationPlan, seed: int) -> tuple[Arrival, ...]:
    """All requests from the first day played to the last, in order."""
    asking, lines = _Asking(plan, seed, units), Lines(units)
    clients = _established(units, seed)
    found = []
    for number, day in enumerate(_days(plan, seed)):
        chance = Chance(seed, "simulation", "request", number)
        established = chance.happens(plan.assumptions.established_share)
        need = chance.pick(clients if established and clients else market.needs)
        asked = Demand(asking.portfolio, lines, day, europe=ACCEPT_EUROPE).ask(chance, need, number)
        found.append(asking.arrival(number, day, asked))
    return tuple(found)


def _days(plan: SimulationPlan, seed: int) -> Iterator[date]:
    """The days of a Poisson process: the time between two arrivals is exponential."""
    chance, passed = Chance(seed, "simulation", "arrivals"), 0.0
    length = (plan.ends_on - plan.opens_on).days
    while plan.requests:
        passed += -math.log(1.0 - chance.between(0.0, 1.0)) * DAYS_OF_A_YEAR / plan.requests
        if passed >= length:
            return
        yield plan.opens_on + timedelta(days=int(passed))


def _established(units: Sequence[Place], seed: int) -> list[Need]:
    """Clients from elsewhere, who need what the lines make, in the phases that they make it for."""
    chance, clients = Chance(seed, "simulation", "clients"), []
    makers = [place for place in units if any(modality in PROFILES for modality in place.line.modalities)]
    for number in range(1, ESTABLISHED_CLIENTS + 1 if makers else 1):
        place = chance.pick(makers)
        modality = chance.pick([one for one in place.line.modalities if one in PROFILES])
        name = f"Established client {number:02}"
        organisation = OrganisationRow(
            id=identifier("organisation", "simulated", name),
            kind=OrganisationKind.STARTUP,
            name=name,
            country=ELSEWHERE,
            size_class=SizeClass.LARGE,
            origin=Origin.SCENARIO,
        )
        clients.append(Need(organisation, modality, tuple(place.line.gmp_phases), ()))
    return clients


@dataclass(frozen=True, slots=True)
class _Asking:
    """What the requests of a seed have in common."""

    plan: SimulationPlan
    seed: int
    units: Sequence[Place]
    portfolio: Portfolio = field(default_factory=Portfolio)

    def arrival(self, number: int, day: date, asked: Asked) -> Arrival:
        """The request as it is submitted on the day, with what its CDMOs will say of it, and its fate."""
        row = replace(asked.request, submitted_at=datetime.combine(day, time(9), UTC))
        said = answers(
            Chance(self.seed, "simulation", "answers", number),
            replace(asked, request=row),
            day + timedelta(days=ANSWER_DAYS),
        )
        facts = request_facts(
            row,
            asked.product,
            asked.need.organisation,
            qualifications=self.portfolio.qualifications_of(asked.product),
            feasibilities=said,
        )
        terms = _terms(facts, asked.candidates, day)
        able = {line_id for line_id, one in terms.items() if one.earliest_start_on <= one.latest_start_on}
        grounds = row.priority_grounds
        return Arrival(
            number=number,
            arrived_on=day,
            request=facts,
            priority=PriorityFacts(
                gmp_phase=row.gmp_phase,
                continuity=grounds["continuity"],
                orphan=grounds["orphan"],
                unmet_need=grounds["unmet_need"],
                labels=asked.need.labels,
                french_startup=facts.french_startup,
                waiting_since_on=day,
            ),
            wished_on=min((one.earliest_start_on for one in terms.values()), default=facts.earliest_on),
            gives_up_on=max((one.latest_start_on for one in terms.values()), default=day) + timedelta(days=1),
            units=tuple(place.unit.id for place in self.units if place.line.id in able),
            fate=_fate(Chance(self.seed, "simulation", "fate", number), self.plan),
        )


def _terms(facts: RequestFacts, candidates: Sequence[Place], day: date) -> dict[UUID, Terms]:
    """How it would run on each line that could make it."""
    found = {place.line.id: plan_campaign(facts, place.facts, day) for place in candidates}
    return {line_id: terms for line_id, terms in found.items() if isinstance(terms, Terms)}


def _fate(chance: Chance, plan: SimulationPlan) -> Fate:
    given = plan.assumptions
    return Fate(
        patience_days=chance.integer(given.shortest_patience_days, given.longest_patience_days),
        cancels=chance.happens(given.cancelled_share),
        cancels_at=chance.between(0.0, 1.0),
    )
