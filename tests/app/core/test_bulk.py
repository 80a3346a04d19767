"""Rows sent as JSON: what is stored is what an ordinary insert would have stored, whatever the table."""

from typing import Any

import pytest
from pydantic_core import to_json
from sqlalchemy import inspect, select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from app.audit.models import ActorKind, AuditRecord
from app.bookings.models import Booking
from app.core.bulk import spelt
from app.core.database import transaction
from app.core.model import new_id
from app.tables import metadata
from tests.migrations.specimens import specimens
from tests.support.world import World


def _state(row: SQLModel) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).__table__.columns.keys()}  # type: ignore[attr-defined]  # noqa: SIM118


def _word(value: object) -> object:
    """Spell what JSON has no word for as the server reads it."""
    if isinstance(value, Range):
        return f"[{value.lower},{value.upper})"
    return "\\x" + value.hex() if isinstance(value, bytes) else value


async def insert_rows(session: AsyncSession, rows: list[SQLModel]) -> None:
    for row in rows:
        columns = ", ".join(
            f'"{one.name}"' for one in metadata.tables[str(row.__tablename__)].c if one.identity is None
        )
        statement = (
            f"INSERT INTO {row.__tablename__} ({columns}) SELECT {columns}"  # noqa: S608 - names of our own tables
            f" FROM jsonb_populate_recordset(CAST(NULL AS {row.__tablename__}), CAST(:rows AS jsonb))"
        )
        await session.execute(
            text(statement), {"rows": to_json([{name: _word(value) for name, value in spelt(row).items()}]).decode()}
        )


async def test_a_row_of_any_table_is_stored_as_given(world: World) -> None:
    rows = [row for row in specimens() if row.__tablename__ != "modalities"]
    assert len({row.__tablename__ for row in rows}) > len(metadata.tables) / 2
    async with transaction(world.sessions) as session:
        await insert_rows(session, rows)
    async with transaction(world.sessions) as session:
        for row in rows:
            kind = type(row)
            if kind is AuditRecord:
                continue
            stored = await session.get_one(kind, inspect(kind).primary_key_from_instance(row))
            assert _state(stored) == _state(row), row.__tablename__


async def test_a_constraint_speaks_by_its_name(world: World) -> None:
    rows = [row for row in specimens() if row.__tablename__ != "modalities"]
    [booking] = [row for row in rows if isinstance(row, Booking)]
    twice = Booking(**_state(booking) | {"id": new_id()})
    with pytest.raises(IntegrityError, match="ex_bookings_live_overlap"):
        async with transaction(world.sessions) as session:
            await insert_rows(session, [*rows, twice])


async def test_what_the_server_generates_is_left_to_it(world: World) -> None:
    record = AuditRecord(actor=ActorKind.JOB, action="row.made", object_type="rows", object_id=new_id())
    async with transaction(world.sessions) as session:
        await insert_rows(session, [record, record.model_copy(update={"object_id": new_id()})])
    async with transaction(world.sessions) as session:
        stored = list(await session.scalars(select(AuditRecord).where(col(AuditRecord.action) == "row.made")))
    assert sorted(one.id for one in stored if one.id) == [one.id for one in stored]
    assert len({one.id for one in stored}) == 2
