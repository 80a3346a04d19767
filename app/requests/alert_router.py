"""Alerts over HTTP."""

from uuid import UUID

from fastapi import Request, Response

from app.core.http import DbSession, Paging, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter
from app.identity.dependencies import ONCE_IF_ASKED, CurrentActor
from app.requests import alerts
from app.requests.alert_schemas import AlertCreate, AlertHitRead, AlertRead

router = ApiRouter(prefix="/v1/alerts", tags=["alerts"])


@router.post("", status_code=201, summary="Wait for a slot", dependencies=[ONCE_IF_ASKED])
async def create_alert(session: DbSession, actor: CurrentActor, command: AlertCreate) -> AlertRead:
    """A start-up waits for a slot that can serve its request, or that passes filters: published, released, lent, freed.

    From now on: what is for booking already is found by the search, or by the request's matches.
    """
    return await alerts.create_alert(session, actor, command)


@router.get("", summary="List alerts")
async def list_alerts(request: Request, session: DbSession, actor: CurrentActor, paging: Paging) -> Page[AlertRead]:
    """One's own alerts, each with how many slots it has been told of; the coordinator sees all."""
    items, cursor = await alerts.list_alerts(session, actor, paging)
    return Page(items=items, next=next_url(request, cursor))


@router.get("/{alert_id}", summary="Read one alert")
async def get_alert(session: DbSession, actor: CurrentActor, alert_id: UUID) -> AlertRead:
    """One alert, to its owner or the coordinator."""
    return await alerts.read_alert(session, actor, alert_id)


@router.delete("/{alert_id}", status_code=204, summary="Wait no longer")
async def delete_alert(session: DbSession, actor: CurrentActor, alert_id: UUID) -> Response:
    """A start-up deletes an alert of its own, and its hits with it."""
    await alerts.delete_alert(session, actor, alert_id)
    return Response(status_code=204)


@router.get("/{alert_id}/hits", summary="What an alert was told of")
async def list_hits(
    request: Request, session: DbSession, actor: CurrentActor, alert_id: UUID, paging: Paging
) -> Page[AlertHitRead]:
    """Slots that came to be for booking, one hit for each time they did, and whether each could be booked now."""
    items, cursor = await alerts.list_hits(session, actor, alert_id, paging)
    return Page(items=items, next=next_url(request, cursor))
