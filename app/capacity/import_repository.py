"""Queries of imports and exports: whole calendars at once, however many rows a file has."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.calendar_repository import first_day, overlaps
from app.capacity.import_schemas import CalendarFilter
from app.capacity.models import Commitment, Slot
from app.capacity.supply import Span
from app.catalogue.models import ProductionLine, Site, Unit

Entry = TypeVar("Entry", Slot, Commitment)
ROWS_AT_A_TIME = 500


async def entries_by_id(session: AsyncSession, kind: type[Entry], ids: Collection[UUID]) -> dict[UUID, Entry]:
    """Return these slots or commitments as the database has them now; one that does not exist is left out."""
    if not ids:
        return {}
    statement = select(kind).where(col(kind.id).in_(ids)).execution_options(populate_existing=True)
    return {one.id: one for one in await session.scalars(statement)}


async def entries_within(
    session: AsyncSession, kind: type[Entry], unit_ids: Collection[UUID], window: Span | None
) -> list[Entry]:
    """Return the slots or commitments of some units that have a day within a window, as they are now."""
    if not unit_ids or window is None:
        return []
    statement = select(kind).where(col(kind.unit_id).in_(unit_ids), overlaps(col(kind.period), *window))
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


async def update_entries(session: AsyncSession, kind: type[Entry], changed: Sequence[Mapping[str, Any]]) -> None:
    """Write the columns of many slots or commitments, each with its `id`, in one exchange with the server."""
    if changed:
        await session.execute(update(kind), [dict(one) for one in changed])


async def stream_calendar(
    session: AsyncSession, kind: type[Entry], query: CalendarFilter, owner_id: UUID
) -> AsyncIterator[tuple[Entry, str, str, str]]:
    """Yield an organisation's slots or commitments with the names of site, line and unit, in that order, by day."""
    rows = await session.stream(own_calendar(kind, query, owner_id), execution_options={"yield_per": ROWS_AT_A_TIME})
    async for entry, site, line, unit in rows:
        yield entry, site, line, unit


def own_calendar(kind: type[Entry], query: CalendarFilter, owner_id: UUID) -> Select[*tuple[Any, ...]]:
    """Return the statement of `stream_calendar`."""
    statement = (
        select(kind, col(Site.name), col(ProductionLine.name), col(Unit.name))
        .join(Unit, col(Unit.id) == col(kind.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(col(Site.organisation_id) == owner_id)
    )
    for name, value in (
        (col(Site.id), query.site_id),
        (col(ProductionLine.id), query.line_id),
        (col(Unit.id), query.unit_id),
    ):
        if value is not None:
            statement = statement.where(name == value)
    if query.start is not None or query.end is not None:
        statement = statement.where(overlaps(col(kind.period), query.start, query.end))
    order = (col(Site.name), col(ProductionLine.name), col(Unit.name), first_day(col(kind.period)), col(kind.id))
    return statement.order_by(*order)
