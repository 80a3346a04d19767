"""Queries on what is recorded of agreements with a readiness fee, day by day."""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import TIMESTAMP, Date, cast, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.agreement_rules import Recorded
from app.capacity.calendar_repository import day_at_sites
from app.capacity.models import Agreement, ReadinessDay
from app.capacity.supply import Span

ONE_DAY = timedelta(days=1)


async def unrecorded(session: AsyncSession, today: date) -> list[tuple[UUID, Span]]:
    """Return the agreements with a fee of which days up to today are not recorded, with these days.

    They follow those that are recorded. Without any, they begin with the agreement, with the day on which it was
    written down, or with the first on which anything was recorded, whichever is last.
    """
    start_on, end_on = func.lower(col(Agreement.period)), func.upper(col(Agreement.period))
    last = (
        select(func.max(col(ReadinessDay.day)))
        .where(col(ReadinessDay.agreement_id) == col(Agreement.id))
        .scalar_subquery()
    )
    first_of_all = select(func.min(col(ReadinessDay.day))).scalar_subquery()
    begin = func.greatest(
        start_on, day_at_sites(col(Agreement.created_at)), func.coalesce(first_of_all, literal(today, Date))
    )
    since_on = func.coalesce(last + 1, begin)
    until_on = func.least(end_on, literal(today + ONE_DAY, Date))
    statement = (
        select(col(Agreement.id), since_on, until_on)
        .where(col(Agreement.readiness_fee_cents) > 0, since_on < until_on)
        .order_by(col(Agreement.id))
    )
    return [(agreement_id, Span(since, until)) for agreement_id, since, until in await session.execute(statement)]


async def add_days(session: AsyncSession, agreement_id: UUID, published: Mapping[date, int]) -> None:
    """Record batch-days by day; what is recorded of a day already stays."""
    rows = [
        {"agreement_id": agreement_id, "day": day, "published_batch_days": batch_days}
        for day, batch_days in published.items()
    ]
    await session.execute(insert(ReadinessDay).on_conflict_do_nothing(), rows)


async def recorded_quarters(session: AsyncSession, agreement_id: UUID, within: Span) -> dict[date, Recorded]:
    """Return what is recorded of an agreement within some days, by the first day of each quarter."""
    day = col(ReadinessDay.day)
    quarter = cast(func.date_trunc("quarter", cast(day, TIMESTAMP)), Date).label("quarter_on")
    statement = (
        select(quarter, func.min(day), func.max(day), func.sum(col(ReadinessDay.published_batch_days)))
        .where(col(ReadinessDay.agreement_id) == agreement_id, day >= within.start_on, day < within.end_on)
        .group_by(quarter)
    )
    return {
        quarter_on: Recorded(Span(first, last + ONE_DAY), published)
        for quarter_on, first, last, published in await session.execute(statement)
    }
