"""Rows that read like instances of their models, and are none: SQLAlchemy takes half a millisecond to make one."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from sqlalchemy import Column
from sqlmodel import SQLModel

Model = TypeVar("Model", bound=SQLModel)


def new_row(model: type[Model], **values: Any) -> Model:
    """Return a row that is stored nowhere yet, with the defaults of its model for what is not given."""
    alike, made = _defaults(model)
    return plain(model, {**alike, **{name: make() for name, make in made.items() if name not in values}, **values})


def plain(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Return a row with these values, by column."""
    return cast("Model", _kind(model)(**values))


def instance(model: type[Model], row: Model) -> Model:
    """Return an instance of the model with the values of a plain row."""
    return model(**vars(row))


def columns_of(*models: type[SQLModel]) -> Iterator[Column[Any]]:
    """Yield the columns of these tables, one table after the other."""
    for model in models:
        yield from model.__table__.columns  # type: ignore[attr-defined]


@cache
def _kind(model: type[SQLModel]) -> type[SimpleNamespace]:
    """Return the class of the plain rows of a table, which tells what they are rows of as the model does."""
    told = {"__table__": model.__table__, "__tablename__": model.__tablename__}  # type: ignore[attr-defined]
    return type(f"Plain{model.__name__}", (SimpleNamespace,), told)


@cache
def _defaults(model: type[SQLModel]) -> tuple[Mapping[str, Any], Mapping[str, Callable[[], Any]]]:
    """Return the defaults of a table's columns, and what makes those that each row has of its own.

    The server gives the identifier of a record.
    """
    table = model.__table__  # type: ignore[attr-defined]
    fields = {column.name: model.model_fields[column.name] for column in table.columns if column.identity is None}
    made = {name: cast("Callable[[], Any]", one.default_factory) for name, one in fields.items() if one.default_factory}
    return {name: one.default for name, one in fields.items() if not one.is_required() and name not in made}, made
