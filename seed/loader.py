"""Writing a world into the database: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import exists, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel, col

from app.audit.models import ActorKind
from app.tables import audit, bookings, capacity, catalogue, identity, requests
from seed.identifiers import identifier
from seed.world import World

TABLES: Final[Mapping[str, type[SQLModel]]] = {
    "modalities": catalogue.Modality,
    "organisations": identity.Organisation,
    "labels": identity.OrganisationLabel,
    "sites": catalogue.Site,
    "lines": catalogue.ProductionLine,
    "line_modalities": catalogue.LineModality,
    "units": catalogue.Unit,
    "agreements": capacity.Agreement,
    "commitments": capacity.Commitment,
    "slots": capacity.Slot,
    "products": requests.Product,
    "qualifications": requests.Qualification,
    "requests": requests.Request,
    "feasibilities": requests.Feasibility,
    "bookings": bookings.Booking,
    "charges": bookings.Charge,
}
"""The table of each field of a world, in the order of writing."""

_ROWS_AT_ONCE = 2_000
_LONGEST_STATEMENT = "120s"
_LOCK = 0x5EED


class AlreadySeeded(Exception):
    """The database holds organisations: nothing is written over them."""


async def is_seeded(connection: AsyncConnection) -> bool:
    """Whether the database holds any organisation; loads wait for each other from here to the transaction's end."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return bool(await connection.scalar(select(exists().where(col(identity.Organisation.id).is_not(None)))))


async def load_world(connection: AsyncConnection, world: World, *, about: Mapping[str, Any]) -> dict[str, int]:
    """Write all rows into an empty database, within the caller's transaction.

    Parameters
    ----------
    about
        What the world was made from; kept in the audit trail.

    Returns
    -------
    dict
        Number of rows written, by table.

    Raises
    ------
    AlreadySeeded
        The database is not empty.
    """
    if await is_seeded(connection):
        raise AlreadySeeded("the database is already seeded; nothing was loaded")
    await connection.execute(text(f"SET LOCAL statement_timeout = '{_LONGEST_STATEMENT}'"))
    counts = {}
    for name, table in TABLES.items():
        rows = [_values(row) for row in getattr(world, name)]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            await connection.execute(insert(table), rows[start : start + _ROWS_AT_ONCE])
        counts[str(table.__tablename__)] = len(rows)
    await _leave_record(connection, {**about, "rows": counts})
    return counts


def _values(row: Any) -> dict[str, Any]:
    """The columns of a row; unlike `asdict`, without copying what is inside them."""
    return {column.name: getattr(row, column.name) for column in fields(row)}


async def _leave_record(connection: AsyncConnection, after: Mapping[str, Any]) -> None:
    await connection.execute(
        insert(audit.AuditRecord).values(
            actor=ActorKind.JOB,
            job="seed",
            action="database.seeded",
            object_type="database",
            object_id=identifier("database"),
            after=dict(after),
        )
    )
