"""Queries on commitments."""

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.calendar_repository import first_day, overlaps
from app.capacity.commitment_schemas import CommitmentFilter
from app.capacity.models import Commitment
from app.capacity.repository import units_of_owner
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.paging import fetch_page


async def page_commitments(
    session: AsyncSession, query: CommitmentFilter, *, owner_id: UUID
) -> tuple[list[Commitment], str | None]:
    """Return one page of an organisation's commitments, by their first day."""
    statement = (
        select(Commitment)
        .join(Unit, col(Unit.id) == col(Commitment.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(col(Site.organisation_id) == owner_id)
    )
    for name, value in (
        (col(Commitment.unit_id), query.unit_id),
        (col(ProductionLine.id), query.line_id),
        (col(Commitment.kind), query.kind),
    ):
        if value is not None:
            statement = statement.where(name == value)
    if query.start is not None or query.end is not None:
        statement = statement.where(overlaps(col(Commitment.period), query.start, query.end))
    keys = [(first_day(col(Commitment.period)), date), (col(Commitment.id), UUID)]
    return await fetch_page(session, statement, query, keys)


async def find_commitment(session: AsyncSession, commitment_id: UUID, *, owner_id: UUID) -> Commitment | None:
    """Return the commitment as the database has it now, or None; None too if it is on another's unit."""
    statement = select(Commitment).where(
        col(Commitment.id) == commitment_id, col(Commitment.unit_id).in_(units_of_owner(owner_id))
    )
    return (await session.scalars(statement.execution_options(populate_existing=True))).one_or_none()
