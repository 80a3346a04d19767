"""The problem of a crisis on a booked calendar, as a problem file holds it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.bookings.models import BookingStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import SlotFacts, UnitFacts
from app.matching.campaign import production_days
from app.matching.facts import RequestFacts
from app.matching.match import options
from app.matching.outcome import ranked
from app.matching.policy import DIRECT
from seed.rows import BookingRow
from seed.scenario.generate import Scenario
from seed.world_facts import WorldFacts

Document = dict[str, Any]

CRISIS_OBJECTIVES = ("surge_output", "displacement", "delay", "cost")
CRISIS_BOOKED_SHARE = 0.72
"""Probability that a piece of an open slot is booked: a crisis is planned on a full calendar."""

CRISIS_OBJECTIVES_ALLOWED = frozenset({*CRISIS_OBJECTIVES, "rank"})
_FROZEN_DAYS = 21
_LATEST_MOVE_DAYS = 240
_MODALITIES = (
    "viral_vector_other", "vaccine_viral", "oncolytic_virus", "viral_vector_aav", "viral_vector_lentivirus",
    "recombinant_protein", "monoclonal_antibody", "plasmid_dna", "bacteriophage", "live_biotherapeutic",
)  # fmt: skip
_SHARE_OF_WINDOWS = 1 / 3
_DOSES_PER_LITRE = 250
_VOLUME_L = 200
_READY_DAYS = 14
_TARGET_DAYS = (120, 210, 300)
_TARGET_SHARES = (0.25, 0.5, 0.8)


def crisis_problem(scenario: Scenario, objectives: tuple[str, ...]) -> Document:
    """The problem of a surge on a third of the windows, against all bookings that have not started.

    A booking that starts within three weeks stays. Another may move to any place that matching finds for it, not
    before its planned start; a whole slot is given up whole.
    """
    return _Crisis(scenario).document(objectives)


class _Crisis:
    def __init__(self, scenario: Scenario) -> None:
        self._origin = scenario.as_of
        self._world = scenario.world
        self._facts = WorldFacts(scenario.world)
        self._units = self._facts.supply.units
        self._slots = [slot for unit_slots in self._facts.supply.slots.values() for slot in unit_slots]
        self._requests = {row.id: row for row in scenario.world.requests}

    def document(self, objectives: tuple[str, ...]) -> Document:
        """The problem as its file holds it."""
        fixed = [booking for booking in self._world.bookings if self._stays(booking)]
        movable = [booking for booking in self._world.bookings if not self._stays(booking)]
        return {
            "format": "creneau-problem/1",
            "origin": self._origin.isoformat(),
            "windows": [self._window(slot) for slot in self._slots],
            "fixed": [self._place(booking) for booking in fixed],
            "movable": [self._movable(booking) for booking in movable],
            "surges": [self._surge()],
            "objectives": list(objectives),
        }

    def _day(self, day: date) -> int:
        return (day - self._origin).days

    def _stays(self, booking: BookingRow) -> bool:
        near = self._day(span_of(booking.period).start_on) < _FROZEN_DAYS
        return near or booking.status is BookingStatus.IN_PRODUCTION

    def _window(self, slot: SlotFacts) -> Document:
        return {
            "id": str(slot.slot_id),
            "line": str(slot.unit_id),
            "start": self._day(slot.period.start_on),
            "end": self._day(slot.period.end_on),
            "reserve": slot.reserve.value,
        }

    def _place(self, booking: BookingRow) -> Document:
        period = span_of(booking.period)
        return {
            "id": str(booking.id),
            "window": str(booking.slot_id),
            "start": self._day(period.start_on),
            "end": self._day(period.end_on),
        }

    def _movable(self, booking: BookingRow) -> Document:
        request = self._requests[booking.request_id]
        return {
            **self._place(booking),
            "party": str(booking.organisation_id),
            "weight": request.priority_points,
            "recallable": booking.recallable,
            "options": list(self._moves(booking, self._facts.request(request))),
        }

    def _moves(self, booking: BookingRow, request: RequestFacts) -> Iterator[Document]:
        """Places where a booking could go, with every slot taken as if nothing else were booked in it."""
        planned = span_of(booking.period).start_on
        asked = replace(
            request, earliest_on=planned, latest_delivery_on=booking.delivery_on + timedelta(days=_LATEST_MOVE_DAYS)
        )
        found = ranked(
            option
            for unit, slots in self._facts.supply.making(request.modality)
            for option in options(asked, unit, [replace(slot, busy=()) for slot in slots], self._origin, DIRECT)
        )
        for option in found:
            yield {
                "window": str(option.slot_id),
                "duration": option.duration_days,
                "earliest": self._day(option.earliest_start_on),
                "latest": self._day(option.latest_start_on),
                "rank": option.rank,
                "cost": option.price.package_cents,
                "lag": max(0, option.lag_days),
            }

    def _surge(self) -> Document:
        """A countermeasure that runs on a third of the windows, line by line in the order of how apt they are."""
        by_unit: defaultdict[UUID, list[SlotFacts]] = defaultdict(list)
        for slot in self._slots:
            by_unit[slot.unit_id].append(slot)
        wanted, chosen = round(len(self._slots) * _SHARE_OF_WINDOWS), []
        for unit_id in sorted(by_unit, key=lambda unit_id: _aptness(self._units[unit_id])):
            chosen += [option for slot in by_unit[unit_id] if (option := self._campaign(slot, self._units[unit_id]))]
            if len(chosen) >= wanted:
                break
        options = chosen[:wanted]
        most = {day: sum(_best_by(option, day) for option in options) for day in _TARGET_DAYS}
        targets = [
            {"by": day, "quantity": round(most[day] * share)}
            for day, share in zip(_TARGET_DAYS, _TARGET_SHARES, strict=True)
        ]
        return {"id": "surge", "targets": targets, "options": options}

    def _campaign(self, slot: SlotFacts, unit: UnitFacts) -> Document | None:
        """One batch of the countermeasure in a slot, wherever it fits before the last target."""
        duration = production_days(unit, 1, 0) + unit.changeover_days
        start, end = self._day(slot.period.start_on), self._day(slot.period.end_on)
        earliest, latest = max(start, _READY_DAYS), min(end, _TARGET_DAYS[-1]) - duration
        if latest < earliest:
            return None
        volume = unit.working_volume_l or _VOLUME_L
        price = min((terms.price_cents or 0 for terms in unit.terms.values()), default=0)
        return {
            "window": str(slot.slot_id),
            "duration": duration,
            "earliest": earliest,
            "latest": latest,
            "output": round(volume * _DOSES_PER_LITRE),
            "cost": price,
            "lag": 14,
        }


def _aptness(unit: UnitFacts) -> tuple[int, str]:
    """How soon a unit is turned to: by the closest of its modalities, then in an order of no meaning."""
    ranks = [_MODALITIES.index(modality) for modality in unit.modalities if modality in _MODALITIES]
    return min(ranks, default=len(_MODALITIES)), str(unit.unit_id)


def _best_by(option: Mapping[str, Any], day: int) -> int:
    """Doses of as many batches as fit one after the other, available by a day."""
    last: int = min(option["latest"] + option["duration"], day - option["lag"])
    batches: int = max(0, (last - option["earliest"]) // option["duration"])
    return batches * int(option["output"])
