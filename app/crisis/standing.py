"""What stands of a crisis's orders when it is planned anew, and what it delivers as things are now.

Pure. A running campaign that slips delivers later by as much; one that has failed delivers nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from app.bookings.models import BookingStatus
from app.capacity.supply import Span
from app.crisis.models import OrderStatus

KEPT = frozenset({OrderStatus.ISSUED, OrderStatus.ACCEPTED, OrderStatus.COMPLETED})
"""Orders that stay unless they cannot; all others have ended without their doses."""

BEGUN = frozenset({BookingStatus.IN_PRODUCTION, BookingStatus.COMPLETED, BookingStatus.FAILED})
"""A campaign that has begun is not freed any more, however it has ended."""


class Release(NamedTuple):
    """Doses released on a day."""

    on: date
    doses: int


@dataclass(frozen=True, slots=True)
class Course:
    """How the campaign of an order has gone so far, as its CDMO has told; a drill has none, and goes as planned."""

    status: BookingStatus
    planned: Span
    expected_end_on: date | None = None
    actual_start_on: date | None = None
    actual_end_on: date | None = None
    batches_released: int | None = None

    @property
    def late_by(self) -> timedelta:
        """By how much it is later than planned: as its last slip tells, else as it started, and as it ended."""
        late = timedelta(0)
        if self.expected_end_on is not None:
            late = self.expected_end_on - self.planned.end_on
        elif self.actual_start_on is not None:
            late = self.actual_start_on - self.planned.start_on
        if self.actual_end_on is not None:
            late = max(late, self.actual_end_on + timedelta(days=1) - self.planned.end_on)
        return late


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """An order as it stands: its place [start_on, end_on), what it delivers now, and whether it can still be released.

    `waits_for` are the bookings that have yet to give way to it; `booking_id` is its own place, where it is booked.
    """

    order_id: UUID
    organisation_id: UUID
    slot_id: UUID
    unit_id: UUID
    start_on: date
    end_on: date
    batches: int
    price_cents: int
    status: OrderStatus
    releases: tuple[Release, ...]
    has_begun: bool = False
    counter_earliest_on: date | None = None
    booking_id: UUID | None = None
    waits_for: tuple[UUID, ...] = ()

    @property
    def doses(self) -> int:
        """All that it delivers."""
        return sum(one.doses for one in self.releases)

    @property
    def span(self) -> Span:
        """The days that it holds."""
        return Span(self.start_on, self.end_on)


@dataclass(frozen=True, slots=True)
class PendingDisplacement:
    """A booking that is to give way to an order, over [start_on, end_on) in a slot; `tier` is the one signed for it."""

    booking_id: UUID
    slot_id: UUID
    start_on: date
    end_on: date
    compensation_cents: int
    tier: int


def releases_now(planned: Sequence[Release], batches: int, course: Course | None) -> tuple[Release, ...]:
    """Return what a campaign of so many batches releases when, by how it has gone so far.

    Of a campaign that released fewer batches than planned, the last ones are missing.
    """
    if course is None:
        return tuple(planned)
    left = sum(one.doses for one in planned)
    if course.status is BookingStatus.FAILED:
        left = 0
    elif course.batches_released is not None:
        left = left * course.batches_released // batches
    found = []
    for one in planned:
        doses = min(one.doses, left)
        left -= doses
        if doses:
            found.append(Release(one.on + course.late_by, doses))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a new plan starts from.

    Attributes
    ----------
    kept
        Orders that stay unless they cannot, with what they deliver.
    lost
        Orders that have ended without their doses, and that no earlier change of the plan has answered for.
    leaving
        Live orders on units that offer nothing any more: the new plan releases them.
    not_before
        The day before which a unit starts no campaign, as its CDMO has countered.
    without
        Units that offer nothing any more.
    spoken_for
        Bookings that give way to kept orders, or have given way, and those that took their place: nobody gives way
        twice.
    given_way
        Those of them that have.
    projects
        The products of the bookings that give way or have given way: no other of theirs does so beside them.
    """

    kept: tuple[StandingOrder, ...] = ()
    lost: tuple[StandingOrder, ...] = ()
    leaving: tuple[StandingOrder, ...] = ()
    not_before: Mapping[UUID, date] = field(default_factory=dict)
    without: frozenset[UUID] = frozenset()
    spoken_for: frozenset[UUID] = frozenset()
    given_way: frozenset[UUID] = frozenset()
    projects: frozenset[UUID] = frozenset()

    @property
    def releases(self) -> list[Release]:
        """What the kept orders release, and when."""
        return [release for order in self.kept for release in order.releases]

    @property
    def changeable(self) -> tuple[StandingOrder, ...]:
        """Orders that nobody has answered: they may be changed, but only if the targets cannot be met otherwise."""
        return tuple(order for order in self.kept if order.status is OrderStatus.ISSUED and not order.has_begun)

    def without_orders(self, gone: Iterable[UUID]) -> "Standing":
        """Return the same with some orders no longer kept."""
        left = set(gone)
        return replace(self, kept=tuple(order for order in self.kept if order.order_id not in left))


