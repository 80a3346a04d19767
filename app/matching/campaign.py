"""How a request would run on a line: batches, days, and the bounds of its start."""

import math
from collections.abc import Iterator
from datetime import date

from app.matching.facts import ModalityTerms, RequestFacts, UnitFacts
from app.matching.outcome import Reason, ReasonCode, Terms
from app.matching.technical import standing_answer

ROUNDING = 1e-9
"""Share of a batch that is a rounding error of floating point, not a need for one more."""


MOST_BATCHES = 10**9
"""What a quantity is worth at most: beyond, all that matters is that no line has the time."""


def shift(day: date, days: int) -> date:
    """Return the day so many days later, held within the calendar."""
    ordinal = min(max(day.toordinal() + days, date.min.toordinal()), date.max.toordinal())
    return date.fromordinal(ordinal)


def batches_needed(request: RequestFacts, offer: ModalityTerms) -> int | Reason:
    """Return the number of batches, a quantity being converted by the line's yield, or why it cannot be told."""
    if request.batches is not None:
        return request.batches
    asked = f"{request.quantity:g} {request.quantity_unit}"
    if request.quantity is None or offer.yield_per_batch is None or offer.yield_unit is None:
        return Reason(ReasonCode.YIELD_UNKNOWN, asked)
    if request.quantity_unit != offer.yield_unit:
        return Reason(ReasonCode.YIELD_UNIT, asked, f"{offer.yield_per_batch:g} {offer.yield_unit}")
    exact = request.quantity / offer.yield_per_batch
    return max(1, math.ceil(min(exact * (1 - ROUNDING), MOST_BATCHES)))


def is_transferred(request: RequestFacts, unit: UnitFacts) -> bool:
    """Tell whether the product is established at the site, at this line's scale."""
    return any(_holds(one.site_id == unit.site_id, one.volume_l, unit) for one in request.qualifications)


def is_engineered(request: RequestFacts, unit: UnitFacts) -> bool:
    """Tell whether an engineering run or a released lot exists at the site, at this line's scale."""
    return any(
        one.engineered and _holds(one.site_id == unit.site_id, one.volume_l, unit) for one in request.qualifications
    )


def _holds(here: bool, volume_l: float | None, unit: UnitFacts) -> bool:  # noqa: FBT001
    """Tell whether a qualification covers the line; one of a stated scale covers no line of unknown scale."""
    if not here or volume_l is None:
        return here
    return unit.working_volume_l is not None and unit.working_volume_l <= volume_l


def production_days(unit: UnitFacts, batches: int, engineering_batches: int) -> int:
    """Return the days from the first day of a campaign to the end of its last batch.

    Engineering batches come first, one at a time; then as many batches run at once as the unit allows. Each start
    follows the one before by the cadence, or by a whole batch where no cadence is known.
    """
    starts = engineering_batches + math.ceil(batches / unit.batches_in_parallel)
    return unit.first_batch_days + (starts - 1) * (unit.cadence_days or unit.first_batch_days)


def plan_campaign(request: RequestFacts, unit: UnitFacts, as_of_on: date) -> Terms | Reason | None:
    """Return how the request would run here, or why that cannot be told; None where the line has no such terms."""
    offer = unit.terms.get(request.modality)
    if offer is None or request.modality not in unit.modalities:
        return None
    batches = batches_needed(request, offer)
    if isinstance(batches, Reason):
        return batches
    engineering = int(unit.engineering_batch_required and not is_engineered(request, unit))
    production = production_days(unit, batches, engineering)
    transfer = 0 if is_transferred(request, unit) else unit.transfer_days
    answer = standing_answer(request, unit, as_of_on)
    earliest = max(request.earliest_on, shift(as_of_on, transfer), unit.commissioned_on or date.min)
    return Terms(
        batches=batches,
        engineering_batches=engineering,
        production_days=production,
        changeover_days=unit.changeover_days,
        release_days=offer.release_days,
        transfer_days=transfer,
        earliest_start_on=earliest,
        latest_start_on=shift(request.latest_delivery_on, -production - offer.release_days),
        is_standard=offer.is_standard,
        is_reviewed=answer is not None and bool(answer.feasible) and answer.condition is None,
    )


def date_reasons(request: RequestFacts, unit: UnitFacts, terms: Terms, as_of_on: date) -> Iterator[Reason]:
    """Yield each cause that alone puts the first possible start after the last one that delivers in time."""
    last = terms.latest_start_on
    if request.earliest_on > last:
        asked = (request.latest_delivery_on - request.earliest_on).days
        yield Reason(ReasonCode.TIME_TOO_SHORT, asked, terms.production_days + terms.release_days)
    if as_of_on > last:
        yield Reason(ReasonCode.TOO_LATE, last, as_of_on)
    if unit.commissioned_on is not None and unit.commissioned_on > last:
        yield Reason(ReasonCode.COMMISSIONING, last, unit.commissioned_on)
    if terms.transfer_days and shift(as_of_on, terms.transfer_days) > last:
        yield Reason(ReasonCode.TRANSFER, last, shift(as_of_on, terms.transfer_days))
