"""The calendars of a simulated year while it is played: what is published, and what is booked in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from app.allocation.planner import Supply
from app.bookings.fees import BookingTerms
from app.capacity.rules import effective_reserve
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.core.vocabulary import Reserve
from app.matching.slots import gaps
from scheduler.problem import Fixed, Problem, Window
from scheduler.verify import fixed_conflicts


class OverBooked(Exception):
    """Two bookings share days of a unit, or one leaves its slot: the simulation is wrong."""


@dataclass(frozen=True, slots=True)
class Place:
    """Days [start_on, end_on) in a slot, changeover included, and what was agreed when they were taken.

    Attributes
    ----------
    number
        The request; None for a campaign of a crisis.
    produced_on
        The day after production, before the changeover.
    listed_cents
        The price without any reserve's discount or cap.
    """

    booking_id: UUID
    slot_id: UUID
    unit_id: UUID
    start_on: date
    end_on: date
    produced_on: date
    delivery_on: date
    batches: int
    terms: BookingTerms | None
    listed_cents: int
    recallable: bool
    booked_on: date
    number: int | None
    displaced_on: date | None = None

    @property
    def span(self) -> Span:
        """Its days."""
        return Span(self.start_on, self.end_on)


class Calendar:
    """Slots under a policy, and the bookings in them.

    Parameters
    ----------
    published_ahead_days
        How far ahead of its start a slot can be seen.
    """

    def __init__(self, slots: Iterable[SlotFacts], units: Mapping[UUID, UnitFacts], published_ahead_days: int) -> None:
        self.units = units
        self.bookings: dict[UUID, Place] = {}
        self.published_ahead = timedelta(days=published_ahead_days)
        self._slots: dict[UUID, SlotFacts] = {slot.slot_id: slot for slot in slots}
        self._in: defaultdict[UUID, dict[UUID, Span]] = defaultdict(dict)
        self._of_unit: defaultdict[UUID, list[UUID]] = defaultdict(list)
        for slot in sorted(self._slots.values(), key=lambda slot: slot.period):
            self._of_unit[slot.unit_id].append(slot.slot_id)

    @property
    def slots(self) -> Iterable[SlotFacts]:
        """All slots, with what is booked in them."""
        return self._slots.values()

    def slot(self, slot_id: UUID) -> SlotFacts:
        """A slot, with what is booked in it."""
        return self._slots[slot_id]

    def supply(
        self,
        day: date,
        units: Iterable[UUID],
        *,
        reserves: frozenset[Reserve] = frozenset(Reserve),
        over: Span | None = None,
    ) -> Supply:
        """What of these units is published on a day, is not over, and is under the rules of one of the reserves.

        Parameters
        ----------
        over
            Slots with at least a day in it; None: any.
        """
        first = day if over is None else max(day, over.start_on)
        last = day + self.published_ahead if over is None else min(day + self.published_ahead, over.end_on)
        listed: dict[UUID, Sequence[SlotFacts]] = {
            unit_id: [
                slot
                for slot_id in self._of_unit[unit_id]
                if (slot := self._slots[slot_id]).period.start_on < last
                and slot.period.end_on > first
                and effective_reserve(slot.reserve, slot.releases_on, day) in reserves
            ]
            for unit_id in units
        }
        return Supply({unit_id: self.units[unit_id] for unit_id in listed}, listed)

    def with_room(self, supply: Supply, day: date) -> Supply:
        """The same without slots in whose free stretches, from the day on, not one batch would fit."""
        roomy: dict[UUID, Sequence[SlotFacts]] = {
            unit_id: [slot for slot in slots if _has_room(slot, day, supply.units[unit_id].first_batch_days)]
            for unit_id, slots in supply.slots.items()
        }
        return Supply(supply.units, roomy)

    def book(self, place: Place) -> None:
        """Take a place."""
        self.bookings[place.booking_id] = place
        self._in[place.slot_id][place.booking_id] = place.span
        self._renew(place.slot_id)

    def free(self, booking_id: UUID) -> Place:
        """Give a place up."""
        place = self.bookings.pop(booking_id)
        del self._in[place.slot_id][booking_id]
        self._renew(place.slot_id)
        return place

    def _renew(self, slot_id: UUID) -> None:
        self._slots[slot_id] = replace(self._slots[slot_id], busy=tuple(sorted(self._in[slot_id].values())))

    def stop_lending(self) -> None:
        """Lend nothing more: what is lent stays, under its notice."""
        for slot_id, slot in self._slots.items():
            if slot.lendable:
                self._slots[slot_id] = replace(slot, lendable=False)

    def lend_again(self, lendable: frozenset[UUID]) -> None:
        """Lend these slots again."""
        for slot_id in lendable:
            self._slots[slot_id] = replace(self._slots[slot_id], lendable=True)

    def used_days(self, over: Span) -> Iterator[tuple[SlotFacts, int, int]]:
        """Each slot with its days within a period, and how many of them are booked."""
        for slot in self._slots.values():
            days = _common(slot.period, over)
            if days:
                yield slot, days, sum(_common(span, over) for span in slot.busy)

    def check(self, origin: date) -> None:
        """Make sure, by the engine's checker, that every unit runs one campaign at a time, inside its slots.

        Raises
        ------
        OverBooked
            Names the first fault.
        """

        def day(on: date) -> int:
            return (on - origin).days

        windows = tuple(
            Window(str(slot.slot_id), str(slot.unit_id), day(slot.period.start_on), day(slot.period.end_on))
            for slot in self._slots.values()
        )
        fixed = tuple(
            Fixed(str(one.booking_id), str(one.slot_id), day(one.start_on), day(one.end_on))
            for one in self.bookings.values()
        )
        try:
            problem = Problem(origin, windows, ("weight",), fixed=fixed)
        except ValueError as fault:
            raise OverBooked(str(fault)) from fault
        for conflict in fixed_conflicts(problem):
            raise OverBooked(f"bookings {', '.join(conflict.bookings)} overlap in slot {conflict.window}")


def _has_room(slot: SlotFacts, day: date, days: int) -> bool:
    return any((free.end_on - max(free.start_on, day)).days >= days for free in gaps(slot.period, slot.busy))


def _common(one: Span, other: Span) -> int:
    return max(0, (min(one.end_on, other.end_on) - max(one.start_on, other.start_on)).days)
