"""Slots over HTTP."""

import json
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import ValidationError

from app.capacity import lending, slots
from app.capacity.schemas import LendBody, RecallRead, SlotCreate, SlotFilter, SlotRead, SlotUpdate
from app.capacity.slot_views import slot_read
from app.core.errors import DomainError
from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.preconditions import tag_of
from app.core.routing import ApiRouter, if_match, tried_at_once
from app.identity.dependencies import ONCE, CurrentActor, acting_at_once

router = ApiRouter(prefix="/v1/slots", tags=["capacity"])


async def _search_at_once(request: Request) -> Response | None:
    """Search where there is something to find; None otherwise, and for what is to be refused."""
    try:
        query = SlotFilter.model_validate(dict(request.query_params))
        async with acting_at_once(request) as known:
            found, cursor = await slots.search_slots_at_once(*known, query)
    except (ValidationError, DomainError):
        return None
    return _page(request, found, cursor) if found else None


@router.get("", summary="Search slots", response_model=Page[SlotRead])
@tried_at_once(_search_at_once)
async def search_slots(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[SlotFilter, Query()]
) -> Response:
    """Slots by their first day: all that are published for start-ups, the coordinator and the authority.

    A CDMO or an integrator sees its own alone, in any status, and never a competitor's.
    """
    return _page(request, *await slots.search_slots(session, actor, query))


def _page(request: Request, found: list[str], cursor: str | None) -> Response:
    following = json.dumps(next_url(request, cursor))
    return Response(f'{{"items":[{",".join(found)}],"next":{following}}}', media_type="application/json")


@router.get("/{slot_id}", summary="Read one slot")
async def get_slot(session: DbSession, actor: CurrentActor, slot_id: UUID) -> SlotRead:
    """One slot, with what of it is free."""
    return await slot_read(session, await slots.read_slot(session, actor, slot_id))


@router.post("", status_code=201, summary="Publish a slot", dependencies=[ONCE])
async def create_slot(session: DbSession, actor: CurrentActor, command: SlotCreate) -> SlotRead:
    """A CDMO or an integrator publishes a period on one of its units, or stores a draft of it.

    Refused where the line is not bookable, or where another slot or a commitment is in the way: the answer names it.
    """
    return await slot_read(session, await slots.create_slot(session, actor, command))


@router.patch("/{slot_id}", summary="Change a slot", dependencies=[if_match("slot_id")])
async def update_slot(session: DbSession, actor: CurrentActor, slot_id: UUID, command: SlotUpdate) -> SlotRead:
    """Its own people change a slot; what is left out stays, and live bookings keep it around them."""
    return await slot_read(session, await slots.update_slot(session, actor, slot_id, command))


@router.delete("/{slot_id}", status_code=204, summary="Withdraw a slot", dependencies=[if_match("slot_id")])
async def withdraw_slot(session: DbSession, actor: CurrentActor, slot_id: UUID) -> Response:
    """Its own people take a slot out of the market; the row stays, as `withdrawn`. A live booking forbids it."""
    await slots.withdraw_slot(session, actor, slot_id)
    return Response(status_code=204)


@router.post("/{slot_id}/lend", summary="Lend a crisis slot", dependencies=[ONCE, if_match("slot_id")])
async def lend_slot(session: DbSession, actor: CurrentActor, slot_id: UUID, command: LendBody) -> SlotRead:
    """Its own people let a crisis slot be booked meanwhile, by who accepts that it may be recalled."""
    return await slot_read(session, await lending.lend_slot(session, actor, slot_id, command))


@router.post("/{slot_id}/recall", summary="Lend a slot no more", dependencies=[ONCE, if_match("slot_id")])
async def recall_slot(response: Response, session: DbSession, actor: CurrentActor, slot_id: UUID) -> RecallRead:
    """Nothing more is lent; what is lent stays to its end unless a crisis takes its place. The `ETag` is the slot's."""
    recalled = await lending.recall_slot(session, actor, slot_id)
    response.headers["ETag"] = tag_of(recalled.slot.version)
    return recalled
