"""Statements that go to the driver as they are, made once: for what is asked most.

SQLAlchemy makes the statement, with its tables and types; asyncpg runs it. To run it through SQLAlchemy as well takes
five times as long, most of it in finding out each time what statement it is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import asyncpg
from sqlalchemy import BindParameter, ClauseElement, Float, Numeric, Select, select, true
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel

from app.core.plain import columns_of, plain

Record: TypeAlias = asyncpg.Record
Driver: TypeAlias = asyncpg.Connection
"""A connection as the driver has it."""

_DIALECT = dialect(dbapi=dialect.import_dbapi())  # type: ignore[no-untyped-call]


async def driver_of(connection: AsyncConnection | AsyncSession) -> Driver:
    """Return the driver's own connection below one of SQLAlchemy's, or below that of a session.

    What a session has begun goes on there: the driver's statements are part of the same transaction. If it has not
    sent anything yet, each is a transaction of its own.
    """
    if isinstance(connection, AsyncSession):
        connection = await connection.connection()
    driver: Driver = (await connection.get_raw_connection()).driver_connection
    return driver


class Prepared:
    """A statement compiled once, to be run often.

    Parameters
    ----------
    statement
        With a `bindparam` for each value that differs from one run to the next.
    """

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - what any statement is compiled to
        self.sql = compiled.string
        self._parameters = [_Parameter.of(compiled.binds[name]) for name in compiled.positiontup or ()]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values in the order of their places, as the driver takes them."""
        return [one.value(values) for one in self._parameters]

    async def all(self, driver: Driver, values: Mapping[str, Any]) -> list[Record]:
        """Return all rows."""
        found: list[Record] = await driver.fetch(self.sql, *self.arguments(values))
        return found

    async def first(self, driver: Driver, values: Mapping[str, Any]) -> Record | None:
        """Return the first row, or None without any."""
        found: Record | None = await driver.fetchrow(self.sql, *self.arguments(values))
        return found


class PreparedRows(Prepared):
    """A prepared statement that selects all columns of some tables, as `columns_of` gives them, and then others."""

    def __init__(self, statement: Select[Any], *models: type[SQLModel]) -> None:
        super().__init__(statement)
        self.statement = statement
        reads = [_reading(one.type) for one in statement.selected_columns]
        self._reads = [(place, read) for place, read in enumerate(reads) if read is not None]
        self._models: list[tuple[type[SQLModel], list[str], slice]] = []
        begin = 0
        for model in models:
            names = [column.name for column in columns_of(model)]
            self._models.append((model, names, slice(begin, begin + len(names))))
            begin += len(names)
        self._others = slice(begin, None)

    async def one(self, driver: Driver, values: Mapping[str, Any]) -> list[Any] | None:
        """Return a plain row of each table, or None where an outer join has none, and the other values; or None."""
        found = await self.first(driver, values)
        return None if found is None else self.read(found)

    async def each(self, driver: Driver, values: Mapping[str, Any]) -> list[list[Any]]:
        """Return what `one` does of every row."""
        return [self.read(found) for found in await self.all(driver, values)]

    def read(self, found: Sequence[Any]) -> list[Any]:
        """Return a plain row of each table out of what the driver returned, and the other values."""
        cells = list(found)
        for place, read in self._reads:
            if cells[place] is not None:
                cells[place] = read(cells[place])
        rows = [
            None if cells[part.start] is None else plain(model, dict(zip(names, cells[part], strict=True)))
            for model, names, part in self._models
        ]
        return [*rows, *cells[self._others]]


class Together(Prepared):
    """Two prepared statements of at most one row each, run as one: it saves a journey to the server."""

    def __init__(self, first: PreparedRows, second: PreparedRows) -> None:
        one, other = first.statement.subquery(), second.statement.subquery()
        super().__init__(select(*one.c, *other.c).select_from(one.outerjoin(other, true(), full=True)))
        self._parts = (first, slice(len(one.c))), (second, slice(len(one.c), None))

    async def one_each(self, driver: Driver, values: Mapping[str, Any]) -> list[list[Any] | None]:
        """Return what each of them does as `one`."""
        found = await self.first(driver, values)
        if found is None:
            return [None, None]
        rows = [statement.read(found[part]) for statement, part in self._parts]
        return [None if row[0] is None else row for row in rows]


def _reading(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """Return what makes the value of a column out of the driver's; None where they are the same, as numbers are."""
    return None if isinstance(kind, Float | Numeric) else kind.dialect_impl(_DIALECT).result_processor(_DIALECT, None)


class _Parameter(NamedTuple):
    """A place in a statement for a value: one that is given with each run, or the statement's own."""

    name: str
    own: Any
    given: bool
    convert: Callable[[Any], Any]

    @classmethod
    def of(cls, bound: BindParameter[Any]) -> "_Parameter":
        convert = bound.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
        return cls(bound.key, bound.effective_value, bound.required, convert or (lambda value: value))

    def value(self, values: Mapping[str, Any]) -> Any:
        return self.convert(values[self.name] if self.given else self.own)
