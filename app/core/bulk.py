"""Rows as JSON, so that one statement can write rows of several tables: one journey to the server."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic_core import to_json, to_jsonable_python
from sqlalchemy.dialects.postgresql import Range
from sqlmodel import SQLModel


def rows_as_json(rows: Sequence[SQLModel]) -> str:
    """Return rows as JSON that `jsonb_populate_recordset` reads back, each whole but for what the server generates."""
    return to_json([{name: _sent(getattr(row, name)) for name in _columns(type(row))} for row in rows]).decode()


@cache
def _columns(model: type[SQLModel]) -> tuple[str, ...]:
    """Return the columns that are written: all but those the server generates."""
    table = model.__table__  # type: ignore[attr-defined]
    return tuple(column.name for column in table.columns if column.identity is None)


def _sent(value: Any) -> Any:
    """Return a value as JSON that the server reads as its column's type."""
    if isinstance(value, Range):
        return f"[{value.lower},{value.upper})"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return to_jsonable_python(value)
