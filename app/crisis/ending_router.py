"""The length and the end of a crisis over HTTP: renewing it, places offered back, and the report."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from app.core.http import DbSession, Paging, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.crisis import reading, renewal, taking_back
from app.crisis.order_schemas import RestorationRead
from app.crisis.report import read_report
from app.crisis.report_markdown import markdown
from app.crisis.report_schemas import CrisisReport, ReportFormat, ReportQuery
from app.crisis.schemas import CrisisRead, RenewCommand
from app.identity.dependencies import ONCE, CurrentActor

MARKDOWN = "text/markdown"

router = ApiRouter(prefix="/v1/crises", tags=["crises"])


@router.post("/{crisis_id}/renew", summary="Renew a crisis", dependencies=[ONCE, if_match("crisis_id")])
async def renew_crisis(session: DbSession, actor: CurrentActor, crisis_id: UUID, command: RenewCommand) -> CrisisRead:
    """A crisis that has not ended gets a later end, on acts that are in force until then: new, renewed, or longer."""
    return await reading.read_crisis(session, await renewal.renew(session, actor, crisis_id, command))


@router.get(
    "/{crisis_id}/report",
    summary="Report on a crisis",
    response_model=CrisisReport,
    responses={200: {"content": {MARKDOWN: {"schema": {"type": "string"}}}}},
)
async def report_crisis(
    request: Request, session: DbSession, actor: CurrentActor, crisis_id: UUID, query: Annotated[ReportQuery, Query()]
) -> CrisisReport | Response:
    """Timeline, powers, plans with their signatures, doses against targets, who gave way and what became of it, costs.

    As JSON, or as Markdown in English or French: by `format`, or by `Accept: text/markdown`.
    """
    report = await read_report(session, actor, crisis_id)
    asked = ReportFormat.MARKDOWN if MARKDOWN in request.headers.get("accept", "") else ReportFormat.JSON
    if (query.format or asked) is ReportFormat.JSON:
        return report
    return Response(markdown(report, query.language), media_type=MARKDOWN)


@router.get("/{crisis_id}/restorations", summary="List places offered back")
async def list_restorations(
    request: Request, session: DbSession, actor: CurrentActor, crisis_id: UUID, paging: Paging
) -> Page[RestorationRead]:
    """When a crisis has ended, the places of those whom it displaced, in turn; an owner sees its own."""
    rows, cursor = await taking_back.list_restorations(session, actor, crisis_id, paging)
    return Page(items=[reading.read_restoration(row) for row in rows], next=next_url(request, cursor))


@router.post(
    "/{crisis_id}/restorations/{restoration_id}/accept",
    summary="Take one's place back",
    dependencies=[ONCE, if_match("restoration_id")],
)
async def accept_restoration(
    session: DbSession, actor: CurrentActor, crisis_id: UUID, restoration_id: UUID
) -> RestorationRead:
    """Under the terms that the lot had there; what replaced it is left at no charge, and compensation adjusted."""
    return reading.read_restoration(await taking_back.accept(session, actor, crisis_id, restoration_id))


@router.post(
    "/{crisis_id}/restorations/{restoration_id}/decline",
    summary="Leave one's place to the next",
    dependencies=[ONCE, if_match("restoration_id")],
)
async def decline_restoration(
    session: DbSession, actor: CurrentActor, crisis_id: UUID, restoration_id: UUID
) -> RestorationRead:
    """What the lot has instead stays as it is; the place is offered to the next, and then to the waiting list."""
    return reading.read_restoration(await taking_back.decline(session, actor, crisis_id, restoration_id))
