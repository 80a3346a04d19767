"""Editions of the sector's figures: made once a quarter, read by everybody."""

from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record
from app.capacity.agreement_rules import quarter_of
from app.capacity.readiness import kept_in
from app.core.clock import now, today
from app.identity.actor import Actor
from app.identity.models import Role
from app.identity.service import get_organisation
from app.indicators import repository
from app.indicators.figures import Facts, Promised, figures_of
from app.indicators.models import IndicatorEdition
from app.indicators.schemas import Edition, Indicators, RegionFigures

AUTHOR = Author.of_job("indicators")
EDITIONS = 8
"""How many are shown: two years."""

SEES_REGIONS = frozenset({Role.COORDINATOR, Role.AUTHORITY, Role.ADMIN})


async def make_edition(session: AsyncSession) -> int:
    """Make the edition of the last quarter that is over, once, from what is known by now; return how many were made.

    It never changes afterwards: what two states of it differ in would tell what one organisation has done.
    """
    quarter = quarter_of(quarter_of(today()).start_on - timedelta(days=1))
    if await repository.has_edition(session, quarter.start_on):
        return 0
    facts = Facts(
        regions=await repository.regions(session),
        offered=await repository.offered_in(session, quarter),
        booked=await repository.booked_in(session, quarter),
        asked=await repository.asked_in(session, quarter),
        promised=[Promised(*one) for one in await kept_in(session, quarter)],
        includes_scenario=await repository.has_scenario(session),
    )
    edition = IndicatorEdition(quarter_on=quarter.start_on, made_at=now(), figures=figures_of(facts))
    if not await repository.add_edition(session, edition):
        return 0
    await record(session, AUTHOR, "indicator_edition.published", edition)
    return 1


async def read_indicators(session: AsyncSession, actor: Actor | None) -> Indicators:
    """Return the newest editions: for everybody the nation's figures, for an observer those of its region too."""
    rows = await repository.newest_editions(session, EDITIONS)
    regions = await _regions_of(session, actor)
    return Indicators(
        as_of_on=rows[0].made_at.date() if rows else None, editions=[_edition(row, regions) for row in rows]
    )


async def _regions_of(session: AsyncSession, actor: Actor | None) -> set[str] | None:
    """Return the regions whose figures the reader sees; None means all."""
    if actor is None:
        return set()
    if actor.role in SEES_REGIONS:
        return None
    if actor.role is not Role.OBSERVER:
        return set()
    organisation, _ = await get_organisation(session, actor.organisation_id)
    return {organisation.region} if organisation.region else set()


def _edition(row: IndicatorEdition, regions: set[str] | None) -> Edition:
    return Edition(
        start=row.quarter_on,
        end=_end(row.quarter_on),
        made_at=row.made_at,
        includes_scenario=row.figures["includes_scenario"],
        nation=row.figures["nation"],
        regions=[
            RegionFigures(region=name, **figures)
            for name, figures in sorted(row.figures["regions"].items())
            if regions is None or name in regions
        ],
    )


def _end(quarter_on: date) -> date:
    return quarter_of(quarter_on).end_on
