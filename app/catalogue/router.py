"""Modalities, sites and lines over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from app.catalogue import editing, service
from app.catalogue.rules import basis_of_figures, sees_prices
from app.catalogue.schemas import (
    LineCreate,
    LineFilter,
    LineRead,
    LineUpdate,
    ModalityRead,
    SiteCreate,
    SiteFilter,
    SiteRead,
    SiteUpdate,
    TermsRead,
    UnitRead,
)
from app.catalogue.service import LineView, SiteView
from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.identity.actor import Actor
from app.identity.dependencies import ONCE_IF_ASKED, CurrentActor, OptionalActor

router = ApiRouter(prefix="/v1", tags=["catalogue"])


def _site(view: SiteView) -> SiteRead:
    return SiteRead(**view.site.model_dump(), organisation_name=view.organisation.name)


def _terms(view: LineView, *, visible: bool) -> list[TermsRead]:
    """Return the terms, without prices where the reader may not see them."""
    terms = [TermsRead.model_validate(one) for one in view.terms]
    return terms if visible else [one.model_copy(update={"price_cents": None}) for one in terms]


def _line(view: LineView, actor: Actor | None) -> LineRead:
    line, site, owner = view.line, view.site, view.organisation
    visible = sees_prices(
        actor.role if actor else None, is_owner=actor is not None and actor.organisation_id == owner.id
    )
    return LineRead(
        **(line.model_dump() if visible else line.model_dump() | {"cdmo_cancellation_percent": None}),
        site_name=site.name,
        organisation_id=owner.id,
        organisation_name=owner.name,
        region=site.region,
        country=site.country,
        bookable=line.not_bookable_reason is None,
        basis=dict(basis_of_figures(line.sourced_fields, line.declared_fields)),
        prices_visible=visible,
        terms=_terms(view, visible=visible),
        units=[UnitRead.model_validate(unit) for unit in view.units],
    )


@router.get("/modalities", summary="The vocabulary of modalities")
async def list_modalities(session: DbSession) -> Page[ModalityRead]:
    """Every kind of product or service, on one page; it is data, and grows without a release."""
    return Page(items=[ModalityRead.model_validate(one) for one in await service.list_modalities(session)])


@router.get("/sites", summary="List sites")
async def list_sites(request: Request, session: DbSession, query: Annotated[SiteFilter, Query()]) -> Page[SiteRead]:
    """Sites of CDMOs and integrators, with where the knowledge of each comes from; anybody may read them."""
    views, cursor = await service.list_sites(session, query)
    return Page(items=[_site(view) for view in views], next=next_url(request, cursor))


@router.get("/sites/{site_id}", summary="Read one site")
async def get_site(session: DbSession, site_id: UUID) -> SiteRead:
    """One site."""
    return _site(await service.get_site(session, site_id))


@router.post("/sites", status_code=201, summary="Add a site", dependencies=[ONCE_IF_ASKED])
async def create_site(session: DbSession, actor: CurrentActor, command: SiteCreate) -> SiteRead:
    """A CDMO or an integrator adds a site of its own; the coordinator adds anybody's."""
    site = await editing.create_site(session, actor, command)
    return _site(await service.get_site(session, site.id))


@router.patch("/sites/{site_id}", summary="Change a site", dependencies=[if_match("site_id")])
async def update_site(session: DbSession, actor: CurrentActor, site_id: UUID, command: SiteUpdate) -> SiteRead:
    """Its own people or the coordinator change a site; what is left out stays."""
    await editing.update_site(session, actor, site_id, command)
    return _site(await service.get_site(session, site_id))


@router.get("/lines", summary="List production lines")
async def list_lines(
    request: Request, session: DbSession, actor: OptionalActor, query: Annotated[LineFilter, Query()]
) -> Page[LineRead]:
    """Lines with their units and terms; anybody may read them, prices are for those who buy or allocate.

    What cannot be booked is listed too, with its reason. `basis` says of each figure whether the CDMO declares it,
    a public source states it, or it is only illustrative.
    """
    views, cursor = await service.list_lines(session, query)
    return Page(items=[_line(view, actor) for view in views], next=next_url(request, cursor))


@router.get("/lines/{line_id}", summary="Read one production line")
async def get_line(session: DbSession, actor: OptionalActor, line_id: UUID) -> LineRead:
    """One line with its units and terms."""
    return _line(await service.get_line(session, line_id), actor)


@router.post("/lines", status_code=201, summary="Add a production line", dependencies=[ONCE_IF_ASKED])
async def create_line(session: DbSession, actor: CurrentActor, command: LineCreate) -> LineRead:
    """A CDMO or an integrator adds a line to a site of its own; the coordinator to anybody's."""
    line = await editing.create_line(session, actor, command)
    return _line(await service.get_line(session, line.id), actor)


@router.patch("/lines/{line_id}", summary="Change a production line", dependencies=[if_match("line_id")])
async def update_line(session: DbSession, actor: CurrentActor, line_id: UUID, command: LineUpdate) -> LineRead:
    """Its own people or the coordinator change a line; what is left out stays.

    A figure that the CDMO writes becomes `declared`; one that the coordinator writes is `sourced` with a `source`,
    else `illustrative`. Terms replace the whole terms of their modality. What a CDMO owes when it cancels is for itself
    to accept: nobody else writes it.
    """
    await editing.update_line(session, actor, line_id, command)
    return _line(await service.get_line(session, line_id), actor)
