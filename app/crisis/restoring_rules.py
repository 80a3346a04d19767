"""Who is offered a place back first, on which days, and what of the compensation is kept by who takes it.

Pure. Days are half-open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.capacity.supply import Span
from app.crisis.declaration import CrisisRules, Turn
from app.matching.slots import gaps


class Unavailable(StrEnum):
    """Why a place is not offered back, beside what the calendar itself refuses."""

    DAYS_PAST = "days_past"
    DAYS_TAKEN = "days_taken"
    SLOT_GONE = "slot_gone"
    REPLACEMENT_STARTED = "replacement_started"
    SERVED_ELSEWHERE = "served_elsewhere"
    NOT_WANTED = "not_wanted"


@dataclass(frozen=True, slots=True)
class Displaced:
    """What the turn of a displaced booking goes by."""

    displacement_id: UUID
    priority_tier: int
    displaced_at: datetime
    start_on: date


def in_turn(displaced: Iterable[Displaced], rules: CrisisRules) -> list[Displaced]:
    """Return the displaced in the order in which they are offered their places back, the same whoever asks."""

    def turn(one: Displaced) -> tuple[Any, ...]:
        by = {
            Turn.PRIORITY_TIER: one.priority_tier,
            Turn.DISPLACED_AT: one.displaced_at,
            Turn.START: one.start_on,
        }
        return (*(by[name] for name in rules.restoration_order), one.displacement_id)

    return sorted(displaced, key=turn)


def place_back(own: Span, slot: Span, busy: Sequence[Span], today: date, *, divisible: bool) -> Span | None:
    """Return the days that a displaced booking can have in its slot, or None.

    Its own days if all of them are free; else as many from the first day of its own on which they are, for a lot is
    made in one go. A slot that is taken whole gives its whole back, or nothing.
    """
    for free in gaps(slot, busy):
        start_on = max(own.start_on, free.start_on, today)
        end_on = start_on + timedelta(days=own.days)
        if start_on < own.end_on and end_on <= free.end_on:
            found = Span(start_on, end_on)
            return found if divisible or found == own else None
    return None


def why_none(own: Span, slot: Span, busy: Sequence[Span], today: date, *, divisible: bool) -> Unavailable:
    """Return why a displaced booking can have no days of its slot: too many have passed, or others have them."""
    if own.end_on <= today or place_back(own, slot, busy, own.start_on, divisible=divisible) is not None:
        return Unavailable.DAYS_PAST
    return Unavailable.DAYS_TAKEN


def returned_cents(rules: CrisisRules, paid_cents: int) -> int:
    """Return what of a compensation is owed back by who takes its place back; the share kept is rounded up."""
    return paid_cents * (100 - rules.restored_compensation_percent) // 100
