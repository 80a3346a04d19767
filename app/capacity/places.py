"""One slot with all that a booking in it is judged by."""

from datetime import date
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from app.capacity import facts_repository
from app.capacity.directory import Directory, with_directory
from app.capacity.facts import slot_of
from app.capacity.models import Slot, SlotStatus
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.core.driver import Driver

PLACE, PLACE_AS_IF_FREE = facts_repository.PLACE, facts_repository.PLACE_AS_IF_FREE
"""The statements of what a place is made of: to be run `Together` with another, by whoever needs both."""
PlaceRow: TypeAlias = list[Any]
"""What it returns."""


class Place(NamedTuple):
    """A slot, a plain row, with the facts of its unit, and its own if it is published."""

    slot: Slot
    unit: UnitFacts
    facts: SlotFacts | None


async def place_facts(driver: Driver, slot_id: UUID) -> Place | None:
    """Return what `unit_facts` and `slot_facts` tell of one slot, in one query; None if there is no such slot.

    Of what occupies it, days that follow on each other are told as one span.
    """

    async def ask(_: Directory) -> tuple[UUID | None, PlaceRow | None]:
        found = await PLACE.one(driver, {"slot_id": slot_id})
        return state_of_row(found), found

    directory, found = await with_directory(driver, ask)
    return place_of_row(directory, found)


def state_of_row(found: PlaceRow | None) -> UUID | None:
    """Return the name of the state of the catalogue in which the row of a place was read; None without one.

    None for a draft too, which takes as many statements as a slot that is not there: nobody is told of one.
    """
    return found[-1] if found and found[0].status is not SlotStatus.DRAFT else None


def place_of_row(directory: Directory, found: PlaceRow | None) -> Place | None:
    """Return what the row of a place tells, in the state of the catalogue that it names; None without one."""
    if found is None:
        return None
    slot, cap_cents, busy, _ = found
    spans = tuple(Span(date.fromisoformat(first), date.fromisoformat(end)) for first, end in busy or ())
    facts = slot_of(slot, cap_cents, spans) if slot.status is SlotStatus.PUBLISHED else None
    return Place(slot, directory.units[slot.unit_id].facts, facts)
