"""Scores: of a drill as it ended, which is kept to be compared with others, or of any crisis as it stands."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record
from app.crisis import repository, score_repository
from app.crisis.models import Crisis, CrisisMode, CrisisPlan, CrisisSignature, PlanStatus
from app.crisis.score_models import DrillScore
from app.crisis.score_rules import Moments, Played, figures_of
from app.crisis.score_schemas import ScoreFigures, ScoreFilter, ScoreRead
from app.crisis.service import SEES_ALL
from app.crisis.signing import SIGNATORIES
from app.identity.actor import Actor

STANDING = (PlanStatus.ACTIVATED, PlanStatus.SIGNED, PlanStatus.PROPOSED, PlanStatus.SUPERSEDED)
"""Which of the plans of a crisis is scored: those in force, else the newest of the first of these that there is."""


async def score_of(session: AsyncSession, crisis: Crisis) -> ScoreFigures:
    """Return the score of a crisis as it stands."""
    plans = await repository.plans_of(session, crisis.id)
    signatures = await repository.signatures_of(session, [plan.id for plan in plans])
    orders = await score_repository.orders_of(session, crisis.id)
    standing = _standing(plans)
    return figures_of(
        Played(
            moments=Moments(
                declared_at=crisis.created_at,
                planned_at=min((plan.created_at for plan in plans), default=None),
                signed_at=min(filter(None, map(_signed_at, signatures.values())), default=None),
                activated_at=min((order.created_at for order in orders), default=None),
            ),
            as_of_on=crisis.as_of_on,
            targets=crisis.targets,
            bodies=[plan.body for plan in standing if plan.body],
            orders=orders,
            displacements=await score_repository.displacements_of(session, crisis.id),
        )
    )


def _standing(plans: Collection[CrisisPlan]) -> list[CrisisPlan]:
    """Return all plans in force, which amend one another; before any is, the one that comes closest."""
    if active := [plan for plan in plans if plan.status is PlanStatus.ACTIVATED]:
        return sorted(active, key=lambda plan: plan.id)
    return sorted(plans, key=lambda plan: (-STANDING.index(plan.status), plan.id))[-1:]


def _signed_at(signatures: list[CrisisSignature]) -> datetime | None:
    """Return when the second of the two signed, or None."""
    signed = {one.role: one.created_at for one in signatures}
    moments = [signed.get(role.value) for role in SIGNATORIES]
    return max((one for one in moments if one is not None), default=None) if all(moments) else None


async def keep_score(session: AsyncSession, author: Author, crisis: Crisis) -> None:
    """Keep the score of a drill that has just ended; a real crisis has its report instead."""
    if crisis.mode is not CrisisMode.DRILL:
        return
    await session.flush()
    figures = await score_of(session, crisis)
    score = DrillScore(crisis_id=crisis.id, figures=figures.model_dump(mode="json"))
    session.add(score)
    await record(session, author, "drill.scored", score)


async def read_score(session: AsyncSession, crisis: Crisis) -> ScoreRead:
    """Return the score that is kept of a crisis, or what it comes to so far."""
    kept = (await score_repository.kept_scores(session, [crisis.id])).get(crisis.id)
    return _read(crisis, ScoreFigures.model_validate(kept.figures) if kept else await score_of(session, crisis), kept)


async def list_scores(session: AsyncSession, actor: Actor, query: ScoreFilter) -> tuple[list[ScoreRead], str | None]:
    """Return one page of the scores that are kept, in the order in which the drills ended.

    Raises
    ------
    NotAllowed
        To whoever does not see all crises.
    """
    actor.require(*SEES_ALL)
    rows, cursor = await score_repository.page_scores(session, query)
    return [_read(crisis, ScoreFigures.model_validate(score.figures), score) for score, crisis in rows], cursor


def _read(crisis: Crisis, figures: ScoreFigures, kept: DrillScore | None) -> ScoreRead:
    return ScoreRead(
        **dict(figures),
        crisis_id=crisis.id,
        title=crisis.title,
        mode=crisis.mode,
        scenario=crisis.scenario,
        status=crisis.status,
        as_of_on=crisis.as_of_on,
        declared_at=crisis.created_at,
        final=kept is not None,
    )
