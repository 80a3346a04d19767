"""Queries on audit records."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.audit.models import AuditRecord
from app.audit.schemas import AuditFilter
from app.core.paging import BigInt, fetch_page


async def page_records(
    session: AsyncSession, wanted: AuditFilter, organisation_id: UUID | None
) -> tuple[list[AuditRecord], str | None]:
    """Return one page of records that pass the filters, of one organisation or of all, the oldest first."""
    statement = select(AuditRecord).where(*_conditions(wanted, organisation_id))
    order = [(col(AuditRecord.at), datetime), (col(AuditRecord.id), BigInt)]
    return await fetch_page(session, statement, wanted, order)


def _conditions(wanted: AuditFilter, organisation_id: UUID | None) -> list[ColumnElement[bool]]:
    equal = {
        col(AuditRecord.organisation_id): organisation_id,
        col(AuditRecord.object_type): wanted.object_type,
        col(AuditRecord.object_id): wanted.object_id,
        col(AuditRecord.action): wanted.action,
        col(AuditRecord.actor): wanted.actor,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.start is not None:
        conditions.append(col(AuditRecord.at) >= wanted.start)
    if wanted.end is not None:
        conditions.append(col(AuditRecord.at) < wanted.end)
    return conditions
