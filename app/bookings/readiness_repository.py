"""Queries on the quarters of agreements that are charged, and on those that are still to be."""

from datetime import date
from itertools import groupby
from uuid import UUID

from sqlalchemy import TIMESTAMP, Date, cast, exists, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.models import Charge
from app.capacity.models import Agreement, ReadinessDay

QUARTER = text("interval '3 months'")


async def quarters_due(session: AsyncSession, today: date) -> list[tuple[UUID, list[date]]]:
    """Return agreements with a fee, each with the first days of its quarters that are over and not charged.

    A quarter is over for an agreement when its last day is, or the agreement's own if that comes first. It is due once
    that day is recorded, and with it all before it that count; where it never is, none of them counts.
    """
    start_on, end_on = func.lower(col(Agreement.period)), func.upper(col(Agreement.period))
    first = func.date_trunc("quarter", cast(start_on, TIMESTAMP))
    quarters = (
        func.generate_series(first, cast(end_on - 1, TIMESTAMP), QUARTER).table_valued("starts_at").render_derived()
    )
    quarter = cast(quarters.c.starts_at, Date)
    last_day = func.least(cast(quarter + QUARTER, Date), end_on) - 1
    charged = exists().where(col(Charge.agreement_id) == col(Agreement.id), col(Charge.quarter_on) == quarter)
    # As a value, it is looked up for each quarter: a join reads all days there are, expecting many more quarters.
    recorded_on = (
        select(col(ReadinessDay.day))
        .where(col(ReadinessDay.agreement_id) == col(Agreement.id), col(ReadinessDay.day) == last_day)
        .scalar_subquery()
    )
    statement = (
        select(col(Agreement.id), quarter)
        .select_from(Agreement)
        .join(quarters, true())
        .where(col(Agreement.readiness_fee_cents) > 0, last_day < today, ~charged, recorded_on.is_not(None))
        .order_by(col(Agreement.id), quarter)
    )
    found = [(agreement_id, day) for agreement_id, day in await session.execute(statement)]
    return [(agreement_id, [day for _, day in some]) for agreement_id, some in groupby(found, key=lambda one: one[0])]


async def charged_quarters(session: AsyncSession, agreement_id: UUID) -> dict[date, int]:
    """Return what was charged for each quarter of an agreement, in cents, by the quarter's first day."""
    statement = select(col(Charge.quarter_on), col(Charge.amount_cents)).where(col(Charge.agreement_id) == agreement_id)
    found = await session.execute(statement)
    return {quarter_on: cents for quarter_on, cents in found if quarter_on is not None}
