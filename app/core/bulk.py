"""Rows as JSON, so that one statement can write rows of several tables: one journey to the server."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from pydantic_core import to_json
from sqlalchemy import LargeBinary
from sqlalchemy.dialects.postgresql import DATERANGE
from sqlmodel import SQLModel


class WrittenColumns(NamedTuple):
    """The columns of a table that are written: all but those that the server generates.

    Attributes
    ----------
    periods, binaries
        Those of them that JSON has no word for.
    """

    names: tuple[str, ...]
    periods: tuple[str, ...]
    binaries: tuple[str, ...]


def rows_as_json(rows: Sequence[SQLModel]) -> str:
    """Return rows as JSON that `jsonb_populate_recordset` reads back, each whole but for what the server generates."""
    sent = []
    for row in rows:
        columns = written_columns(type(row))
        values = {name: getattr(row, name) for name in columns.names}
        for name in columns.periods:
            days = values[name]
            values[name] = None if days is None else f"[{days.lower},{days.upper})"
        for name in columns.binaries:
            values[name] = None if values[name] is None else "\\x" + values[name].hex()
        sent.append(values)
    return to_json(sent).decode()


@cache
def written_columns(model: type[SQLModel]) -> WrittenColumns:
    """Return the columns of a table that are written."""
    table = model.__table__  # type: ignore[attr-defined]
    columns = [column for column in table.columns if column.identity is None]
    return WrittenColumns(
        tuple(column.name for column in columns),
        tuple(column.name for column in columns if isinstance(column.type, DATERANGE)),
        tuple(column.name for column in columns if isinstance(column.type, LargeBinary)),
    )
