"""Queries on the ledger of a crisis."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.models import Booking, BookingStatus, Charge, FailureCause
from app.crisis.closing_models import CrisisClosing
from app.crisis.models import CrisisOrder
from app.identity.models import Organisation


async def charges_of(session: AsyncSession, crisis_id: UUID) -> list[Charge]:
    """Return every charge of a crisis, in the order in which they were made."""
    return list(
        await session.scalars(select(Charge).where(col(Charge.crisis_id) == crisis_id).order_by(col(Charge.id)))
    )


async def failure_causes(session: AsyncSession, crisis_id: UUID) -> dict[UUID, FailureCause | None]:
    """Return where the cause lies of each campaign of a crisis that has failed, by order."""
    statement = (
        select(col(CrisisOrder.id), col(Booking.failure_cause))
        .join(Booking, col(Booking.id) == col(CrisisOrder.booking_id))
        .where(col(CrisisOrder.crisis_id) == crisis_id, col(Booking.status) == BookingStatus.FAILED)
    )
    return {row.id: row.failure_cause for row in await session.execute(statement)}


async def names_of(session: AsyncSession, organisation_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of organisations by identifier."""
    if not organisation_ids:
        return {}
    statement = select(col(Organisation.id), col(Organisation.name)).where(
        col(Organisation.id).in_(list(organisation_ids))
    )
    return {row.id: row.name for row in await session.execute(statement)}


async def closing_of(session: AsyncSession, crisis_id: UUID) -> CrisisClosing | None:
    """Return the closing statement of a crisis, or None before its end."""
    return (await session.scalars(select(CrisisClosing).where(col(CrisisClosing.crisis_id) == crisis_id))).one_or_none()
