"""Queries on agreements and on the slots that count towards them."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import DATEMULTIRANGE, DATERANGE
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.capacity.agreement_schemas import AgreementFilter
from app.capacity.calendar_repository import day_at_sites, overlaps
from app.capacity.models import Agreement, Slot, SlotStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.paging import fetch_page


async def page_agreements(
    session: AsyncSession, query: AgreementFilter, *, party_id: UUID | None
) -> tuple[list[Agreement], str | None]:
    """Return one page of agreements in their order: those that an organisation promises or funds, or everybody's."""
    statement = select(Agreement)
    if party_id is not None:
        statement = statement.where(
            or_(col(Agreement.organisation_id) == party_id, col(Agreement.funder_id) == party_id)
        )
    for name, value in (
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


async def agreements_by_id(session: AsyncSession, agreement_ids: Collection[UUID]) -> dict[UUID, Agreement]:
    """Return these agreements; one that does not exist is left out."""
    found = await session.scalars(select(Agreement).where(col(Agreement.id).in_(agreement_ids)))
    return {one.id: one for one in found}


async def agreements_over(session: AsyncSession, days: Span) -> Sequence[Agreement]:
    """Return the agreements that cover some of these days, in their order."""
    statement = select(Agreement).where(overlaps(col(Agreement.period), *days)).order_by(col(Agreement.id))
    return (await session.scalars(statement)).all()


async def published_spans(session: AsyncSession, agreement: Agreement) -> list[Span]:
    """Return the published days that count towards an agreement, those outside it too.

    They are of its reserve, on its line or on lines of its CDMO that make its modality, in slots that name either this
    agreement or none. Days of a slot that names none count towards the oldest agreement that they fit: nothing counts
    twice. A day counts if its slot was there by then: nothing is made ready for the past. A slot that was to be
    released when it was made, or before, was never reserved.
    """
    made_on = day_at_sites(col(Slot.created_at))
    older = aliased(Agreement)
    taken = (
        select(func.range_agg(older.period, type_=DATEMULTIRANGE))
        .where(
            col(older.id) < agreement.id,
            col(older.organisation_id) == agreement.organisation_id,
            col(older.reserve) == agreement.reserve,
            or_(col(older.line_id).is_(None), col(older.line_id) == col(ProductionLine.id)),
            or_(
                col(older.modality).is_(None),
                col(older.modality) == func.any(col(ProductionLine.modalities)),
            ),
        )
        .correlate(ProductionLine)
        .scalar_subquery()
    )
    whole = func.datemultirange(col(Slot.period), type_=DATEMULTIRANGE)
    left = whole.op("-", return_type=DATEMULTIRANGE())(func.coalesce(taken, literal([], DATEMULTIRANGE)))
    known = func.datemultirange(func.daterange(made_on, None), type_=DATEMULTIRANGE)
    days: ColumnElement[Any] = case((col(Slot.agreement_id).is_(None), left), else_=whole)
    statement = (
        select(func.unnest(days.op("*", return_type=DATEMULTIRANGE())(known), type_=DATERANGE))
        .join(Unit, col(Unit.id) == col(Slot.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(
            col(Slot.status) == SlotStatus.PUBLISHED,
            col(Slot.reserve) == agreement.reserve,
            or_(col(Slot.releases_on).is_(None), col(Slot.releases_on) > made_on),
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
