"""Queries on orders that nobody has answered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, Interval, and_, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.crisis.declaration import CrisisRules
from app.crisis.models import Crisis, CrisisOrder, CrisisStatus, OrderStatus


async def due_crisis(session: AsyncSession, at: datetime) -> UUID | None:
    """Return a crisis with an order of which its CDMO is to be reminded, or those who lead told; None without any."""
    hours = func.coalesce(cast(col(Crisis.rules)["reminder_hours"].astext, Integer), CrisisRules().reminder_hours)
    due_at = col(CrisisOrder.respond_by_at) - hours * cast(literal("1 hour"), Interval)
    statement = (
        select(col(CrisisOrder.crisis_id))
        .join(Crisis, col(Crisis.id) == col(CrisisOrder.crisis_id))
        .where(
            col(Crisis.status) == CrisisStatus.ACTIVE,
            col(CrisisOrder.status) == OrderStatus.ISSUED,
            col(CrisisOrder.escalated_at).is_(None),
            or_(col(CrisisOrder.respond_by_at) <= at, and_(col(CrisisOrder.reminded_at).is_(None), due_at <= at)),
        )
        .order_by(col(CrisisOrder.respond_by_at), col(CrisisOrder.id))
        .limit(1)
    )
    return (await session.scalars(statement)).one_or_none()
