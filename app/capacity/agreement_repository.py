"""Queries on agreements and on the slots that count towards them."""

from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.agreement_schemas import AgreementFilter
from app.capacity.calendar_repository import overlaps
from app.capacity.models import Agreement, Slot, SlotStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.paging import fetch_page


async def page_agreements(
    session: AsyncSession, query: AgreementFilter, *, owner_id: UUID | None
) -> tuple[list[Agreement], str | None]:
    """Return one page of agreements in the order of their creation: an organisation's, or everybody's."""
    statement = select(Agreement)
    for name, value in (
        (col(Agreement.organisation_id), owner_id),
        (col(Agreement.organisation_id), query.organisation_id),
        (col(Agreement.reserve), query.reserve),
        (col(Agreement.line_id), query.line_id),
    ):
        if value is not None:
            statement = statement.where(name == value)
    return await fetch_page(session, statement, query, [(col(Agreement.id), UUID)])


async def find_agreement(session: AsyncSession, agreement_id: UUID) -> Agreement | None:
    """Return the agreement, or None."""
    return await session.get(Agreement, agreement_id)


async def published_spans(session: AsyncSession, agreement: Agreement) -> list[Span]:
    """Return the published slots that count towards an agreement, uncut.

    They are of its reserve, on its line or on lines of its CDMO that make its modality, and name either this
    agreement or none: nothing counts twice.
    """
    statement = (
        select(col(Slot.period))
        .join(Unit, col(Unit.id) == col(Slot.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(
            col(Slot.status) == SlotStatus.PUBLISHED,
            col(Slot.reserve) == agreement.reserve,
            or_(col(Slot.agreement_id) == agreement.id, col(Slot.agreement_id).is_(None)),
            col(Site.organisation_id) == agreement.organisation_id,
            overlaps(col(Slot.period), *span_of(agreement.period)),
        )
    )
    if agreement.line_id is not None:
        statement = statement.where(col(ProductionLine.id) == agreement.line_id)
    if agreement.modality is not None:
        statement = statement.where(col(ProductionLine.modalities).contains([agreement.modality]))
    return [span_of(one) for one in await session.scalars(statement)]
