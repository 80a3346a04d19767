"""Queries on documents of which records have a digest instead."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, column, select, table, text, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from app.audit.models import AuditRecord
from app.core.digests import digest_of

MEMBER = "sha256"
"""What stands in a record in the place of a document: an object with this member alone, the digest."""


async def digests_of(session: AsyncSession, row: SQLModel, columns: Collection[str]) -> dict[str, str | None]:
    """Return by column the digests of a row's documents as they are stored; None where there is none."""
    kept = type(row).__table__  # type: ignore[attr-defined]
    statement = select(*(digest_of(kept.c[name]).label(name) for name in columns))
    found = await session.execute(statement.where(kept.c.id == row.id))  # type: ignore[attr-defined]
    return dict(found.mappings().one())


class Altered(NamedTuple):
    """A column of a row that is not what the last record of the row has a digest of."""

    row_id: UUID
    column: str
    record_id: int


async def rows_after(session: AsyncSession, name: str, after: UUID | None, most: int) -> Sequence[UUID]:
    """Return the identifiers of so many rows of a table behind one, in their order."""
    statement = text(
        f"SELECT id FROM {name} WHERE CAST(:after AS uuid) IS NULL OR id > :after ORDER BY id LIMIT :most"  # noqa: S608
    )
    return (await session.scalars(statement, {"after": after, "most": most})).all()


async def altered(session: AsyncSession, name: str, documents: Iterable[str], rows: Sequence[UUID]) -> list[Altered]:
    """Return which documents of rows are not what their last record tells; one that tells no digest is passed over."""
    found: list[Altered] = []
    for document in documents:
        kept = table(name, column("id", Uuid), column(document, JSONB))
        last = (
            select(col(AuditRecord.id), col(AuditRecord.after)[document].label("told"))
            .where(col(AuditRecord.object_type) == name, col(AuditRecord.object_id) == kept.c.id)
            .order_by(col(AuditRecord.id).desc())
            .limit(1)
            .lateral("last")
        )
        differs = last.c.told[MEMBER].astext.is_distinct_from(digest_of(kept.c[document]))
        statement = select(kept.c.id, last.c.id).join_from(kept, last, true())
        told = statement.where(kept.c.id.in_(rows), last.c.told.is_not(None), differs).order_by(kept.c.id)
        found += [Altered(row_id, document, record_id) for row_id, record_id in await session.execute(told)]
    return found


async def gone(session: AsyncSession, name: str) -> list[tuple[UUID, int]]:
    """Return the rows that records tell of and that are not there any more, each with its last record."""
    statement = text(
        "SELECT object_id, max(id) FROM audit_records told WHERE object_type = :table"  # noqa: S608
        f" AND NOT EXISTS (SELECT FROM {name} kept WHERE kept.id = told.object_id) GROUP BY 1 ORDER BY 1"
    )
    return [(row[0], row[1]) for row in await session.execute(statement, {"table": name})]
