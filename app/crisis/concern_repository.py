"""Queries on whom a crisis concerns: who has an order of it, and whose lots give way to it."""

from uuid import UUID

from sqlalchemy import func, select, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.models import Booking
from app.crisis.models import CrisisOrder, Displacement, DisplacementStatus
from app.crisis.notice_models import Notice


async def has_order(session: AsyncSession, crisis_id: UUID, organisation_id: UUID) -> bool:
    """Tell whether an organisation has an order of a crisis."""
    statement = select(col(CrisisOrder.id)).where(
        col(CrisisOrder.crisis_id) == crisis_id, col(CrisisOrder.organisation_id) == organisation_id
    )
    return (await session.scalar(statement.limit(1))) is not None


async def crises_concerning(session: AsyncSession, organisation_id: UUID) -> set[UUID]:
    """Return the crises with an order to an organisation, and the real ones in which lots of its own give way.

    So are those in which one was to, and keeps its place: it has been told. Who is offered a place back gave way.
    """
    ordered = select(col(CrisisOrder.crisis_id)).where(col(CrisisOrder.organisation_id) == organisation_id)
    told = select(col(Notice.crisis_id)).where(
        col(Notice.organisation_id) == organisation_id, col(Notice.displacement_id).is_not(None)
    )
    standing = (
        select(col(Displacement.crisis_id))
        .join(Booking, col(Booking.id) == col(Displacement.booking_id))
        .where(col(Booking.organisation_id) == organisation_id, col(Displacement.status) != DisplacementStatus.DROPPED)
    )
    displacing = union(told, standing).subquery()
    real = select(displacing.c.crisis_id).where(func.is_real_crisis(displacing.c.crisis_id))
    return set(await session.scalars(union(ordered, real)))
