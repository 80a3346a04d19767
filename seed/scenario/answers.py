"""What CDMOs say of requests on their lines, and for which modalities a line needs no such word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from app.requests.models import FeasibilityRefusal, FeasibilityStatus, RequestStatus
from seed.fleet import Place
from seed.identifiers import identifier
from seed.rows import FeasibilityRow, LineModalityRow
from seed.scenario.chance import Chance
from seed.scenario.demand import Asked
from seed.scenario.profiles import CONDITIONS

_STANDARD_SHARE = 0.12
_STANDARD_SERVICES = {"fill_finish": 0.5, "plasmid_dna": 0.5, "cell_virus_banking": 0.4}
_MOST_LINES_ASKED = 10
_STATUSES = (
    (FeasibilityStatus.FEASIBLE, 75.0),
    (FeasibilityStatus.FEASIBLE_IF, 11.0),
    (FeasibilityStatus.NOT_FEASIBLE, 8.0),
    (FeasibilityStatus.ASKED, 6.0),
)
_REFUSALS = (
    FeasibilityRefusal.SCALE,
    FeasibilityRefusal.EQUIPMENT,
    FeasibilityRefusal.ANALYTICS,
    FeasibilityRefusal.RAW_MATERIAL,
    FeasibilityRefusal.CAPACITY,
)


def with_standards(chance: Chance, terms: Iterable[LineModalityRow]) -> tuple[LineModalityRow, ...]:
    """The terms of all lines, some of them declared standard: services most often."""
    return tuple(
        replace(row, is_standard=chance.happens(_STANDARD_SERVICES.get(row.modality, _STANDARD_SHARE))) for row in terms
    )


def answers(chance: Chance, asked: Asked, as_of: date) -> Iterator[FeasibilityRow]:
    """The answers on the lines where a start-up has asked: those that it prefers, and some others that could do it."""
    preferred = [place for place in asked.candidates if place.site.id in asked.request.sites_preferred]
    others = [place for place in asked.candidates if place not in preferred]
    excluded = asked.request.sites_excluded
    places = [place for place in (*preferred, *chance.sample(others, len(others))) if place.site.id not in excluded]
    for place in places[:_MOST_LINES_ASKED]:
        if asked.request.status is RequestStatus.BOOKED:
            yield _answer(chance, asked, place, FeasibilityStatus.FEASIBLE, as_of)
        elif chance.happens(0.94):
            yield _answer(chance, asked, place, chance.weighted(_STATUSES), as_of)


def _answer(chance: Chance, asked: Asked, place: Place, status: FeasibilityStatus, as_of: date) -> FeasibilityRow:
    request = asked.request
    waiting = (as_of - request.submitted_at.date()).days
    answered = status is not FeasibilityStatus.ASKED
    after = timedelta(days=chance.integer(0, max(0, waiting - 1)), hours=3)
    return FeasibilityRow(
        id=identifier("feasibility", request.id, place.line.id),
        request_id=request.id,
        line_id=place.line.id,
        disclosed_summary=(
            f"{asked.product.modality.replace('_', ' ')}, {asked.product.platform or 'no expression platform'}, "
            f"{request.gmp_phase.value.replace('_', ' ')}"
        ),
        nda_reference=f"NDA-{request.id.hex[:8].upper()}",
        consented_at=request.submitted_at,
        status=status,
        condition=chance.pick(CONDITIONS) if status is FeasibilityStatus.FEASIBLE_IF else None,
        reason_code=chance.pick(_REFUSALS) if status is FeasibilityStatus.NOT_FEASIBLE else None,
        answered_at=request.submitted_at + after if answered else None,
        valid_until_on=as_of + timedelta(days=chance.integer(120, 720)) if answered else None,
    )
