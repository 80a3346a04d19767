"""Rules between a campaign and one slot: its reserve, its length, its dates, what occupies it, its price."""

from collections.abc import Iterable, Iterator

from app.core.vocabulary import Reserve
from app.matching.campaign import shift
from app.matching.facts import ModalityTerms, RequestFacts, SlotFacts, Span
from app.matching.outcome import Price, Reason, ReasonCode, StartWindow, Terms


def occupancy_days(slot: SlotFacts, terms: Terms) -> int:
    """Return the days a campaign takes from a slot: all of them where it cannot be divided."""
    return terms.duration_days if slot.divisible else slot.period.days


def gaps(period: Span, busy: Iterable[Span]) -> Iterator[Span]:
    """Yield the free stretches of a period, in order; what is busy may overlap and come in any order."""
    free_from = period.start_on
    for taken in sorted(busy):
        if taken.end_on <= free_from:
            continue
        if taken.start_on >= period.end_on:
            break
        if taken.start_on > free_from:
            yield Span(free_from, taken.start_on)
        free_from = taken.end_on
    if free_from < period.end_on:
        yield Span(free_from, period.end_on)


def start_windows(slot: SlotFacts, terms: Terms) -> tuple[StartWindow, ...]:
    """Return the days on which the campaign may start in the slot, inside its free stretches, in order."""
    duration = occupancy_days(slot, terms)
    windows = []
    for free in gaps(slot.period, slot.busy):
        first = max(free.start_on, terms.earliest_start_on)
        last = min(shift(free.end_on, -duration), terms.latest_start_on)
        if first <= last and (slot.divisible or first == slot.period.start_on):
            windows.append(StartWindow(first, last))
    return tuple(windows)


def reserve_reasons(request: RequestFacts, slot: SlotFacts, days: int, reserve: Reserve) -> Iterator[Reason]:
    """Yield what the slot's reserve says against so many days in it for the request."""
    if reserve is Reserve.STARTUP and not request.french_startup:
        yield Reason(ReasonCode.RESERVED_FOR_STARTUPS, request.country, slot.releases_on, slot.slot_id)
    if reserve is not Reserve.CRISIS:
        return
    if not slot.lendable:
        yield Reason(ReasonCode.RESERVED_FOR_CRISES, slot_id=slot.slot_id)
        return
    if not request.accepts_recallable:
        yield Reason(ReasonCode.RECALLABLE_NOT_ACCEPTED, offered=slot.recall_notice_days, slot_id=slot.slot_id)
    if slot.max_lent_days is not None and days > slot.max_lent_days:
        yield Reason(ReasonCode.LENT_TOO_LONG, days, slot.max_lent_days, slot.slot_id)


def fit_reasons(slot: SlotFacts, terms: Terms) -> Iterator[Reason]:
    """Yield why the campaign finds no free place in the slot.

    Dates are compared only where the line has any to offer, and starts only where the slot is long enough.
    """
    too_short = terms.duration_days > slot.period.days
    if too_short:
        yield Reason(ReasonCode.SLOT_TOO_SHORT, terms.duration_days, slot.period.days, slot.slot_id)
    if terms.earliest_start_on > terms.latest_start_on:
        return
    duration = occupancy_days(slot, terms)
    last = shift(slot.period.end_on, -duration)
    if slot.period.start_on > terms.latest_start_on:
        yield Reason(ReasonCode.SLOT_TOO_LATE, terms.latest_start_on, slot.period.start_on, slot.slot_id)
    elif too_short:
        return
    elif last < terms.earliest_start_on:
        yield Reason(ReasonCode.SLOT_TOO_EARLY, terms.earliest_start_on, last, slot.slot_id)
    elif not start_windows(slot, terms):
        yield Reason(ReasonCode.SLOT_TAKEN, duration, _longest_free_days(slot, terms), slot.slot_id)


def _longest_free_days(slot: SlotFacts, terms: Terms) -> int:
    """Return the longest free stretch between the first start and the end of the last one."""
    duration = occupancy_days(slot, terms)
    first = max(slot.period.start_on, terms.earliest_start_on)
    last = min(shift(slot.period.end_on, -duration), terms.latest_start_on)
    return max((free.days for free in gaps(Span(first, shift(last, duration)), slot.busy)), default=0)


def price_reasons(
    request: RequestFacts, slot: SlotFacts, offer: ModalityTerms, price: Price | None
) -> Iterator[Reason]:
    """Yield what the price of the package, or its absence, says against the request."""
    if price is None:
        yield Reason(ReasonCode.PRICE_UNKNOWN, offer.modality, slot_id=slot.slot_id)
    elif request.budget_cents is not None and price.package_cents > request.budget_cents:
        yield Reason(ReasonCode.OVER_BUDGET, request.budget_cents, price.package_cents, slot.slot_id)
