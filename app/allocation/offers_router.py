"""Offers over HTTP."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Body, Query, Request

from app.allocation import offers
from app.allocation.models import Offer
from app.allocation.offer_view import read_offers
from app.allocation.schemas import Decline, OfferFilter, OfferRead
from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.identity.dependencies import ONCE, CurrentActor

router = ApiRouter(prefix="/v1/offers", tags=["offers"])


@router.get("", summary="List offers")
async def list_offers(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[OfferFilter, Query()]
) -> Page[OfferRead]:
    """The offers to one's organisation, or all of them for the coordinator."""
    rows, cursor = await offers.list_offers(session, actor, query, status=query.status, round_id=query.round_id)
    return Page(items=await _read(session, rows), next=next_url(request, cursor))


@router.get("/{offer_id}", summary="Read one offer")
async def get_offer(session: DbSession, actor: CurrentActor, offer_id: UUID) -> OfferRead:
    """One offer to one's organisation, or any of them for the coordinator."""
    return (await _read(session, [await offers.get_offer(session, actor, offer_id)]))[0]


@router.post("/{offer_id}/accept", summary="Accept an offer", dependencies=[ONCE, if_match("offer_id")])
async def accept_offer(session: DbSession, actor: CurrentActor, offer_id: UUID) -> OfferRead:
    """The booking is confirmed at once on a standard line; elsewhere its CDMO approves it first."""
    return (await _read(session, [await offers.accept_offer(session, actor, offer_id)]))[0]


@router.post("/{offer_id}/decline", summary="Decline an offer", dependencies=[ONCE, if_match("offer_id")])
async def decline_offer(
    session: DbSession, actor: CurrentActor, offer_id: UUID, command: Annotated[Decline | None, Body()] = None
) -> OfferRead:
    """The period is free again; the request is unmet, and may be submitted anew."""
    declined = await offers.decline_offer(session, actor, offer_id, command or Decline())
    return (await _read(session, [declined]))[0]


async def _read(session: DbSession, rows: Sequence[Offer]) -> list[OfferRead]:
    await session.flush()
    return await read_offers(session, rows)
