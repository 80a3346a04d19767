"""Queries on the calendars that a crisis draws on: live bookings, and what other crises have ordered."""

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.bookings.liveness import is_live
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.capacity.models import Slot, SlotStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.catalogue.models import ProductionLine, Unit
from app.core.clock import SITE_ZONE, now
from app.crisis.models import Crisis, CrisisMode, CrisisOrder, CrisisStatus, OrderStatus
from app.crisis.rules import BookingFacts
from app.requests.models import Request

LOWEST_TIER = 3
FIRM = frozenset({BookingStatus.CONFIRMED, BookingStatus.AWAITING_CDMO})
TENTATIVE = frozenset({BookingSource.CRISIS, BookingSource.MOVE})
"""Sources of what no displacement moves: orders themselves, and places to which a booking only asks to move."""


async def live_bookings(session: AsyncSession, unit_ids: Collection[UUID]) -> list[BookingFacts]:
    """Return the live bookings of units, by identifier; what has run out is none."""
    before = aliased(Booking)
    statement = (
        select(Booking, col(Request.priority_tier), func.max(before.displaced_at))
        .outerjoin(Request, col(Request.id) == col(Booking.request_id))
        .outerjoin(before, before.replaced_by_id == col(Booking.id))  # type: ignore[arg-type]
        .where(col(Booking.unit_id).in_(list(unit_ids)), is_live(now()))
        .group_by(col(Booking.id), col(Request.priority_tier))
        .order_by(col(Booking.id))
    )
    found = []
    for booking, tier, displaced_at in await session.execute(statement):
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
                weight_tier=tier or LOWEST_TIER,
                displaced_on=displaced_at.astimezone(SITE_ZONE).date() if displaced_at else None,
            )
        )
    return found


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
            col(Crisis.mode) == CrisisMode.REAL,
            col(Crisis.status) == CrisisStatus.ACTIVE,
            col(Crisis.id) != crisis_id,
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


async def bookings_by_id(session: AsyncSession, booking_ids: Collection[UUID]) -> dict[UUID, Booking]:
    """Return these bookings as they are now, by identifier."""
    statement = select(Booking).where(col(Booking.id).in_(list(booking_ids)))
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {booking.id: booking for booking in rows}


async def units_of_slots(session: AsyncSession, slot_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return the unit of each slot."""
    rows = await session.execute(select(col(Slot.id), col(Slot.unit_id)).where(col(Slot.id).in_(list(slot_ids))))
    return dict(rows.tuples().all())
