"""A unit's calendar of slots and commitments: what is in the way in it, and writes that it refuses."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Date, SQLColumnExpression, cast, func, literal, select, text
from sqlalchemy.dialects.postgresql import DATERANGE, Range
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.errors import CommitmentOverlap, SlotBooked, SlotOverlap
from app.capacity.models import Commitment, Slot, SlotStatus
from app.capacity.supply import Span
from app.core.clock import SITE_ZONE
from app.core.constraints import constraint_of

OVERLAP = "ex_slots_published_overlap"
COMMITTED = "ex_calendar_entries_slot_commitment"
KEPT = frozenset(
    {
        "ck_slots_keep_published",
        "ck_slots_keep_period",
        "ck_slots_keep_reserve",
        "ck_slots_keep_divisible",
        "ck_slots_keep_release",
        "ck_slots_keep_notice",
        "ck_slots_keep_lent",
        "ck_slots_keep_ordered",
        "ck_slots_keep_frozen",
    }
)


def span_literal(start: date | None, end: date | None) -> ColumnElement[Any]:
    """Return the period [start, end) as a value in a statement; None leaves that side open."""
    return literal(Range(start, end, bounds="[)"), DATERANGE)


def overlaps(period: SQLColumnExpression[Any], start: date | None, end: date | None) -> ColumnElement[bool]:
    """Return whether a period shares a day with [start, end)."""
    return period.op("&&", is_comparison=True)(span_literal(start, end))


def first_day(period: SQLColumnExpression[Any]) -> ColumnElement[date]:
    """Return the first day of a period."""
    return func.lower(period, type_=Date)


def day_at_sites(instant: SQLColumnExpression[datetime]) -> ColumnElement[date]:
    """Return the day at the sites on which an instant falls."""
    return cast(func.timezone(SITE_ZONE.key, instant), Date)


async def slot_over(session: AsyncSession, unit_id: UUID, span: Span, *, but: UUID | None = None) -> Slot | None:
    """Return the first published slot of a unit, other than `but`, that shares a day with a span."""
    statement = select(Slot).where(
        col(Slot.unit_id) == unit_id, col(Slot.status) == SlotStatus.PUBLISHED, overlaps(col(Slot.period), *span)
    )
    if but is not None:
        statement = statement.where(col(Slot.id) != but)
    return await session.scalar(statement.order_by(first_day(col(Slot.period))).limit(1))


async def commitment_over(session: AsyncSession, unit_id: UUID, span: Span) -> Commitment | None:
    """Return the first commitment of a unit that shares a day with a span."""
    statement = select(Commitment).where(col(Commitment.unit_id) == unit_id, overlaps(col(Commitment.period), *span))
    return await session.scalar(statement.order_by(first_day(col(Commitment.period))).limit(1))


async def defer_overlaps(session: AsyncSession) -> None:
    """Let published slots of a unit overlap until `check_overlaps`, or else until the transaction commits."""
    await session.execute(text(f"SET CONSTRAINTS {OVERLAP} DEFERRED"))


async def check_overlaps(session: AsyncSession) -> None:
    """Let published slots of a unit overlap no longer."""
    await session.execute(text(f"SET CONSTRAINTS {OVERLAP} IMMEDIATE"))


async def flush_calendar(session: AsyncSession) -> None:
    """Write what is pending on slots and commitments.

    Raises
    ------
    SlotOverlap, CommitmentOverlap, SlotBooked
        As the constraint that refused it says.
    """
    with _named_refusals():
        await session.flush()


@asynccontextmanager
async def overlaps_judged_at_the_end(session: AsyncSession) -> AsyncIterator[None]:
    """Let many writes pass through overlaps, as when two slots change places, and judge the calendar they come to.

    Raises
    ------
    SlotOverlap, CommitmentOverlap, SlotBooked
        As the constraint that refused it says.
    """
    with _named_refusals():
        await session.execute(text(f"SET CONSTRAINTS {OVERLAP}, {COMMITTED} DEFERRED"))
        yield
        await session.flush()
        await session.execute(text(f"SET CONSTRAINTS {OVERLAP}, {COMMITTED} IMMEDIATE"))


@contextmanager
def _named_refusals() -> Iterator[None]:
    """Translate the names of the constraints of calendars into their refusals."""
    try:
        yield
    except DBAPIError as error:
        name = constraint_of(error)
        if name == OVERLAP:
            raise SlotOverlap("Another slot of this unit is published in the period.") from error
        if name == COMMITTED:
            raise CommitmentOverlap("A published slot and a commitment of this unit would share a day.") from error
        if name in KEPT:
            raise SlotBooked.by([]) from error
        raise
