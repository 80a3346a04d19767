"""What holds in every scenario, whatever its size."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import fields
from itertools import pairwise
from typing import Protocol
from uuid import UUID

from app.bookings.models import BookingStatus
from app.capacity.models import Approval
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.core.vocabulary import Origin, Reserve
from app.identity.models import OrganisationKind
from app.matching.match import match
from app.requests.models import FeasibilityStatus, RequestStatus
from seed.catalogue import Catalogue
from seed.loader import TABLES
from seed.rows import BookingRow, CommitmentRow, SlotRow
from seed.scenario.calendars import horizon_end
from seed.scenario.generate import Scenario
from seed.world import World
from seed.world_facts import WorldFacts

_LIVE = {BookingStatus.AWAITING_CDMO, BookingStatus.CONFIRMED, BookingStatus.IN_PRODUCTION}


class _Marked(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def origin(self) -> Origin: ...


def _by_unit(rows: Iterable[SlotRow | CommitmentRow | BookingRow]) -> dict[UUID, list[Span]]:
    found: defaultdict[UUID, list[Span]] = defaultdict(list)
    for row in rows:
        found[row.unit_id].append(span_of(row.period))
    return {unit: sorted(spans) for unit, spans in found.items()}


def test_slots_lie_in_the_24_months_and_neither_overlap_nor_meet_a_commitment(scenario: Scenario) -> None:
    world = scenario.world
    assert scenario.as_of.replace(year=2029) == horizon_end(scenario.as_of)
    for spans in _by_unit([*world.slots, *world.commitments]).values():
        assert spans[0].start_on >= scenario.as_of
        assert max(one.end_on for one in spans) <= horizon_end(scenario.as_of)
        assert all(before.end_on <= after.start_on for before, after in pairwise(spans))


def test_only_bookable_lines_have_slots_and_each_of_their_units_does(scenario: Scenario) -> None:
    world = scenario.world
    bookable = {line.id for line in world.lines if line.not_bookable_reason is None}
    units = {unit.id for unit in world.units if unit.line_id in bookable}
    assert {slot.unit_id for slot in world.slots} == units


def test_bookings_lie_in_their_slot_and_do_not_overlap(scenario: Scenario) -> None:
    world = scenario.world
    slots = {slot.id: slot for slot in world.slots}
    counts = Counter(booking.slot_id for booking in world.bookings)
    for booking in world.bookings:
        slot, period = slots[booking.slot_id], span_of(booking.period)
        assert booking.unit_id == slot.unit_id
        assert span_of(slot.period).start_on <= period.start_on
        assert period.end_on <= span_of(slot.period).end_on
        assert slot.divisible or (counts[slot.id] == 1 and booking.period == slot.period)
        assert booking.status in _LIVE
        assert (booking.status is BookingStatus.IN_PRODUCTION) == (period.start_on == scenario.as_of)
    for spans in _by_unit(world.bookings).values():
        assert all(before.end_on <= after.start_on for before, after in pairwise(spans))


def test_every_booking_is_one_that_matching_allows(scenario: Scenario) -> None:
    world = scenario.world
    bare = WorldFacts(_without_bookings(world))
    requests = {request.id: request for request in world.requests}
    slots = {slot.slot_id: slot for listed in bare.supply.slots.values() for slot in listed}
    for booking in world.bookings:
        found = match(
            bare.request(requests[booking.request_id]),
            bare.supply.units[booking.unit_id],
            [slots[booking.slot_id]],
            scenario.as_of,
        )
        option = found.options[0]
        period = span_of(booking.period)
        assert period.days == option.duration_days
        assert option.earliest_start_on <= period.start_on <= option.latest_start_on
        assert booking.price_cents == option.price.package_cents
        assert booking.recallable == option.recallable


def _without_bookings(world: World) -> World:
    return World(**{name.name: getattr(world, name.name) for name in fields(world)} | {"bookings": ()})


def test_booked_requests_are_booked_and_the_others_submitted(scenario: Scenario) -> None:
    world = scenario.world
    statuses = Counter(request.status for request in world.requests)
    assert statuses == {
        RequestStatus.SUBMITTED: scenario.size.requests,
        RequestStatus.BOOKED: len(world.bookings),
    }
    booked = {request.id for request in world.requests if request.status is RequestStatus.BOOKED}
    assert booked == {booking.request_id for booking in world.bookings}


def test_every_kind_of_slot_is_there(scenario: Scenario) -> None:
    slots = scenario.world.slots
    assert {slot.reserve for slot in slots} == set(Reserve)
    assert {slot.approval for slot in slots} == set(Approval)
    assert {slot.divisible for slot in slots} == {True, False}
    assert {slot.lendable for slot in slots if slot.reserve is Reserve.CRISIS} == {True, False}
    assert all((slot.agreement_id is None) == (slot.reserve is Reserve.OPEN) for slot in slots)
    assert any(slot.releases_on for slot in slots if slot.reserve is Reserve.STARTUP)
    assert {answer.status for answer in scenario.world.feasibilities} == set(FeasibilityStatus)
    assert any(terms.is_standard for terms in scenario.world.line_modalities)
    tiers = {request.priority_tier for request in scenario.world.requests}
    assert tiers == {1, 2, 3}


def test_what_is_generated_is_marked_and_what_is_real_is_left_as_it_is(
    scenario: Scenario, catalogue: Catalogue
) -> None:
    world = scenario.world
    real: list[_Marked] = [*catalogue.organisations, *catalogue.sites, *catalogue.lines]
    present: list[_Marked] = [*world.organisations, *world.sites, *world.lines]
    kept = {row.id: row for row in present}
    assert all(kept[row.id] == row for row in real)
    made = [row for row in kept.values() if row.id not in {one.id for one in real}]
    made += [*world.slots, *world.commitments, *world.agreements, *world.products, *world.requests]
    made += [*world.feasibilities, *world.bookings]
    assert {row.origin for row in made} == {Origin.SCENARIO}
    assert len(world.lines) == scenario.size.lines


def test_a_world_has_a_table_for_each_field_and_a_column_for_each_value(scenario: Scenario) -> None:
    assert [field.name for field in fields(World)] == list(TABLES)
    for name, table in TABLES.items():
        rows = getattr(scenario.world, name)
        columns = set(table.__table__.columns.keys())  # type: ignore[attr-defined]
        assert {field.name for field in fields(rows[0])} <= columns
        assert len({row.id for row in rows}) == len(rows)


def test_the_public_bodies_are_there_once(scenario: Scenario) -> None:
    kinds = Counter(organisation.kind for organisation in scenario.world.organisations)
    for kind in (OrganisationKind.COORDINATOR, OrganisationKind.AUTHORITY, OrganisationKind.OBSERVER):
        assert kinds[kind] == 1
