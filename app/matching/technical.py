"""Rules between a request and a line that no date can change: what it can make, at what scale, for whom, where.

Unknown is not eligible, and says so. Each rule yields the reasons it finds, and knows nothing of the others.
"""

from collections.abc import Callable, Iterator
from datetime import date

from app.core.vocabulary import Containment
from app.matching.facts import FeasibilityFacts, RequestFacts, UnitFacts
from app.matching.outcome import Reason, ReasonCode
from app.matching.policy import MatchPolicy

UNKNOWN = "unknown"
BIOSAFETY_LEVELS = (Containment.BSL_1, Containment.BSL_2, Containment.BSL_3, Containment.BSL_4)
"""Each level contains those before it."""

Rule = Callable[[RequestFacts, UnitFacts], Iterator[Reason]]


def _is_unknown(values: tuple[str, ...]) -> bool:
    return not values or UNKNOWN in values


def _bookable(_: RequestFacts, unit: UnitFacts) -> Iterator[Reason]:
    if unit.not_bookable_reason is not None:
        yield Reason(ReasonCode.NOT_BOOKABLE, offered=unit.not_bookable_reason)


def _modality(request: RequestFacts, unit: UnitFacts) -> Iterator[Reason]:
    if request.modality not in unit.modalities:
        yield Reason(ReasonCode.MODALITY, request.modality, unit.modalities)
    elif request.modality not in unit.terms:
        yield Reason(ReasonCode.TERMS_UNKNOWN, request.modality)


def _authorisation(request: RequestFacts, unit: UnitFacts) -> Iterator[Reason]:
    if unit.site_modalities and request.modality not in unit.site_modalities:
        yield Reason(ReasonCode.AUTHORISATION_MODALITY, request.modality, unit.site_modalities)
    if unit.site_gmp_phases and request.gmp_phase not in unit.site_gmp_phases:
        yield Reason(ReasonCode.AUTHORISATION_PHASE, request.gmp_phase.value, unit.site_gmp_phases)


def _gmp_phase(request: RequestFacts, unit: UnitFacts) -> Iterator[Reason]:
    if request.gmp_phase in unit.gmp_phases:
        return
    if _is_unknown(unit.gmp_phases):
        yield Reason(ReasonCode.GMP_PHASE_UNKNOWN, request.gmp_phase.value)
    else:
        yield Reason(ReasonCode.GMP_PHASE, request.gmp_phase.value, unit.gmp_phases)


def _platform(request: RequestFacts, unit: UnitFacts) -> Iterator[Reason]:
    if request.platform is None or request.platform in unit.platforms:
        return
    if _is_unknown(unit.platforms):
        yield Reason(ReasonCode.PLATFORM_UNKNOWN, request.platform)
    else:
        yield Reason(ReasonCode.PLATFORM, request.platform, unit.platforms)


def contained(needs: tuple[str, ...], offered: tuple[str, ...]) -> tuple[str, ...]:
    """Return the needs that `offered` does not meet; a biosafety level meets those below it."""
    reached = 1 + max((rank for rank, level in enumerate(BIOSAFETY_LEVELS) if level in offered), default=-1)
    return tuple(need for need in needs if need not in offered and need not in BIOSAFETY_LEVELS[:reached])


def _containment(request: RequestFacts, unit: UnitFacts) -> Iterator[Reason]:
    missing = contained(request.containment, unit.containment)
    if not missing:
        return
    if _is_unknown(unit.containment):
        yield Reason(ReasonCode.CONTAINMENT_UNKNOWN, missing)
    else:
        yield Reason(ReasonCode.CONTAINMENT, missing, unit.containment)


def _volume(request: RequestFacts, unit: UnitFacts) -> Iterator[Reason]:
    low, high, offered = request.volume_min_l, request.volume_max_l, unit.working_volume_l
    if offered is None:
        if low is not None or high is not None:
            yield Reason(ReasonCode.VOLUME_UNKNOWN, low if low is not None else high)
    elif low is not None and offered < low:
        yield Reason(ReasonCode.VOLUME_TOO_SMALL, low, offered)
    elif high is not None and offered > high:
        yield Reason(ReasonCode.VOLUME_TOO_LARGE, high, offered)


def _place(request: RequestFacts, unit: UnitFacts) -> Iterator[Reason]:
    if unit.country != "FR" and not request.accepts_europe:
        yield Reason(ReasonCode.COUNTRY, "FR", unit.country)
    if unit.site_id in request.sites_excluded:
        yield Reason(ReasonCode.SITE_EXCLUDED, offered=unit.site_name)


RULES: tuple[Rule, ...] = (
    _bookable,
    _modality,
    _authorisation,
    _gmp_phase,
    _platform,
    _containment,
    _volume,
    _place,
)


def technical_reasons(request: RequestFacts, unit: UnitFacts) -> Iterator[Reason]:
    """Yield what stands between the request and the line at any date and price."""
    for rule in RULES:
        yield from rule(request, unit)


def standing_answer(request: RequestFacts, unit: UnitFacts, as_of_on: date) -> FeasibilityFacts | None:
    """Return the CDMO's answer on this line if it has given one that still holds."""
    answer = request.feasibilities.get(unit.line_id)
    if answer is None or answer.feasible is None:
        return None
    ended = answer.valid_until_on is not None and answer.valid_until_on < as_of_on
    return None if ended else answer


def feasibility_reasons(
    request: RequestFacts, unit: UnitFacts, as_of_on: date, policy: MatchPolicy
) -> Iterator[Reason]:
    """Yield what the CDMO's word, or its absence, says against the request on this line."""
    standing = standing_answer(request, unit, as_of_on)
    if standing is not None:
        if not standing.feasible:
            yield Reason(ReasonCode.NOT_FEASIBLE, offered=standing.refusal_code)
        return
    terms = unit.terms.get(request.modality)
    if not policy.feasibility_required or (terms is not None and terms.is_standard):
        return
    given = request.feasibilities.get(unit.line_id)
    if given is not None and given.feasible is not None:
        yield Reason(ReasonCode.FEASIBILITY_EXPIRED, as_of_on, given.valid_until_on)
    else:
        yield Reason(ReasonCode.FEASIBILITY_MISSING, offered="asked" if given is not None else None)
