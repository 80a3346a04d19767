"""Taking stock of an active crisis: its orders as they stand, who gives way to them, and of which plan they are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings.models import LIVE, Booking, BookingStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.core.errors import StateConflict
from app.crisis import amendment_repository, repository
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.models import (
    Crisis,
    CrisisOrder,
    CrisisPlan,
    Displacement,
    DisplacementStatus,
    OrderStatus,
    PlaceAnswer,
    PlanStatus,
)
from app.crisis.power_checks import signed_tiers
from app.crisis.rules import Tier
from app.crisis.standing import (
    BEGUN,
    Course,
    PendingDisplacement,
    Release,
    Standing,
    StandingOrder,
    as_document,
    out_of_service,
    releases_now,
    standing_of,
)

LET_GO = frozenset({PlaceAnswer.DECLINED, PlaceAnswer.LAPSED})
"""What became of a place that nobody holds any more."""

ENDED_AS = {BookingStatus.COMPLETED: OrderStatus.COMPLETED, BookingStatus.FAILED: OrderStatus.FAILED}


OPEN = frozenset({PlanStatus.PROPOSED, PlanStatus.SIGNED})


@dataclass(frozen=True, slots=True)
class Stock:
    """What a crisis has ordered and displaced so far.

    Attributes
    ----------
    plan_id, plan_hash
        The plan that was activated last, amendments included.
    replaced
        The places that bookings have moved to, or will, by slot.
    out_of_service
        Units that offered nothing any more before this was asked.
    has_open_amendment
        Whether slots are held still for an amendment that is not in force: only another, or the end, lets them go.
    """

    plan_id: UUID
    plan_hash: str
    orders: tuple[StandingOrder, ...]
    pending: tuple[PendingDisplacement, ...]
    standing: Standing
    replaced: Mapping[UUID, tuple[Span, ...]]
    out_of_service: frozenset[UUID] = frozenset()
    has_open_amendment: bool = False

    @property
    def documents(self) -> list[dict[str, Any]]:
        """All orders, for a later comparison."""
        return [as_document(one) for one in self.orders]


async def take_stock(
    session: AsyncSession, crisis: Crisis, unavailable: Iterable[UUID] = (), back: Iterable[UUID] = ()
) -> Stock:
    """Return what stands of an active crisis.

    Parameters
    ----------
    unavailable
        Units that offer nothing any more, beside those of which the last activated amendment says so.
    back
        Units that offer something again.

    Raises
    ------
    StateConflict
        If none of its plans has been activated.
    """
    made = await repository.plans_of(session, crisis.id)
    plans = [one for one in made if one.status is PlanStatus.ACTIVATED]
    if not plans:
        raise StateConflict("No plan of this crisis has been activated: there is nothing to change.")
    rows = await amendment_repository.orders_now(session, crisis.id)
    displacements = await amendment_repository.standing_displacements(session, crisis.id)
    named = {row.booking_id for row in rows} | {one.booking_id for one in displacements}
    bookings = await bookings_by_id(session, [one for one in named if one is not None])
    pending = tuple(_pending(displacements, bookings, signed_tiers(plans)))
    planned = _planned(plans)
    orders = tuple(_order(row, bookings, planned, pending) for row in rows)
    replaced: dict[UUID, tuple[Span, ...]] = defaultdict(tuple)
    for one in displacements:
        if one.replacement and one.answer not in LET_GO:
            days = Span(date.fromisoformat(one.replacement["start"]), date.fromisoformat(one.replacement["end"]))
            replaced[UUID(one.replacement["slot_id"])] += (days,)
    given_way = frozenset(one.booking_id for one in displacements if one.status is DisplacementStatus.EFFECTIVE)
    answered_for, recorded = _answered_for(plans), _unavailable(plans)
    standing = standing_of(
        orders,
        answered_for=answered_for,
        unavailable=frozenset(unavailable) | recorded,
        back=frozenset(back),
        given_way=given_way,
        replacing=frozenset(one.replacement_id for one in displacements if one.replacement_id is not None),
        products={key: one.product_id for key, one in bookings.items() if one.product_id is not None},
    )
    out = out_of_service(orders, answered_for, recorded)
    is_open = any(one.amends_id is not None and one.status in OPEN for one in made)
    return Stock(plans[-1].id, plans[-1].plan_hash, orders, pending, standing, replaced, out, is_open)


def _planned(plans: Iterable[CrisisPlan]) -> dict[tuple[UUID, str, str], list[Release]]:
    """Return what each campaign of these plans was to release when, by plan, slot and first day."""
    return {
        (plan.id, campaign["slot_id"], campaign["start"]): [
            Release(date.fromisoformat(one["on"]), one["doses"]) for one in campaign["deliveries"]
        ]
        for plan in plans
        for campaign in plan.body.get("campaigns", ())
    }


def _answered_for(plans: Iterable[CrisisPlan]) -> frozenset[UUID]:
    """Return the orders that amendments have replaced or given up."""
    changes = [plan.body["orders"] for plan in plans if plan.amends_id is not None]
    return frozenset(UUID(one["order_id"]) for change in changes for one in [*change["changed"], *change["lost"]])


def _unavailable(plans: Iterable[CrisisPlan]) -> frozenset[UUID]:
    """Return the units that offer nothing any more as the last amendment has it: each names all of them."""
    amendments = [plan.body for plan in plans if plan.amends_id is not None]
    return frozenset(UUID(unit) for body in amendments[-1:] for unit in body["unavailable_unit_ids"])


def _pending(
    displacements: Iterable[Displacement], bookings: Mapping[UUID, Booking], tiers: Mapping[UUID, Tier]
) -> Iterable[PendingDisplacement]:
    """Yield the displacements that have yet to take effect, but for bookings that have ended by themselves."""
    for one in displacements:
        booking = bookings[one.booking_id]
        if one.status is DisplacementStatus.PENDING and booking.status in LIVE:
            days = span_of(booking.period)
            yield PendingDisplacement(
                booking_id=booking.id,
                slot_id=booking.slot_id,
                start_on=days.start_on,
                end_on=days.end_on,
                compensation_cents=one.compensation_cents,
                tier=int(tiers[booking.id]),
            )


def _order(
    row: CrisisOrder,
    bookings: Mapping[UUID, Booking],
    planned: Mapping[tuple[UUID, str, str], Sequence[Release]],
    pending: Iterable[PendingDisplacement],
) -> StandingOrder:
    days = span_of(row.period)
    campaign = bookings.get(row.booking_id) if row.booking_id else None
    releases = planned.get((row.plan_id, str(row.slot_id), days.start_on.isoformat()))
    status = row.status
    if campaign is not None and status is OrderStatus.ACCEPTED:
        status = ENDED_AS.get(campaign.status, status)
    return StandingOrder(
        order_id=row.id,
        organisation_id=row.organisation_id,
        slot_id=row.slot_id,
        unit_id=row.unit_id,
        start_on=days.start_on,
        end_on=days.end_on,
        batches=row.batches,
        price_cents=row.price_cents,
        status=status,
        releases=releases_now(releases or [Release(row.delivery_on, row.output)], row.batches, _course(campaign)),
        has_begun=status is OrderStatus.COMPLETED or (campaign is not None and campaign.status in BEGUN),
        counter_earliest_on=row.counter_earliest_on,
        booking_id=row.booking_id,
        waits_for=tuple(
            one.booking_id
            for one in pending
            if row.status is OrderStatus.ISSUED
            and one.slot_id == row.slot_id
            and one.start_on < days.end_on
            and days.start_on < one.end_on
        ),
    )


def _course(campaign: Booking | None) -> Course | None:
    if campaign is None:
        return None
    return Course(
        status=campaign.status,
        planned=span_of(campaign.period),
        expected_end_on=campaign.expected_end_on,
        actual_start_on=campaign.actual_start_on,
        actual_end_on=campaign.actual_end_on,
        batches_released=campaign.batches_released,
    )
