"""Reserve agreements over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from app.capacity import agreements
from app.capacity.agreement_schemas import AgreementCreate, AgreementEnd, AgreementFilter, AgreementRead
from app.capacity.models import Agreement
from app.capacity.occupancy import span_of
from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.identity.dependencies import ONCE, CurrentActor

router = ApiRouter(prefix="/v1/agreements", tags=["capacity"])


def _read(row: Agreement) -> AgreementRead:
    span = span_of(row.period)
    return AgreementRead(**row.model_dump(exclude={"period"}), start=span.start_on, end=span.end_on)


@router.get("", summary="List agreements")
async def list_agreements(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[AgreementFilter, Query()]
) -> Page[AgreementRead]:
    """Funded promises of reserved capacity: all for the coordinator, for others those that they promise or fund."""
    rows, cursor = await agreements.list_agreements(session, actor, query)
    return Page(items=[_read(row) for row in rows], next=next_url(request, cursor))


@router.get("/{agreement_id}", summary="Read one agreement")
async def get_agreement(session: DbSession, actor: CurrentActor, agreement_id: UUID) -> AgreementRead:
    """One agreement, for who promises it, who funds it, and the coordinator."""
    return _read(await agreements.get_agreement(session, actor, agreement_id))


@router.post("", status_code=201, summary="Add an agreement", dependencies=[ONCE])
async def create_agreement(session: DbSession, actor: CurrentActor, command: AgreementCreate) -> AgreementRead:
    """The coordinator writes down what a funder buys: batch-days a quarter for one reserve, and the capped price."""
    return _read(await agreements.create_agreement(session, actor, command))


@router.post("/{agreement_id}/end", summary="End an agreement early", dependencies=[ONCE, if_match("agreement_id")])
async def end_agreement(
    session: DbSession, actor: CurrentActor, agreement_id: UUID, command: AgreementEnd
) -> AgreementRead:
    """The coordinator ends an agreement before its time: from `end` on nothing is promised, nor owed.

    The readiness fee of its last quarter is charged once it is over, for the days that it covered. Slots that name it
    keep it, and its capped price.
    """
    return _read(await agreements.end_agreement(session, actor, agreement_id, command.end))
