"""How requests find a place: at once on the open market, or in a round by the allocation engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from app.allocation.planner import Entry, Supply, build_problem, match_policy, options_of
from app.allocation.policy import RoundPolicy
from app.bookings.fees import terms_of
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.core.vocabulary import Reserve
from app.matching.facts import RequestFacts
from app.matching.match import options
from app.matching.outcome import Option
from app.matching.policy import DIRECT, MatchPolicy
from app.matching.pricing import batch_price_cents
from scheduler.solve import solve
from seed.identifiers import identifier
from seed.simulation.calendar import Calendar, Place

OBJECTIVES = ("weight:1", "weight:2", "weight:3", "delay")
"""Of a round: tier by tier the greatest weight, then the earliest deliveries."""

STEP = timedelta(days=60)
ROUND_POLICY = RoundPolicy(version="simulation/1", objectives=OBJECTIVES)
AT_ONCE, IN_ROUNDS = frozenset({Reserve.OPEN, Reserve.CRISIS}), frozenset({Reserve.STARTUP})
"""The start-up reserve is given out in rounds alone, until it is released."""


class Found(NamedTuple):
    """An option, and the day on which the campaign starts."""

    option: Option
    start_on: date


def at_once(request: RequestFacts, calendar: Calendar, units: Sequence[UUID], day: date) -> Found | None:
    """The earliest place outside the start-up reserve; None if there is none."""
    return _earliest(_Search(request, calendar, units, day, AT_ONCE, DIRECT), day + calendar.published_ahead)


def awaits_round(request: RequestFacts, calendar: Calendar, units: Sequence[UUID], day: date, before: date) -> bool:
    """Whether the start-up reserve has a place today that starts before a day, for which a round is worth awaiting."""
    search = _Search(request, calendar, units, day, IN_ROUNDS, match_policy(ROUND_POLICY))
    return _earliest(search, before) is not None


class _Search(NamedTuple):
    request: RequestFacts
    calendar: Calendar
    units: Sequence[UUID]
    day: date
    reserves: frozenset[Reserve]
    policy: MatchPolicy


def _earliest(search: _Search, before: date) -> Found | None:
    """The earliest start before a day, on the best-ranked of the options of that start; None if there is none.

    Slots are looked at from the first day that would do onwards, further and further: what begins later than a place
    found so far is no earlier.
    """
    request, calendar, units, day, reserves, policy = search
    first = max(day, request.earliest_on)
    seen = first
    while seen < before:
        seen = min(seen + STEP, before)
        supply = calendar.supply(day, units, reserves=reserves, over=Span(first, seen))
        found = options_of(request, calendar.with_room(supply, first), day, policy)
        best = min(found, key=lambda option: (option.earliest_start_on, option.rank, option.slot_id), default=None)
        if best is not None and best.earliest_start_on < seen:
            return Found(best, best.earliest_start_on)
    return None


def in_a_round(entries: Sequence[Entry], calendar: Calendar, day: date, budget: float) -> dict[UUID, Found]:
    """The places that a round gives, by request: in every reserve that its rules open to a request."""
    supply = calendar.with_room(calendar.supply(day, calendar.units), day)
    hopeful = [entry for entry in entries if _has_option(entry.request, supply, day)]
    if not hopeful:
        return {}
    used = {unit_id: slots for unit_id, slots in supply.slots.items() if slots}
    problem = build_problem(hopeful, Supply(supply.units, used), ROUND_POLICY, day).problem
    placed = solve(problem, seed=ROUND_POLICY.seed, workers=1, budget=budget).placed
    asked = {str(entry.request.request_id): entry.request for entry in hopeful}
    found: dict[UUID, Found] = {}
    for one in placed:
        slot, request = calendar.slot(UUID(one.window)), asked[one.demand]
        (option,) = options(request, calendar.units[slot.unit_id], [slot], day, match_policy(ROUND_POLICY))
        found[request.request_id] = Found(option, day + timedelta(days=one.start))
    return found


def _has_option(request: RequestFacts, supply: Supply, day: date) -> bool:
    """Whether there is any option; it looks no further than the first line that has one."""
    policy = match_policy(ROUND_POLICY)
    return any(options(request, unit, slots, day, policy) for unit, slots in supply.making(request.modality))


def place_of(found: Found, modality: str, calendar: Calendar, day: date, *, number: int, turn: int) -> Place:
    """The booking of a place; `turn` tells the bookings of a request apart."""
    option, start = found
    unit, slot = calendar.units[option.unit_id], calendar.slot(option.slot_id)
    end = start + timedelta(days=option.duration_days)
    return Place(
        booking_id=identifier("simulated-booking", number, turn),
        slot_id=option.slot_id,
        unit_id=option.unit_id,
        start_on=start,
        end_on=end,
        produced_on=start + timedelta(days=option.terms.production_days),
        delivery_on=end + timedelta(days=option.lag_days),
        batches=option.terms.batches,
        terms=terms_of(
            option.price,
            modality,
            instant=option.instant,
            cdmo_cancellation_percent=option.cdmo_cancellation_percent,
        ),
        listed_cents=_listed_cents(unit, slot, option, modality),
        recallable=option.recallable,
        booked_on=day,
        number=number,
    )


def _listed_cents(unit: UnitFacts, slot: SlotFacts, option: Option, modality: str) -> int:
    """What the campaign costs on the open market."""
    each = batch_price_cents(unit.terms[modality], slot, Reserve.OPEN) or 0
    return each * (option.terms.batches + option.terms.engineering_batches)
