"""The waiting list over HTTP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from app.allocation import waiting_view
from app.allocation.waiting_schemas import DecisionRead, WaitingRead
from app.core.http import DbSession, next_url
from app.core.paging import Page, PageQuery
from app.core.problem_docs import refused
from app.core.routing import ApiRouter
from app.identity.dependencies import CurrentActor

router = ApiRouter(prefix="/v1", tags=["waiting list"])


@router.get("/requests/{request_id}/waiting", summary="Where a request stands on the waiting list")
async def get_waiting(session: DbSession, actor: CurrentActor, request_id: UUID) -> WaitingRead:
    """Since when it waits, how many are ahead of it, and each freed place that concerned it with the reason."""
    return await waiting_view.read_request_waiting(session, actor, request_id)


@router.get("/waiting-list", summary="List decisions on freed places", responses=refused(HTTPStatus.NOT_FOUND))
async def list_decisions(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[PageQuery, Query()]
) -> Page[DecisionRead]:
    """Every decision with a line for each request that waited; for the coordinator alone."""
    rows, cursor = await waiting_view.page_decisions(session, actor, query)
    return Page(items=rows, next=next_url(request, cursor))
