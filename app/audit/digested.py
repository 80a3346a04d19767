"""Bulky documents stand in their own rows alone: a record, which is sealed, has their digests instead.

A digest is `{"sha256": ...}`, in hexadecimal, of the text in which PostgreSQL has the document (`column::text`). It
shows that the row still has what the record was written of: neither can be changed without the other telling.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from app.audit import digest_repository as repository
from app.audit.digest_repository import MEMBER

DIGESTED: Mapping[str, tuple[str, ...]] = {
    "runs": ("problem", "references", "solution"),
    "run_certificates": ("document",),
    "run_explanations": ("document",),
}
"""By table, the columns with such documents; no row of these tables is ever deleted."""

ROWS_AT_A_TIME = 50
"""So that a statement ends in time, whatever the size of the documents."""


async def digests_in(session: AsyncSession, row: SQLModel) -> dict[str, Any]:
    """Return by column what stands in the record of a row for its bulky documents, as they are stored by now."""
    columns = DIGESTED.get(str(row.__tablename__))
    if columns is None:
        return {}
    found = await repository.digests_of(session, row, columns)
    return {name: None if digest is None else {MEMBER: digest} for name, digest in found.items()}


async def document_faults(session: AsyncSession) -> AsyncIterator[str]:
    """Yield which documents are not what the last record of their row tells, and which rows are gone with theirs."""
    for table, columns in DIGESTED.items():
        last = None
        while rows := await repository.rows_after(session, table, last, ROWS_AT_A_TIME):
            for row_id, column, record_id in await repository.altered(session, table, columns, rows):
                yield f"{table} {row_id} is altered: its {column} is not what record {record_id} tells"
            last = rows[-1]
        for row_id, record_id in await repository.gone(session, table):
            yield f"{table} {row_id} is missing: record {record_id} tells of it"
