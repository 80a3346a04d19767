"""What every table shares: identifiers, time, versions, names of constraints, and the types of its columns."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, FetchedValue, Integer, MetaData, Text, Uuid, text
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.dialects.postgresql import ARRAY, DATERANGE, JSONB, Range
from sqlmodel import Field, SQLModel
from sqlmodel._compat import SQLModelConfig
from uuid_utils.compat import uuid7

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING_CONVENTION)

Period = Range[date]
"""Whole days at the site, half-open: [start, end)."""


def new_id() -> UUID:
    """Return a version 7 UUID: unique, and in the order of creation, so that it can be a paging key."""
    return uuid7()


def period(start: date, end: date) -> Period:
    """Return the half-open period [start, end).

    Raises
    ------
    ValueError
        If it is empty: an empty range passes every exclusion constraint.
    """
    if end <= start:
        raise ValueError(f"the period is empty: it ends on {end}, and starts on {start}")
    return Range(start, end, bounds="[)")


class Table(SQLModel):
    """Base of all tables: a time-ordered identifier and the instant of creation."""

    metadata = metadata
    model_config = SQLModelConfig(arbitrary_types_allowed=True)
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    id: UUID = Field(default_factory=new_id, primary_key=True, sa_type=Uuid)
    created_at: datetime = Field(
        default_factory=lambda: datetime.now(UTC),
        sa_type=DateTime(timezone=True),
        nullable=False,
        sa_column_kwargs={"server_default": text("now()")},
    )


class Versioned(Table):
    """A table whose rows change: a trigger raises `version` by one at each update, and clients compare it."""

    version: int = Field(
        default=1,
        sa_type=Integer,
        nullable=False,
        sa_column_kwargs={"server_default": text("1"), "server_onupdate": FetchedValue()},
    )


def instant(*, nullable: bool = True) -> Any:
    """Return the field of a UTC instant."""
    return Field(default=None, sa_type=DateTime(timezone=True), nullable=nullable)


def texts() -> Any:
    """Return the field of a list of short texts, `text[]`, empty by default."""
    return Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)


def uuids() -> Any:
    """Return the field of a list of identifiers, `uuid[]`, empty by default."""
    return Field(default_factory=list, sa_type=ARRAY(Uuid), nullable=False)


def document(*, nullable: bool = False) -> Any:
    """Return the field of a JSON document, `jsonb`: an empty object by default, or null."""
    if nullable:
        return Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)
    return Field(default_factory=dict, sa_type=JSONB, nullable=False)


def days(*, nullable: bool = False) -> Any:
    """Return the field of a half-open period of whole days, `daterange`."""
    if nullable:
        return Field(default=None, sa_type=DATERANGE, nullable=True)
    return Field(sa_type=DATERANGE, nullable=False)


def one_of(values: type[StrEnum], *, name: str = "", **field: Any) -> Any:
    """Return the field of a closed vocabulary: text with a CHECK, read back as the enumeration.

    `name` tells the CHECK from another of the same vocabulary in the same table.
    """
    kind = SqlEnum(
        values,
        native_enum=False,
        create_constraint=True,
        length=40,
        name=name or values.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )
    return Field(sa_type=kind, nullable=field.pop("nullable", False), **field)


def plausible(*columns: str) -> str:
    """Return the condition that instants lie between the years 2000 and 3000: neither before Christ nor infinite."""
    span = "'2000-01-01 00:00:00+00' AND {0} < '3000-01-01 00:00:00+00'"
    return " AND ".join(f"{column} >= {span.format(column)}" for column in columns)


def real_period(column: str = "period") -> CheckConstraint:
    """Return the CHECK that a period is neither empty nor unbounded."""
    return CheckConstraint(
        f"NOT isempty({column}) AND NOT lower_inf({column}) AND NOT upper_inf({column})"
        f" AND lower({column}) > '-infinity' AND upper({column}) < 'infinity'",
        name=f"{column}_real",
    )


__all__ = [
    "Period",
    "Table",
    "Versioned",
    "days",
    "document",
    "instant",
    "metadata",
    "new_id",
    "one_of",
    "period",
    "plausible",
    "real_period",
    "texts",
    "uuids",
]
