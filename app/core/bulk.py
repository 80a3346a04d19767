"""Rows in the words of JSON, as records tell them: one statement can write rows of several tables out of those."""

from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.dialects.postgresql import DATERANGE
from sqlmodel import SQLModel


class WrittenColumns(NamedTuple):
    """The columns of a table that are written: all but those that the server generates.

    Attributes
    ----------
    periods
        Those of them that JSON has no word for.
    """

    names: tuple[str, ...]
    periods: tuple[str, ...]


def spelt(row: SQLModel) -> dict[str, Any]:
    """Return what is written of a row, by column, in the words of JSON; periods and documents as they are."""
    values = {}
    for name in written_columns(type(row)).names:
        value = getattr(row, name)
        word = _word(type(value))  # type: ignore[arg-type]  # every class is hashable
        values[name] = value if word is None else word(value)
    return values


@cache
def _word(kind: type) -> Callable[[Any], Any] | None:
    """Return what makes the word of JSON for a value of a type, or None where it is one.

    Pydantic makes the same, but it takes four microseconds to find out that an identifier as the driver makes them is
    one, or a member of a vocabulary: a third of a row's time in all.
    """
    if issubclass(kind, UUID):
        return str
    if issubclass(kind, Enum):
        return attrgetter("value")
    if issubclass(kind, datetime):
        return lambda instant: instant.isoformat().replace("+00:00", "Z")
    return date.isoformat if issubclass(kind, date) else None


@cache
def written_columns(model: type[SQLModel]) -> WrittenColumns:
    """Return the columns of a table that are written."""
    table = model.__table__  # type: ignore[attr-defined]
    columns = [column for column in table.columns if column.identity is None]
    return WrittenColumns(
        tuple(column.name for column in columns),
        tuple(column.name for column in columns if isinstance(column.type, DATERANGE)),
    )
