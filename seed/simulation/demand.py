"""The requests of a simulated year: who asks for what on which day, how long it can wait, and whether it cancels.

Drawn once for a seed, before any policy: every policy meets the same requests. Arrivals are a Poisson process whose
requests are marked with what is asked, so that those of each modality are a Poisson process of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

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
    is_servable
        Whether any line could make it at any date; where none can, no policy helps.
    repeats
        The request of whose failed batches this is a repeat.
    """

    number: int
    arrived_on: date
    request: RequestFacts
    priority: PriorityFacts
    wished_on: date
    gives_up_on: date
    is_servable: bool
    fate: Fate
    repeats: int | None = None

    @property
    def is_startup(self) -> bool:
        """Whether it may have the start-up reserve."""
        return self.request.french_startup


def arrivals(market: Market, units: Sequence[Place], plan: SimulationPlan, seed: int) -> tuple[Arrival, ...]:
    """All requests from the first day played to the last, in order."""
    portfolio, lines = Portfolio(), Lines(units)
    clients = _established(units, seed)
    found = []
    for number, day in enumerate(_days(plan, seed)):
        chance = Chance(seed, "simulation", "request", number)
        established = chance.happens(plan.assumptions.established_share)
        need = chance.pick(clients if established else market.needs)
        asked = Demand(portfolio, lines, day, europe=ACCEPT_EUROPE).ask(chance, need, number)
        found.append(_arrival(number, day, asked, portfolio, plan, seed))
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


def _arrival(
    number: int, day: date, asked: Asked, portfolio: Portfolio, plan: SimulationPlan, seed: int
) -> Arrival:
    """The request as it is submitted on the day, with what its CDMOs will say of it, and its fate."""
    row = replace(asked.request, submitted_at=datetime.combine(day, time(9), UTC))
    said = answers(
        Chance(seed, "simulation", "answers", number), replace(asked, request=row), day + timedelta(days=ANSWER_DAYS)
    )
    facts = request_facts(
        row,
        asked.product,
        asked.need.organisation,
        qualifications=portfolio.qualifications_of(asked.product),
        feasibilities=said,
    )
    starts = list(_starts(facts, asked.candidates, day))
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
        wished_on=min((first for first, _ in starts), default=facts.earliest_on),
        gives_up_on=max((last for _, last in starts), default=day) + timedelta(days=1),
        is_servable=any(first <= last for first, last in starts),
        fate=_fate(Chance(seed, "simulation", "fate", number), plan),
    )


def _starts(facts: RequestFacts, candidates: Sequence[Place], day: date) -> Iterator[tuple[date, date]]:
    """The first and the last start on each line that could make it."""
    for place in candidates:
        terms = plan_campaign(facts, place.facts, day)
        if isinstance(terms, Terms):
            yield terms.earliest_start_on, terms.latest_start_on


def _fate(chance: Chance, plan: SimulationPlan) -> Fate:
    given = plan.assumptions
    return Fate(
        patience_days=chance.integer(given.shortest_patience_days, given.longest_patience_days),
        cancels=chance.happens(given.cancelled_share),
        cancels_at=chance.between(0.0, 1.0),
    )
