"""Queries on what a score is worked out from, and on the scores that are kept."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.paging import fetch_page
from app.crisis.models import Crisis, CrisisOrder, Displacement
from app.crisis.score_models import DrillScore
from app.crisis.score_schemas import ScoreFilter


async def orders_of(session: AsyncSession, crisis_id: UUID) -> list[CrisisOrder]:
    """Return all orders of a crisis, in the order in which they were issued."""
    statement = select(CrisisOrder).where(col(CrisisOrder.crisis_id) == crisis_id).order_by(col(CrisisOrder.id))
    return list(await session.scalars(statement))


async def displacements_of(session: AsyncSession, crisis_id: UUID) -> list[Displacement]:
    """Return all displacements of a crisis."""
    return list(await session.scalars(select(Displacement).where(col(Displacement.crisis_id) == crisis_id)))


async def kept_scores(session: AsyncSession, crisis_ids: Collection[UUID]) -> dict[UUID, DrillScore]:
    """Return the scores that are kept of these crises."""
    statement = select(DrillScore).where(col(DrillScore.crisis_id).in_(list(crisis_ids)))
    return {score.crisis_id: score for score in await session.scalars(statement)}


async def page_scores(session: AsyncSession, query: ScoreFilter) -> tuple[list[tuple[DrillScore, Crisis]], str | None]:
    """Return one page of the scores of drills that have ended, in the order of their ends."""
    statement = select(DrillScore)
    if query.scenario is not None:
        of_scenario = select(col(Crisis.id)).where(col(Crisis.scenario) == query.scenario)
        statement = statement.where(col(DrillScore.crisis_id).in_(of_scenario))
    scores, cursor = await fetch_page(session, statement, query, [(col(DrillScore.id), UUID)])
    drills = await session.scalars(select(Crisis).where(col(Crisis.id).in_([score.crisis_id for score in scores])))
    by_id = {drill.id: drill for drill in drills}
    return [(score, by_id[score.crisis_id]) for score in scores], cursor
