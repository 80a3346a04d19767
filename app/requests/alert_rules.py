"""Which slots a start-up may be told of, and which of them it had before: pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from app.capacity.rules import effective_reserve
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.core.vocabulary import Reserve
from app.matching.facts import RequestFacts
from app.matching.match import options

MOST_ALERTS = 100
"""Of one organisation."""


def is_open_to(slot: SlotFacts, *, french_startup: bool, day: date) -> bool:
    """Tell whether a slot's reserve lets a start-up book in it on a day, were it to accept a recall."""
    reserve = effective_reserve(slot.reserve, slot.releases_on, day)
    if reserve is Reserve.STARTUP:
        return french_startup
    return reserve is Reserve.OPEN or slot.lendable


def serves_anew(request: RequestFacts, unit: UnitFacts, slot: SlotFacts, opened: Sequence[Span], day: date) -> bool:
    """Tell whether a slot can serve a request today, and could not before some days of it opened; none: it all did."""
    if not options(request, unit, [slot], day):
        return False
    before = replace(slot, busy=(*slot.busy, *opened))
    return not opened or not options(request, unit, [before], day)
