"""Organisations over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.identity import service
from app.identity.dependencies import ONCE_IF_ASKED, CurrentActor
from app.identity.models import Organisation, OrganisationLabel
from app.identity.schemas import (
    LabelRead,
    OrganisationCreate,
    OrganisationFilter,
    OrganisationRead,
    OrganisationUpdate,
)

router = ApiRouter(prefix="/v1/organisations", tags=["organisations"])


def _read(row: Organisation, labels: list[OrganisationLabel]) -> OrganisationRead:
    answer = OrganisationRead.model_validate(row)
    answer.labels = [LabelRead.model_validate(label) for label in labels]
    return answer


@router.get("", summary="List organisations")
async def list_organisations(
    request: Request, session: DbSession, query: Annotated[OrganisationFilter, Query()]
) -> Page[OrganisationRead]:
    """Every organisation in the catalogue, with its labels; anybody may read it."""
    rows, cursor = await service.list_organisations(session, query, kind=query.kind, region=query.region)
    return Page(items=[_read(*row) for row in rows], next=next_url(request, cursor))


@router.get("/{organisation_id}", summary="Read one organisation")
async def get_organisation(session: DbSession, organisation_id: UUID) -> OrganisationRead:
    """One organisation with its labels."""
    return _read(*await service.get_organisation(session, organisation_id))


@router.post("", status_code=201, summary="Add an organisation", dependencies=[ONCE_IF_ASKED])
async def create_organisation(session: DbSession, actor: CurrentActor, command: OrganisationCreate) -> OrganisationRead:
    """The coordinator adds an organisation."""
    return _read(await service.create_organisation(session, actor, command), [])


@router.patch("/{organisation_id}", summary="Change an organisation", dependencies=[if_match("organisation_id")])
async def update_organisation(
    session: DbSession, actor: CurrentActor, organisation_id: UUID, command: OrganisationUpdate
) -> OrganisationRead:
    """Its own people or the coordinator change an organisation; what is left out stays."""
    await service.update_organisation(session, actor, organisation_id, command)
    return _read(*await service.get_organisation(session, organisation_id))
