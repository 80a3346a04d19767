"""Queries on documents of which records have a digest instead."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from app.core.digests import digest_of

MEMBER = "sha256"
"""What stands in a record in the place of a document: an object with this member alone, the digest."""


async def digests_of(session: AsyncSession, row: SQLModel, columns: Collection[str]) -> dict[str, str | None]:
    """Return by column the digests of a row's documents as they are stored; None where there is none."""
    table = type(row).__table__  # type: ignore[attr-defined]
    statement = select(*(digest_of(table.c[name]).label(name) for name in columns))
    found = await session.execute(statement.where(table.c.id == row.id))  # type: ignore[attr-defined]
    return dict(found.mappings().one())


class Altered(NamedTuple):
    """A column of a row that is not what the last record of the row has a digest of."""

    row_id: UUID
    column: str
    record_id: int


async def rows_after(session: AsyncSession, table: str, after: UUID | None, most: int) -> Sequence[UUID]:
    """Return the identifiers of so many rows of a table behind one, in their order."""
    statement = text(
        f"SELECT id FROM {table} WHERE CAST(:after AS uuid) IS NULL OR id > :after ORDER BY id LIMIT :most"  # noqa: S608
    )
    return (await session.scalars(statement, {"after": after, "most": most})).all()


async def altered(session: AsyncSession, table: str, columns: Collection[str], rows: Sequence[UUID]) -> list[Altered]:
    """Return which documents of rows are not what their last record tells; one that tells no digest is passed over."""
    found = ", ".join(f"('{name}', encode(sha256(convert_to(\"{name}\"::text, 'UTF8')), 'hex'))" for name in columns)
    statement = text(
        f"SELECT kept.id, found.name, told.id FROM {table} kept CROSS JOIN LATERAL ("  # noqa: S608 - all of it is ours
        " SELECT id, after FROM audit_records WHERE object_type = :table AND object_id = kept.id"
        f" ORDER BY id DESC LIMIT 1) told CROSS JOIN LATERAL (VALUES {found}) found (name, digest)"
        " WHERE kept.id = ANY(CAST(:rows AS uuid[])) AND told.after -> found.name IS NOT NULL"
        " AND told.after -> found.name ->> :member IS DISTINCT FROM found.digest ORDER BY kept.id, found.name"
    )
    told = await session.execute(statement, {"table": table, "rows": list(rows), "member": MEMBER})
    return [Altered(*row) for row in told]


async def gone(session: AsyncSession, table: str) -> list[tuple[UUID, int]]:
    """Return the rows that records tell of and that are not there any more, each with its last record."""
    statement = text(
        "SELECT object_id, max(id) FROM audit_records told WHERE object_type = :table"  # noqa: S608
        f" AND NOT EXISTS (SELECT FROM {table} kept WHERE kept.id = told.object_id) GROUP BY 1 ORDER BY 1"
    )
    return [(row[0], row[1]) for row in await session.execute(statement, {"table": table})]
