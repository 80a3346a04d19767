"""Where a booking that gives way could go instead: never earlier than planned, and only where it can really run.

Pure. Technology transfer and the engineering batch count for a replacement as for any other campaign.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from app.capacity.supply import SlotFacts, UnitFacts
from app.core.vocabulary import Reserve
from app.crisis.declaration import CrisisRules
from app.crisis.rules import BookingFacts, Tier
from app.matching.facts import FeasibilityFacts, QualificationFacts, RequestFacts
from app.matching.match import options
from app.matching.outcome import Option
from app.matching.policy import ROUND


@dataclass(frozen=True, slots=True)
class Movable:
    """A booking that may be asked to give way from a tier on, with the places that it could move to.

    `notice_days` is the notice that it has to have where it gives way by its own clause.
    """

    booking: BookingFacts
    tier: Tier
    places: tuple[Option, ...]
    notice_days: int | None = None


def moved_request(request: RequestFacts, booking: BookingFacts, unit: UnitFacts, rules: CrisisRules) -> RequestFacts:
    """Return a booked request as it would be placed anew.

    It starts no earlier than planned, and may be delivered later than first asked, up to the rules' limit. At its
    present line it is feasible, and the transfer to its site is done by the day it was to start; money is not its
    owner's concern.
    """
    latest = max(request.latest_delivery_on, booking.delivery_on) + timedelta(days=rules.max_delay_days)
    return replace(
        request,
        earliest_on=booking.start_on,
        latest_delivery_on=latest,
        budget_cents=None,
        accepts_recallable=False,
        qualifications=(*request.qualifications, QualificationFacts(unit.site_id)),
        feasibilities={**request.feasibilities, unit.line_id: FeasibilityFacts(unit.line_id, feasible=True)},
    )


def places_for(
    booking: BookingFacts,
    request: RequestFacts,
    units: Mapping[UUID, UnitFacts],
    slots: Mapping[UUID, Iterable[SlotFacts]],
    *,
    rules: CrisisRules,
    as_of_on: date,
) -> tuple[Option, ...]:
    """Return the places that are free today to which a booking could move; slots kept for crises are not offered.

    They are free as things stand, so that a move never waits for another booking's.
    """
    wanted = moved_request(request, booking, units[booking.unit_id], rules)
    found: list[Option] = []
    for unit in units.values():
        if wanted.modality not in unit.modalities:
            continue
        offered = [slot for slot in slots.get(unit.unit_id, ()) if slot.reserve is not Reserve.CRISIS]
        found += options(wanted, unit, offered, as_of_on, ROUND)
    return tuple(found)
