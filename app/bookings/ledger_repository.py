"""Queries on charges."""

from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.models import Charge, ChargeKind
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.paging import PageQuery, fetch_page


async def seller_of(session: AsyncSession, unit_id: UUID) -> UUID:
    """Return the organisation whose site a unit stands on."""
    statement = (
        select(col(Site.organisation_id))
        .join(ProductionLine, col(ProductionLine.site_id) == col(Site.id))
        .join(Unit, col(Unit.line_id) == col(ProductionLine.id))
        .where(col(Unit.id) == unit_id)
    )
    return (await session.scalars(statement)).one()


async def sums_of(session: AsyncSession, booking_id: UUID) -> dict[ChargeKind, int]:
    """Return the sums of a booking's charges, in cents, by kind."""
    statement = (
        select(col(Charge.kind), func.sum(col(Charge.amount_cents)))
        .where(col(Charge.booking_id) == booking_id)
        .group_by(col(Charge.kind))
    )
    return {kind: int(total) for kind, total in await session.execute(statement)}


async def page_charges(
    session: AsyncSession, organisation_id: UUID | None, paging: PageQuery
) -> tuple[list[Charge], str | None]:
    """Return one page of charges on either side of which an organisation stands, in the order of their creation."""
    statement = select(Charge)
    if organisation_id is not None:
        statement = statement.where(
            or_(col(Charge.organisation_id) == organisation_id, col(Charge.counterparty_id) == organisation_id)
        )
    return await fetch_page(session, statement, paging, [(col(Charge.id), UUID)])
