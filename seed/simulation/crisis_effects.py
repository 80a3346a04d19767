"""Between the bookings of a simulated year and the crisis planner: what it is told, and what its plan comes to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Protocol

from app.crisis.rules import BookingFacts
from app.crisis.settling import PlannedMove, Settled
from app.matching.facts import RequestFacts
from app.requests.priority import derive_priority
from seed.identifiers import identifier
from seed.simulation.calendar import Calendar, Place
from seed.simulation.demand import Arrival


class Booked(Protocol):
    """The request behind a booking."""

    @property
    def arrival(self) -> Arrival:
        """As it came in."""

    @property
    def request(self) -> RequestFacts:
        """As it stands."""


def booking_facts(place: Place, case: Booked | None, day: date) -> BookingFacts:
    """A booking as the planner sees it on a day: firm until its production runs."""
    return BookingFacts(
        booking_id=place.booking_id,
        slot_id=place.slot_id,
        unit_id=place.unit_id,
        organisation_id=case.request.organisation_id if case else place.booking_id,
        start_on=place.start_on,
        end_on=place.end_on,
        delivery_on=place.delivery_on,
        price_cents=place.terms.price_cents if place.terms else 0,
        firm=case is not None and place.start_on > day,
        recallable=place.recallable,
        request_id=case.request.request_id if case else None,
        weight_tier=derive_priority(case.arrival.priority, day).tier if case else 3,
        displaced_on=place.displaced_on,
    )


def moved_place(place: Place, move: PlannedMove, modality: str, calendar: Calendar, day: date, *, turn: int) -> Place:
    """The booking in its new place, at its own price, protected from now on."""
    slot = calendar.slot(move.option.slot_id)
    release = calendar.units[slot.unit_id].terms[modality].release_days
    return Place(
        booking_id=identifier("simulated-booking", place.number, turn),
        slot_id=slot.slot_id,
        unit_id=slot.unit_id,
        start_on=move.start_on,
        end_on=move.end_on,
        produced_on=move.delivery_on - timedelta(days=release),
        delivery_on=move.delivery_on,
        batches=move.option.batches,
        terms=place.terms,
        listed_cents=place.listed_cents,
        recallable=False,
        booked_on=place.booked_on,
        number=place.number,
        displaced_on=day,
    )


def campaign_places(settled: Settled, calendar: Calendar, day: date) -> Iterator[Place]:
    """The campaigns of the plan as bookings of nobody's."""
    for number, campaign in enumerate(settled.campaigns):
        slot = calendar.slot(campaign.option.slot_id)
        yield Place(
            booking_id=identifier("simulated-campaign", slot.slot_id, number),
            slot_id=slot.slot_id,
            unit_id=slot.unit_id,
            start_on=campaign.start_on,
            end_on=campaign.end_on,
            produced_on=campaign.end_on,
            delivery_on=max(on for on, _ in campaign.releases),
            batches=campaign.option.batches,
            terms=None,
            listed_cents=campaign.option.price_cents,
            recallable=False,
            booked_on=day,
            number=None,
        )
