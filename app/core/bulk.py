"""Rows of several tables written in one statement: one journey to the server, whatever their number.

References between the rows hold: the server checks them when the statement ends. The rows themselves are as they are
given; nothing is read back.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic_core import to_json, to_jsonable_python
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel


async def insert_rows(session: AsyncSession, rows: Sequence[SQLModel]) -> None:
    """Insert rows, each whole: every column as the row has it, but for those that the server generates.

    Constraints speak as they do for any other insert; the rows do not become part of the session.
    """
    by_table: dict[type[SQLModel], list[SQLModel]] = defaultdict(list)
    for row in rows:
        by_table[type(row)].append(row)
    parameters = {f"rows_{number}": rows_as_json(some) for number, some in enumerate(by_table.values())}
    await session.execute(_statement(tuple(by_table)), parameters)


def rows_as_json(rows: Sequence[SQLModel]) -> str:
    """Return rows as JSON that `jsonb_populate_recordset` reads back, without what the server generates."""
    return to_json([{name: _sent(getattr(row, name)) for name in _columns(type(row))} for row in rows]).decode()


@cache
def _columns(model: type[SQLModel]) -> tuple[str, ...]:
    """Return the columns that are written: all but those the server generates."""
    table = model.__table__  # type: ignore[attr-defined]
    return tuple(column.name for column in table.columns if column.identity is None)


@cache
def _statement(models: tuple[type[SQLModel], ...]) -> TextClause:
    parts = []
    for number, model in enumerate(models):
        table, names = str(model.__tablename__), ", ".join(f'"{name}"' for name in _columns(model))
        parts.append(
            f"INSERT INTO {table} ({names}) SELECT {names}"  # noqa: S608 - names of our own tables and columns
            f" FROM jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:rows_{number} AS jsonb))"
        )
    *before, last = parts
    if not before:
        return text(last)
    return text("WITH " + ", ".join(f"part_{n} AS ({one})" for n, one in enumerate(before)) + " " + last)


def _sent(value: Any) -> Any:
    """Return a value as JSON that the server reads as its column's type."""
    if isinstance(value, Range):
        return f"[{value.lower},{value.upper})"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return to_jsonable_python(value)