def standing_of(
    orders: Iterable[StandingOrder],
    *,
    answered_for: frozenset[UUID],
    unavailable: frozenset[UUID],
    back: frozenset[UUID] = frozenset(),
    given_way: frozenset[UUID] = frozenset(),
    replacing: frozenset[UUID] = frozenset(),
    products: Mapping[UUID, UUID] = MappingProxyType({}),
) -> Standing:
    """Return what stands of all orders of a crisis.

    Parameters
    ----------
    answered_for
        Orders that an earlier change of the plan has replaced, or given up.
    unavailable
        Units of which somebody has said that they offer nothing any more; those whose CDMO has withdrawn since the last
        change of the plan are found here.
    back
        Units of which somebody says that they offer something again.
    given_way
        Bookings that have given way.
    replacing
        Bookings that have taken the place of one that gives way.
    products
        The product of each booking that gives way or has given way, where it is known.
    """
    listed = list(orders)
    without = out_of_service(listed, answered_for, unavailable) - back
    not_before: dict[UUID, date] = {}
    for one in listed:
        if one.status is OrderStatus.COUNTERED and one.counter_earliest_on is not None:
            not_before[one.unit_id] = max(one.counter_earliest_on, not_before.get(one.unit_id, date.min))
    live = [one for one in listed if one.status in KEPT]
    leaving = [one for one in live if one.unit_id in without and not one.has_begun]
    gone = {one.order_id for one in leaving}
    ended = [one for one in listed if one.status not in KEPT | {OrderStatus.RELEASED}]
    kept = tuple(one for one in live if one.order_id not in gone)
    giving_way = frozenset(booking_id for one in kept for booking_id in one.waits_for)
    return Standing(
        kept=kept,
        lost=tuple(one for one in ended if one.order_id not in answered_for),
        leaving=tuple(leaving),
        not_before=not_before,
        without=without,
        spoken_for=given_way | replacing | giving_way,
        given_way=given_way,
        projects=frozenset(products[one] for one in given_way | giving_way if one in products),
    )


def out_of_service(
    orders: Iterable[StandingOrder], answered_for: Collection[UUID], unavailable: frozenset[UUID]
) -> frozenset[UUID]:
    """Return the units that offer nothing any more: by word, or as their CDMO withdrew since the last change."""
    withdrawn = (one for one in orders if one.status is OrderStatus.WITHDRAWN and one.order_id not in answered_for)
    return unavailable | {one.unit_id for one in withdrawn}


def as_document(order: StandingOrder) -> dict[str, Any]:
    """Return an order as a plan shows it: where it stands, and what it delivers as things are."""
    return {
        "order_id": str(order.order_id),
        "organisation_id": str(order.organisation_id),
        "unit_id": str(order.unit_id),
        "slot_id": str(order.slot_id),
        "start": order.start_on.isoformat(),
        "end": order.end_on.isoformat(),
        "batches": order.batches,
        "price_cents": order.price_cents,
        "status": order.status.value,
        "deliveries": [{"on": one.on.isoformat(), "doses": one.doses} for one in order.releases],
    }


def awaited_anew(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the lots that new campaigns of an amendment wait for, and that give way by an earlier plan.

    Each is passed on to them, or shared with an order that is kept; bodies of old name none that is shared.
    """
    becomes = body.get("pending_displacements", {})
    return [*becomes.get("passed_on", ()), *becomes.get("shared", ())]


def still_holds(seen: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether orders are as they were seen, but for acceptances and completions of what was counted on.

    Both are documents of all orders that stood then, and stand now.
    """
    before = {one["order_id"]: one for one in seen}
    after = {one["order_id"]: one for one in now}
    return before.keys() == after.keys() and all(_has_only_advanced(before[key], after[key]) for key in before)


ADVANCES = frozenset(
    {
        (OrderStatus.ISSUED.value, OrderStatus.ACCEPTED.value),
        (OrderStatus.ISSUED.value, OrderStatus.COMPLETED.value),
        (OrderStatus.ACCEPTED.value, OrderStatus.COMPLETED.value),
    }
)


def _has_only_advanced(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    steps = (before["status"], after["status"])
    return {**before, "status": None} == {**after, "status": None} and (steps[0] == steps[1] or steps in ADVANCES)
