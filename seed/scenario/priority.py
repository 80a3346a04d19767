"""Priority of a made-up request, derived as the service derives it."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from app.core.vocabulary import GmpPhase
from app.requests.priority import PriorityFacts, derive_priority
from seed.scenario.chance import Chance
from seed.scenario.market import Need

_LATE_PHASES = frozenset({GmpPhase.PHASE_2, GmpPhase.PHASE_3, GmpPhase.COMMERCIAL})


class Ranking(NamedTuple):
    """A tier (1 before 2 before 3), points inside it, and the grounds for both."""

    tier: int
    points: int
    grounds: dict[str, Any]


def rank(chance: Chance, need: Need, phase: GmpPhase, submitted_on: date, as_of: date) -> Ranking:
    """The priority of a request; some depend on it to go on with a trial, some answer an unmet need."""
    continuity = phase in _LATE_PHASES and chance.happens(0.2)
    orphan = chance.happens(0.15)
    unmet_need = chance.happens(0.25)
    facts = PriorityFacts(
        gmp_phase=phase,
        continuity=continuity,
        orphan=orphan,
        unmet_need=unmet_need,
        labels=need.labels,
        french_startup=need.organisation.country == "FR",
        waiting_since_on=submitted_on,
    )
    found = derive_priority(facts, as_of)
    grounds = {
        "continuity": continuity,
        "orphan": orphan,
        "unmet_need": unmet_need,
        "to_confirm": False,
        "derivation": found.as_document(),
    }
    return Ranking(found.tier, found.points, grounds)
