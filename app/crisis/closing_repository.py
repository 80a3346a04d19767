"""Queries on the ledger of a crisis."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.models import Charge
from app.crisis.closing_models import CrisisClosing
from app.identity.models import Organisation


async def charges_of(session: AsyncSession, crisis_id: UUID) -> list[Charge]:
    """Return every charge of a crisis, in the order in which they were made."""
    return list(
        await session.scalars(select(Charge).where(col(Charge.crisis_id) == crisis_id).order_by(col(Charge.id)))
    )


async def names_of(session: AsyncSession, organisation_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of organisations by identifier."""
    statement = select(col(Organisation.id), col(Organisation.name)).where(
        col(Organisation.id).in_(list(organisation_ids))
    )
    return {row.id: row.name for row in await session.execute(statement)}


async def closing_of(session: AsyncSession, crisis_id: UUID) -> CrisisClosing | None:
    """Return the closing statement of a crisis, or None before its end."""
    return (await session.scalars(select(CrisisClosing).where(col(CrisisClosing.crisis_id) == crisis_id))).one_or_none()
