"""Queries on the answers of those whose lots give way."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Interval, and_, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.models import Booking
from app.crisis.declaration import CrisisRules
from app.crisis.models import Crisis, Displacement, DisplacementStatus


class Due(NamedTuple):
    """A displacement whose owner is to be reminded, or has not answered in time."""

    displacement_id: UUID
    crisis_id: UUID


async def is_owners(session: AsyncSession, crisis_id: UUID, displacement_id: UUID, owner_id: UUID) -> bool:
    """Tell whether a displacement of a real crisis is that of a booking of one owner."""
    statement = (
        select(col(Displacement.id))
        .join(Booking, col(Booking.id) == col(Displacement.booking_id))
        .where(
            col(Displacement.id) == displacement_id,
            col(Displacement.crisis_id) == crisis_id,
            col(Booking.organisation_id) == owner_id,
            func.is_real_crisis(col(Displacement.crisis_id)),
        )
    )
    return (await session.scalar(statement)) is not None


async def lock_displacement(session: AsyncSession, displacement_id: UUID) -> Displacement | None:
    """Return a displacement as it is now, locked until the transaction ends, or None."""
    return await session.get(Displacement, displacement_id, populate_existing=True, with_for_update=True)


async def due_answer(session: AsyncSession, at: datetime) -> Due | None:
    """Return the longest due of the owners who have not answered: to be reminded, or too late; None without any."""
    rule = "first_refusal_reminder_hours"
    hours = func.coalesce(cast(col(Crisis.rules)[rule].astext, Integer), CrisisRules().first_refusal_reminder_hours)
    notice = hours * cast(literal("1 hour"), Interval)
    to_be_reminded = and_(col(Displacement.reminded_at).is_(None), col(Displacement.answer_by_at) - notice <= at)
    statement = (
        select(col(Displacement.id), col(Displacement.crisis_id))
        .join(Crisis, col(Crisis.id) == col(Displacement.crisis_id))
        .where(
            col(Displacement.answer).is_(None),
            col(Displacement.status) == DisplacementStatus.EFFECTIVE,
            or_(to_be_reminded, col(Displacement.answer_by_at) <= at),
        )
        .order_by(col(Displacement.answer_by_at), col(Displacement.id))
        .limit(1)
    )
    found = (await session.execute(statement)).one_or_none()
    return Due(*found) if found else None
