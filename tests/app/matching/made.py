"""A request, a unit and a slot that fit each other, to be spoilt one fact at a time."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.core.vocabulary import Basis, GmpPhase
from app.matching.facts import ModalityTerms, RequestFacts, SlotFacts, Span, UnitFacts
from app.matching.match import match
from app.matching.outcome import Match, Option, ReasonCode
from app.matching.policy import DIRECT, MatchPolicy

TODAY = date(2030, 1, 1)
SITE, OTHER_SITE, LINE, UNIT, SLOT, OTHER_SLOT = (UUID(int=number) for number in range(1, 7))

TERMS = ModalityTerms(
    modality="monoclonal_antibody",
    release_days=42,
    price_cents=100_000_000,
    yield_per_batch=5_000.0,
    yield_unit="g",
    is_standard=True,
    basis=Basis.DECLARED,
)
"""Six weeks of release testing, one million euros and five kilograms a batch."""

A_UNIT = UnitFacts(
    unit_id=UNIT,
    line_id=LINE,
    site_id=SITE,
    organisation_id=UUID(int=20),
    first_batch_days=40,
    cadence_days=17,
    changeover_days=3,
    modalities=("monoclonal_antibody",),
    platforms=("CHO",),
    gmp_phases=("phase_1", "phase_2"),
    working_volume_l=2000.0,
    terms={"monoclonal_antibody": TERMS},
)

A_REQUEST = RequestFacts(
    request_id=UUID(int=30),
    organisation_id=UUID(int=31),
    modality="monoclonal_antibody",
    gmp_phase=GmpPhase.PHASE_1,
    earliest_on=TODAY,
    latest_delivery_on=TODAY + timedelta(days=365),
    batches=1,
)


def day(offset: int) -> date:
    """Return the day so many days after TODAY."""
    return TODAY + timedelta(days=offset)


def span(start: int, end: int) -> Span:
    """Return the days [start, end) after TODAY."""
    return Span(day(start), day(end))


A_SLOT = SlotFacts(slot_id=SLOT, unit_id=UNIT, period=span(0, 120))


def unit_with(offer: dict[str, Any] | None = None, **given: Any) -> UnitFacts:
    """Return the unit with other facts; `offer` changes its terms for the modality."""
    terms = {TERMS.modality: replace(TERMS, **(offer or {}))}
    return replace(A_UNIT, **({"terms": terms} | given))


def judged(
    request: RequestFacts = A_REQUEST,
    unit: UnitFacts = A_UNIT,
    slot: SlotFacts = A_SLOT,
    policy: MatchPolicy = DIRECT,
) -> Match:
    """Match one slot as of TODAY."""
    return match(request, unit, [slot], TODAY, policy)


def codes(found: Match) -> list[ReasonCode]:
    """Return the codes of all reasons, in order."""
    return [reason.code for reason in found.reasons]


def only_option(found: Match) -> Option:
    """Return the one option; there must be one."""
    (option,) = found.options
    return option
