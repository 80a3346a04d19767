"""Queries on charges."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.bookings.models import Booking, Charge, ChargeKind
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.paging import PageQuery, fetch_page
from app.identity.models import Organisation

ROWS_AT_A_TIME = 500


async def seller_of(session: AsyncSession, unit_id: UUID) -> UUID:
    """Return the organisation whose site a unit stands on."""
    statement = (
        select(col(Site.organisation_id))
        .join(ProductionLine, col(ProductionLine.site_id) == col(Site.id))
        .join(Unit, col(Unit.line_id) == col(ProductionLine.id))
        .where(col(Unit.id) == unit_id)
    )
    return (await session.scalars(statement)).one()


def of_its_startup() -> ColumnElement[bool]:
    """Return the condition on charges of bookings under which the booking's start-up owes them, or is credited."""
    return (col(Charge.booking_id) == col(Booking.id)) & (col(Charge.organisation_id) == col(Booking.organisation_id))


async def sums_of(session: AsyncSession, booking_id: UUID) -> dict[ChargeKind, int]:
    """Return the sums of what a booking's start-up is charged for it, in cents, by kind."""
    statement = (
        select(col(Charge.kind), func.sum(col(Charge.amount_cents)))
        .join(Booking, of_its_startup())
        .where(col(Charge.booking_id) == booking_id)
        .group_by(col(Charge.kind))
    )
    return {kind: int(total) for kind, total in await session.execute(statement)}


async def page_charges(
    session: AsyncSession, organisation_id: UUID | None, paging: PageQuery
) -> tuple[list[Charge], str | None]:
    """Return one page of charges on either side of which an organisation stands, in the order of their creation."""
    statement = select(Charge).where(*_of_either_side(organisation_id))
    return await fetch_page(session, statement, paging, [(col(Charge.id), UUID)])


async def stream_charges(
    session: AsyncSession, organisation_id: UUID | None
) -> AsyncIterator[tuple[Charge, str, str | None]]:
    """Yield the same charges in the same order, a few in memory at a time, with the names of both sides."""
    counterparty = aliased(Organisation)
    statement = (
        select(Charge, col(Organisation.name), col(counterparty.name))
        .join(Organisation, col(Organisation.id) == col(Charge.organisation_id))
        .outerjoin(counterparty, col(counterparty.id) == col(Charge.counterparty_id))
        .where(*_of_either_side(organisation_id))
        .order_by(col(Charge.id))
    )
    rows = await session.stream(statement, execution_options={"yield_per": ROWS_AT_A_TIME})
    async for charge, organisation, other in rows:
        yield charge, organisation, other


async def add_missing_quarters(session: AsyncSession, charges: Sequence[Charge]) -> list[Charge]:
    """Store charges for quarters of agreements, and return those whose quarter had none.

    They come in the order of agreements and quarters, so that two that store the same do not wait for each other.
    """
    if not charges:
        return []
    statement = (
        insert(Charge)
        .values([charge.model_dump() for charge in charges])
        .on_conflict_do_nothing(
            index_elements=["agreement_id", "quarter_on"], index_where=col(Charge.agreement_id).is_not(None)
        )
        .returning(Charge)
    )
    return list(await session.scalars(statement))


def _of_either_side(organisation_id: UUID | None) -> list[ColumnElement[bool]]:
    if organisation_id is None:
        return []
    return [or_(col(Charge.organisation_id) == organisation_id, col(Charge.counterparty_id) == organisation_id)]
