"""What crises are prepared with over HTTP: countermeasure profiles, answers played in drills, and scores."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.crisis import orders, playing, profiles, reading, scoring, service
from app.crisis.order_schemas import OrderRead
from app.crisis.profiles import CountermeasureProfile
from app.crisis.score_schemas import ScoreFilter, ScoreRead
from app.identity.dependencies import ONCE, CurrentActor

router = ApiRouter(prefix="/v1", tags=["crises"])


@router.get("/countermeasures", summary="List countermeasure profiles")
async def list_countermeasures(_: CurrentActor) -> Page[CountermeasureProfile]:
    """What a litre or a batch gives of each kind, low, expected and high; each figure sourced or illustrative."""
    return Page(items=list(profiles.profiles().values()))


@router.get("/crises/{crisis_id}/score", summary="Score a drill or a crisis")
async def get_score(session: DbSession, actor: CurrentActor, crisis_id: UUID) -> ScoreRead:
    """Hours to the plan, doses by day 30, 60 and 90, who gives way, and costs: final once a drill has ended."""
    return await scoring.read_score(session, await service.get_whole_crisis(session, actor, crisis_id))


@router.get("/drill-scores", summary="List the scores of drills")
async def list_scores(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[ScoreFilter, Query()]
) -> Page[ScoreRead]:
    """The scores of all drills that have ended, or of those of one scenario, in the order in which they ended."""
    rows, cursor = await scoring.list_scores(session, actor, query)
    return Page(items=rows, next=next_url(request, cursor))


@router.post(
    "/crises/{crisis_id}/orders/{order_id}/play",
    summary="Answer an order of a drill for its CDMO",
    dependencies=[ONCE, if_match("order_id")],
)
async def play_answer(
    session: DbSession, actor: CurrentActor, crisis_id: UUID, order_id: UUID, command: playing.PlayCommand
) -> OrderRead:
    """In a drill the coordinator may answer for a CDMO that takes no part; the audit trail says that it was played."""
    order = await playing.play_answer(session, actor, crisis_id, order_id, command)
    return reading.read_order(*await orders.with_displacements(session, order))
