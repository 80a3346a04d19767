"""Queries on what a crisis has ordered and displaced so far, and on campaigns that have ended."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.models import Booking, BookingStatus
from app.crisis.models import CrisisOrder, Displacement, DisplacementStatus, OrderStatus


async def orders_now(session: AsyncSession, crisis_id: UUID) -> list[CrisisOrder]:
    """Return all orders of a crisis as they are now, locked by nobody."""
    statement = select(CrisisOrder).where(col(CrisisOrder.crisis_id) == crisis_id).order_by(col(CrisisOrder.id))
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


async def standing_displacements(session: AsyncSession, crisis_id: UUID) -> list[Displacement]:
    """Return the displacements of a crisis that have taken effect, or are to."""
    statement = select(Displacement).where(
        col(Displacement.crisis_id) == crisis_id, col(Displacement.status) != DisplacementStatus.DROPPED
    )
    statement = statement.order_by(col(Displacement.id)).execution_options(populate_existing=True)
    return list(await session.scalars(statement))


async def ended_campaigns(session: AsyncSession, most: int) -> list[tuple[CrisisOrder, Booking]]:
    """Return accepted orders whose campaign has ended, locked, with it; those being changed are passed over."""
    statement = (
        select(CrisisOrder, Booking)
        .join(Booking, col(Booking.id) == col(CrisisOrder.booking_id))
        .where(
            col(CrisisOrder.status) == OrderStatus.ACCEPTED,
            col(Booking.status).in_([BookingStatus.COMPLETED, BookingStatus.FAILED]),
        )
        .order_by(col(CrisisOrder.id))
        .limit(most)
        .with_for_update(of=CrisisOrder, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return [(order, campaign) for order, campaign in await session.execute(statement)]
