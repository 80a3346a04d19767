"""Queries on audit records."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.audit.models import AuditRecord
from app.audit.personal_models import AuditPersonalValue
from app.audit.schemas import AuditFilter
from app.core.paging import BigInt, fetch_page


async def page_records(
    session: AsyncSession, wanted: AuditFilter, organisation_id: UUID | None
) -> tuple[list[AuditRecord], str | None]:
    """Return one page of records that pass the filters, of one organisation or of all, the oldest first."""
    statement = select(AuditRecord).where(*_conditions(wanted, organisation_id))
    order = [(col(AuditRecord.at), datetime), (col(AuditRecord.id), BigInt)]
    return await fetch_page(session, statement, wanted, order)


async def personal_values(session: AsyncSession, commitments: Collection[bytes]) -> dict[bytes, str]:
    """Return the values behind these commitments; what is erased is left out."""
    statement = select(col(AuditPersonalValue.commitment), col(AuditPersonalValue.value)).where(
        col(AuditPersonalValue.commitment).in_(commitments), col(AuditPersonalValue.value).is_not(None)
    )
    return {row.commitment: row.value for row in await session.execute(statement)}


async def erased_people(session: AsyncSession, people: Collection[UUID]) -> set[UUID]:
    """Return those of these people who have been erased."""
    statement = text("SELECT person_id FROM erasures WHERE person_id = ANY(CAST(:people AS uuid[]))")
    return set(await session.scalars(statement, {"people": list(people)}))


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
