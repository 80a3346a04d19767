"""Keyset paging: the union of the pages is the whole set, also under ties, nulls and inserts."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field, field_validator
from sqlalchemy import Row, Select, SQLColumnExpression, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

Item = TypeVar("Item")


class BigInt(int):
    """The kind of a `bigint` in a sort key; `int` is that of an `integer`."""


class Page(BaseModel, Generic[Item]):
    """One page of a list; `next` is the address of the page after it, or null at the end."""

    items: list[Item]
    next: str | None = Field(default=None, description="Address of the next page, or null at the end")


def storable(value: object) -> object:
    """Return the value, unless it is, or holds in a list, a text that PostgreSQL cannot hold."""
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("must not contain the character U+0000")
    if isinstance(value, list | tuple):
        for one in value:
            storable(one)
    return value


class PageQuery(BaseModel):
    """How many items a page holds, and where it starts; a list with filters extends this model with them."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Items on a page")
    cursor: str | None = Field(default=None, max_length=600, description="Opaque: taken from `next`")

    _storable = field_validator("*")(storable)


def encode_cursor(values: Sequence[object]) -> str:
    """Return the opaque cursor of a row's sort key."""
    text = json.dumps([value.isoformat() if isinstance(value, date) else str(value) for value in values])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type]) -> tuple[Any, ...]:
    """Return the sort key in a cursor.

    Raises
    ------
    Invalid
        If the cursor was not made by `encode_cursor` for a key of these kinds.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(_PARSERS[kind](_text(value)) for kind, value in zip(kinds, values, strict=True))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise Invalid.field("query/cursor", "The cursor is not one of ours: start again without it.") from None


def _text(value: object) -> str:
    """Return a member of a cursor; `encode_cursor` makes texts alone."""
    if not isinstance(value, str):
        raise TypeError
    return str(storable(value))


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError
    return instant


def _integer(bits: int, text: str) -> int:
    number = int(text)
    if str(number) != text or not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):  # other scripts have digits too
        raise ValueError
    return number


_PARSERS: dict[type, Callable[[str], Any]] = {
    UUID: UUID,
    date: date.fromisoformat,
    datetime: _instant,
    int: partial(_integer, 32),
    BigInt: partial(_integer, 64),
    str: str,
}


async def fetch_page(
    session: AsyncSession,
    statement: Select[Any],
    paging: PageQuery,
    keys: Sequence[tuple[SQLColumnExpression[Any], type]],
) -> tuple[list[Any], str | None]:
    """Return the rows of one page in the order of `keys`, and the cursor of the next page or None.

    Parameters
    ----------
    statement
        A select whose first column is the entity, without order or limit.
    keys
        The sort key, as pairs of a never-null column and its Python type; the last must be unique.
    """
    page, cursor = await fetch_rows(session, statement, paging, keys)
    return [row[0] for row in page], cursor


async def fetch_rows(
    session: AsyncSession,
    statement: Select[Any],
    paging: PageQuery,
    keys: Sequence[tuple[SQLColumnExpression[Any], type]],
) -> tuple[Sequence[Row[Any]], str | None]:
    """Return what `fetch_page` does with all columns of each row; those of the sort key come last."""
    columns = [column for column, _ in keys]
    if paging.cursor:
        after = decode_cursor(paging.cursor, [kind for _, kind in keys])
        statement = statement.where(tuple_(*columns) > tuple_(*after))
    statement = statement.add_columns(*columns).order_by(*columns).limit(paging.limit + 1)
    rows = (await session.execute(statement)).all()
    page = rows[: paging.limit]
    more = len(rows) > paging.limit
    return page, encode_cursor(page[-1][-len(columns) :]) if more else None
