"""Rows in the words of JSON, as records tell them, for several tables at once; and many rows of one table."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import DATERANGE
from sqlalchemy.ext.asyncio import AsyncSession
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


async def insert_all(session: AsyncSession, model: type[SQLModel], rows: Sequence[SQLModel]) -> None:
    """Insert rows of one table, plain ones or others, of which the session keeps none."""
    if not rows:
        return
    names = written_columns(model).names
    table = model.__table__  # type: ignore[attr-defined]
    await session.execute(insert(table), [{name: getattr(row, name) for name in names} for row in rows])


def spelt(row: SQLModel) -> dict[str, Any]:
    """Return what is written of a row, by column, in the words of JSON; periods and documents as they are."""
    values = {name: getattr(row, name) for name in written_columns(type(row)).names}
    for name, value in values.items():
        if value is None:  # as most are: that is seen sooner than that it has no word
            continue
        word = _word(type(value))  # type: ignore[arg-type]  # every class is hashable
        if word is not None:
            values[name] = word(value)
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
