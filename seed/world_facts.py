"""A whole world as matching and planning see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from app.allocation.planner import Supply
from app.capacity.occupancy import span_of
from app.capacity.supply import SlotFacts, Span
from app.matching.facts import RequestFacts
from seed.facts import request_facts, slot_facts
from seed.fleet import places
from seed.rows import FeasibilityRow, QualificationRow, RequestRow
from seed.world import World


class WorldFacts:
    """The supply of a world, bookings taken off, and its requests as facts."""

    def __init__(self, world: World) -> None:
        self._organisations = {row.id: row for row in world.organisations}
        self._products = {row.id: row for row in world.products}
        self._qualifications: defaultdict[UUID, list[QualificationRow]] = defaultdict(list)
        for qualification in world.qualifications:
            self._qualifications[qualification.product_id].append(qualification)
        self._feasibilities: defaultdict[UUID, list[FeasibilityRow]] = defaultdict(list)
        for answer in world.feasibilities:
            self._feasibilities[answer.request_id].append(answer)
        self.supply = _supply(world)

    def request(self, row: RequestRow) -> RequestFacts:
        """The facts of a request."""
        return request_facts(
            row,
            self._products[row.product_id],
            self._organisations[row.organisation_id],
            qualifications=self._qualifications[row.product_id],
            feasibilities=self._feasibilities[row.id],
        )


def _supply(world: World) -> Supply:
    busy: defaultdict[UUID, list[Span]] = defaultdict(list)
    for booking in world.bookings:
        busy[booking.slot_id].append(span_of(booking.period))
    agreements = {row.id: row for row in world.agreements}
    slots: defaultdict[UUID, list[SlotFacts]] = defaultdict(list)
    for slot in world.slots:
        slots[slot.unit_id].append(slot_facts(slot, agreements, busy[slot.id]))
    units = places(world.sites, world.lines, world.line_modalities, world.units)
    listed: dict[UUID, Sequence[SlotFacts]] = dict(slots)
    return Supply({place.unit.id: place.facts for place in units}, listed)
