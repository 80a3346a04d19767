"""Queries on the calendars that a crisis draws on: live bookings, and what other crises have ordered."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.liveness import is_live
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.capacity.facts import slot_of
from app.capacity.models import Slot, SlotStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import SlotFacts, Span
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.clock import SITE_ZONE, now
from app.crisis.declaration import CrisisScope
from app.crisis.models import (
    Crisis,
    CrisisMode,
    CrisisOrder,
    CrisisStatus,
    Displacement,
    DisplacementStatus,
    OrderStatus,
)
from app.crisis.rules import BookingFacts
from app.requests.models import Request

LOWEST_TIER = 3
FIRM = frozenset({BookingStatus.CONFIRMED, BookingStatus.AWAITING_CDMO})
TENTATIVE = frozenset({BookingSource.CRISIS, BookingSource.MOVE})
"""Sources of what no displacement moves: orders themselves, and places to which a booking only asks to move."""


async def live_bookings(
    session: AsyncSession, unit_ids: Collection[UUID], crisis_id: UUID, as_of_on: date
) -> list[BookingFacts]:
    """Return the live bookings of units, by identifier; what has run out is none.

    A product is a project: one of its bookings displaced protects the others too, whichever took its place. One that is
    to give way to another crisis counts as displaced on the day to reason from.
    """
    statement = (
        select(Booking, col(Request.priority_tier))
        .outerjoin(Request, col(Request.id) == col(Booking.request_id))
        .where(col(Booking.unit_id).in_(list(unit_ids)), is_live(now()))
        .order_by(col(Booking.id))
    )
    in_place_of, of_product = await _last_displaced(session)
    promised = await _promised_products(session, crisis_id)
    found = []
    for booking, tier in await session.execute(statement):
        moments = (in_place_of.get(booking.id), of_product.get(booking.product_id))
        displaced = [at.astimezone(SITE_ZONE).date() for at in moments if at]
        displaced += [as_of_on] if booking.product_id in promised else []
        days = span_of(booking.period)
        found.append(
            BookingFacts(
                booking_id=booking.id,
                slot_id=booking.slot_id,
                unit_id=booking.unit_id,
                organisation_id=booking.organisation_id,
                start_on=days.start_on,
                end_on=days.end_on,
                delivery_on=booking.delivery_on,
                price_cents=booking.price_cents,
                firm=booking.status in FIRM and booking.source not in TENTATIVE,
                recallable=booking.recallable,
                request_id=booking.request_id,
                product_id=booking.product_id,
                weight_tier=tier or LOWEST_TIER,
                displaced_on=max(displaced, default=None),
            )
        )
    return found


async def _last_displaced(session: AsyncSession) -> tuple[dict[UUID, datetime], dict[UUID | None, datetime]]:
    """Return when a crisis last displaced a booking: by the booking that took its place, and by its product."""
    statement = select(col(Booking.replaced_by_id), col(Booking.product_id), func.max(col(Booking.displaced_at))).where(
        col(Booking.displaced_at).is_not(None)
    )
    in_place_of: dict[UUID, datetime] = {}
    of_product: dict[UUID | None, datetime] = {}
    rows = await session.execute(statement.group_by(col(Booking.replaced_by_id), col(Booking.product_id)))
    for replaced_by_id, product_id, at in rows:
        if at is None:
            continue
        if replaced_by_id is not None:
            in_place_of[replaced_by_id] = max(at, in_place_of.get(replaced_by_id, at))
        if product_id is not None:
            of_product[product_id] = max(at, of_product.get(product_id, at))
    return in_place_of, of_product


async def _promised_products(session: AsyncSession, crisis_id: UUID) -> set[UUID | None]:
    """Return the products of the live bookings that are to give way to other real crises."""
    statement = (
        select(col(Booking.product_id))
        .join(Displacement, col(Displacement.booking_id) == col(Booking.id))
        .join(Crisis, col(Crisis.id) == col(Displacement.crisis_id))
        .where(
            col(Displacement.status) == DisplacementStatus.PENDING,
            col(Booking.product_id).is_not(None),
            is_live(now()),
            *_is_active_elsewhere(crisis_id),
        )
    )
    return set(await session.scalars(statement))


def _is_active_elsewhere(crisis_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """Return what holds of every real crisis that is active, but for one."""
    return (
        col(Crisis.mode) == CrisisMode.REAL,
        col(Crisis.status) == CrisisStatus.ACTIVE,
        col(Crisis.id) != crisis_id,
    )


async def awaited_periods(
    session: AsyncSession, unit_ids: Collection[UUID], crisis_id: UUID
) -> dict[UUID, tuple[Span, ...]]:
    """Return the periods, by slot, that orders of other real crises hold until their CDMO answers."""
    statement = (
        select(col(CrisisOrder.slot_id), col(CrisisOrder.period))
        .join(Crisis, col(Crisis.id) == col(CrisisOrder.crisis_id))
        .where(
            col(CrisisOrder.unit_id).in_(list(unit_ids)),
            col(CrisisOrder.status) == OrderStatus.ISSUED,
            *_is_active_elsewhere(crisis_id),
        )
    )
    found: dict[UUID, list[Span]] = defaultdict(list)
    for slot_id, days in await session.execute(statement):
        found[slot_id].append(span_of(days))
    return {slot_id: tuple(spans) for slot_id, spans in found.items()}


async def is_anything_published(session: AsyncSession) -> bool:
    """Tell whether there is any published slot on a unit that can be booked."""
    statement = (
        select(col(Slot.id))
        .join(Unit, col(Unit.id) == col(Slot.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .where(col(Slot.status) == SlotStatus.PUBLISHED, col(ProductionLine.not_bookable_reason).is_(None))
    )
    return (await session.scalar(statement.limit(1))) is not None


async def published_slots(session: AsyncSession, unit_ids: Collection[UUID]) -> dict[UUID, list[SlotFacts]]:
    """Return the published slots of units, by unit and in order of time; what is booked in them is left aside."""
    statement = select(Slot).where(col(Slot.unit_id).in_(list(unit_ids)), col(Slot.status) == SlotStatus.PUBLISHED)
    found: dict[UUID, list[SlotFacts]] = defaultdict(list)
    for slot in await session.scalars(statement.order_by(col(Slot.unit_id), col(Slot.period))):
        found[slot.unit_id].append(slot_of(slot, None, ()))
    return dict(found)


async def units_named(
    session: AsyncSession, unit_ids: Collection[UUID], organisation_ids: Collection[UUID], scope: CrisisScope
) -> dict[UUID, UUID]:
    """Return the units with one of these identifiers, or of one of these organisations, and whose each is.

    Those that are out of service in a scope are left out.
    """
    owner = col(Site.organisation_id)
    statement = (
        select(col(Unit.id), owner)
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(
            or_(col(Unit.id).in_(list(unit_ids)), owner.in_(list(organisation_ids))),
            owner.not_in(list(scope.excluded_organisation_ids)),
            col(Site.id).not_in(list(scope.excluded_site_ids)),
        )
    )
    return {unit: organisation for unit, organisation in (await session.execute(statement)).all()}  # noqa: C416


async def bookings_by_id(session: AsyncSession, booking_ids: Collection[UUID]) -> dict[UUID, Booking]:
    """Return these bookings as they are now, by identifier."""
    if not booking_ids:
        return {}
    statement = select(Booking).where(col(Booking.id).in_(list(booking_ids)))
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {booking.id: booking for booking in rows}
