"""Queries on what happened in a quarter, and on editions."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Select, TextClause, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.supply import Span
from app.indicators.figures import SEVERAL, Asked, Booked, Offered
from app.indicators.models import IndicatorEdition

_MODALITY = f"CASE cardinality(l.modalities) WHEN 1 THEN l.modalities[1] ELSE '{SEVERAL}' END"
_PLACE = "JOIN units u ON u.id = o.unit_id JOIN production_lines l ON l.id = u.line_id JOIN sites s ON s.id = l.site_id"
_QUARTER = "daterange(CAST(:start AS date), CAST(:end AS date))"
_BOUND = "('confirmed', 'in_production', 'completed', 'failed')"
_SINCE = "(CAST({} AS timestamp) AT TIME ZONE 'Europe/Paris')"

OFFERED = text(
    f"SELECT s.region, {_MODALITY}, o.reserve, s.organisation_id,"  # noqa: S608 - these parts are ours
    f" sum(upper(o.period * {_QUARTER}) - lower(o.period * {_QUARTER}))::integer"
    f" FROM slots o {_PLACE}"
    f" WHERE o.status = 'published' AND o.period && {_QUARTER} AND s.country = 'FR' GROUP BY 1, 2, 3, 4"
)
BOOKED = text(
    f"SELECT s.region, {_MODALITY}, o.reserve, s.organisation_id, b.organisation_id,"  # noqa: S608
    f" sum(upper(b.period * {_QUARTER}) - lower(b.period * {_QUARTER}))::integer"
    f" FROM bookings b JOIN slots o ON o.id = b.slot_id {_PLACE}"
    f" WHERE b.status IN {_BOUND} AND b.period && {_QUARTER} AND o.status = 'published' AND s.country = 'FR'"
    " GROUP BY 1, 2, 3, 4, 5"
)
ASKED = text(
    "SELECT coalesce(o.region, 'unknown'), p.modality, r.organisation_id,"  # noqa: S608
    " CASE WHEN r.status IN ('booked', 'fulfilled') THEN 'placed' WHEN r.status = 'unmet' THEN 'unmet'"
    " ELSE 'waiting' END, CASE WHEN r.status IN ('booked', 'fulfilled') THEN ("
    f" SELECT greatest(0, min(b.created_at)::date - r.submitted_at::date) FROM bookings b"
    f" WHERE b.request_id = r.id AND b.status IN {_BOUND}) END"
    " FROM requests r JOIN products p ON p.id = r.product_id JOIN organisations o ON o.id = r.organisation_id"
    f" WHERE r.submitted_at >= {_SINCE.format('CAST(:start AS date)')}"
    f" AND r.submitted_at < {_SINCE.format('CAST(:end AS date)')} AND o.country = 'FR'"
)
REGIONS = text(
    "SELECT region FROM sites WHERE country = 'FR'"
    " UNION SELECT coalesce(region, 'unknown') FROM organisations WHERE country = 'FR'"
)
SCENARIO = text("SELECT EXISTS (SELECT FROM organisations WHERE origin = 'scenario')")


async def offered_in(session: AsyncSession, quarter: Span) -> list[Offered]:
    """Return the days published in a quarter, by maker."""
    return [Offered(*row) for row in await _of(session, OFFERED, quarter)]


async def booked_in(session: AsyncSession, quarter: Span) -> list[Booked]:
    """Return the days of them that were booked, by maker and start-up."""
    return [Booked(*row) for row in await _of(session, BOOKED, quarter)]


async def asked_in(session: AsyncSession, quarter: Span) -> list[Asked]:
    """Return the requests that were submitted in a quarter; a withdrawn one counts among those that waited."""
    return [Asked(*row) for row in await _of(session, ASKED, quarter)]


async def _of(session: AsyncSession, statement: TextClause, quarter: Span) -> Sequence[Any]:
    return (await session.execute(statement, {"start": quarter.start_on, "end": quarter.end_on})).all()


async def regions(session: AsyncSession) -> set[str]:
    """Return all regions of the country."""
    return set(await session.scalars(REGIONS))


async def has_scenario(session: AsyncSession) -> bool:
    """Tell whether some of it was generated for a demonstration."""
    return bool(await session.scalar(SCENARIO))


async def has_edition(session: AsyncSession, quarter_on: date) -> bool:
    """Tell whether a quarter has its edition."""
    return await session.get(IndicatorEdition, quarter_on) is not None


async def add_edition(session: AsyncSession, edition: IndicatorEdition) -> bool:
    """Store the edition of a quarter, unless it has one; tell whether it was stored."""
    new = insert(IndicatorEdition).values(
        quarter_on=edition.quarter_on, made_at=edition.made_at, figures=edition.figures
    )
    return await session.scalar(new.on_conflict_do_nothing().returning(col(IndicatorEdition.quarter_on))) is not None


def newest(most: int) -> Select[Any]:
    """Return the statement of so many editions, the newest first."""
    return select(IndicatorEdition).order_by(col(IndicatorEdition.quarter_on).desc()).limit(most)


async def newest_editions(session: AsyncSession, most: int) -> Sequence[IndicatorEdition]:
    """Return so many editions, the newest first."""
    return list(await session.scalars(newest(most)))
