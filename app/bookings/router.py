"""Bookings and charges over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import ValidationError

from app.bookings import decisions, direct, ledger, ledger_export, quoting, reading
from app.bookings.life_schemas import MoveQuestion, QuoteRead
from app.bookings.schemas import (
    BookingCreate,
    BookingFilter,
    BookingRead,
    CancelBody,
    ChargeRead,
    DeclineBody,
)
from app.bookings.views import BookingView
from app.core.errors import DomainError
from app.core.http import DbSession, Paging, address_of, next_url
from app.core.idempotency import KeptAnswer, required_key
from app.core.paging import Page
from app.core.preconditions import tag_of
from app.core.routing import ApiRouter, claim_of, if_match, is_json, tried_at_once
from app.core.sheets.formats import FileQuery
from app.core.sheets.http import DOWNLOAD, download
from app.identity.actor import Actor
from app.identity.dependencies import KEY_HEADER, ONCE, CurrentActor, acting_at_once
from app.identity.models import Role

router = ApiRouter(tags=["bookings"])


async def _hold_at_once(request: Request) -> Response | None:
    """Hold a period for a product where nothing stands against it; None otherwise, and for a key that has served."""
    if not is_json(request):
        return None
    minutes: int = request.app.state.settings.hold_minutes
    try:
        key = required_key(request.headers.get(KEY_HEADER))
        command = BookingCreate.model_validate_json(await request.body())
        async with acting_at_once(request) as (driver, actor):
            claim = await claim_of(request, actor.holder_id, key)
            kept = await direct.hold_at_once(
                driver, actor, command, lambda view: claim.answered(_held(request, actor, view)), hold_minutes=minutes
            )
    except (ValidationError, DomainError):
        return None
    return None if kept is None else Response(kept.body, status_code=kept.status, headers=kept.headers)


def _address(request: Request, booking_id: UUID) -> str:
    return address_of(request, f"/v1/bookings/{booking_id}")


def _held(request: Request, actor: Actor, view: BookingView) -> KeptAnswer:
    """Return the answer to a hold."""
    read = reading.as_seen_by(actor, view)
    headers = {
        "content-type": "application/json",
        "location": _address(request, read.id),
        "etag": tag_of(read.version),
    }
    return KeptAnswer(201, headers, read.model_dump_json().encode())


@router.post("/v1/bookings", status_code=201, summary="Hold a period", dependencies=[ONCE])
@tried_at_once(_hold_at_once)
async def hold(
    request: Request, response: Response, session: DbSession, actor: CurrentActor, command: BookingCreate
) -> BookingRead:
    """A start-up holds a period for a while, at the price and terms of its quote; nobody else can take it meanwhile.

    Taken: 409 with what is in the way and the nearest free period. Not eligible: 409 with the typed reasons.
    """
    minutes: int = request.app.state.settings.hold_minutes
    view = await direct.hold(session, actor, command, hold_minutes=minutes)
    response.headers["Location"] = _address(request, view.booking.id)
    return reading.as_seen_by(actor, view)


@router.get("/v1/bookings", summary="List bookings")
async def list_bookings(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[BookingFilter, Query()]
) -> Page[BookingRead]:
    """A start-up's own bookings, those on a CDMO's lines, or all for the coordinator."""
    items, cursor = await reading.list_bookings(session, actor, query)
    return Page(items=items, next=next_url(request, cursor))


@router.get("/v1/bookings/{booking_id}", summary="Read one booking")
async def get_booking(session: DbSession, actor: CurrentActor, booking_id: UUID) -> BookingRead:
    """One booking; its CDMO is not told which product it is."""
    return await reading.get_booking(session, actor, booking_id)


@router.get("/v1/bookings/{booking_id}/quote", summary="What it costs, what it costs to leave, and to move")
async def quote(
    session: DbSession, actor: CurrentActor, booking_id: UUID, question: Annotated[MoveQuestion, Query()]
) -> QuoteRead:
    """Price lines, reservation fee, and the cost of a cancellation on every day: what is quoted is what is charged.

    To the CDMO too, which owes the share of the price that it had accepted if it cancels what is confirmed.

    With `start`, and `slot_id` for another slot, its start-up sees what a move there would cost before it binds.
    """
    return await quoting.quote(session, actor, booking_id, question)


@router.post("/v1/bookings/{booking_id}/confirm", summary="Confirm a hold", dependencies=[ONCE, if_match("booking_id")])
async def confirm(session: DbSession, actor: CurrentActor, booking_id: UUID) -> BookingRead:
    """The start-up confirms: `confirmed`, the reservation fee charged, or `awaiting_cdmo` until its CDMO approves."""
    await decisions.confirm(session, actor, booking_id)
    return await reading.get_booking(session, actor, booking_id)


@router.post(
    "/v1/bookings/{booking_id}/release", summary="Let go of a hold", dependencies=[ONCE, if_match("booking_id")]
)
async def release(session: DbSession, actor: CurrentActor, booking_id: UUID) -> BookingRead:
    """The start-up lets go of a hold, at no cost."""
    await decisions.release(session, actor, booking_id)
    return await reading.get_booking(session, actor, booking_id)


@router.post(
    "/v1/bookings/{booking_id}/approve", summary="Approve a booking", dependencies=[ONCE, if_match("booking_id")]
)
async def approve(session: DbSession, actor: CurrentActor, booking_id: UUID) -> BookingRead:
    """The CDMO approves a booking that awaits it, and the reservation fee is charged; or a move, which takes effect."""
    await decisions.approve(session, actor, booking_id)
    return await reading.get_booking(session, actor, booking_id)


@router.post(
    "/v1/bookings/{booking_id}/decline", summary="Decline a booking", dependencies=[ONCE, if_match("booking_id")]
)
async def decline(session: DbSession, actor: CurrentActor, booking_id: UUID, command: DeclineBody) -> BookingRead:
    """The CDMO declines a booking that awaits it, with a coded reason; nobody owes anything."""
    await decisions.decline(session, actor, booking_id, command)
    return await reading.get_booking(session, actor, booking_id)


@router.post(
    "/v1/bookings/{booking_id}/cancel", summary="Cancel a booking", dependencies=[ONCE, if_match("booking_id")]
)
async def cancel(session: DbSession, actor: CurrentActor, booking_id: UUID, command: CancelBody) -> BookingRead:
    """Either side cancels, with a coded reason: the start-up at the quoted fee, the CDMO with all fees credited.

    A CDMO that cancels what is confirmed also owes what its line had accepted when the booking was made.
    """
    await decisions.cancel(session, actor, booking_id, command)
    return await reading.get_booking(session, actor, booking_id)


@router.get("/v1/charges", summary="List charges", tags=["charges"])
async def list_charges(request: Request, session: DbSession, actor: CurrentActor, query: Paging) -> Page[ChargeRead]:
    """What an organisation owes or is owed, line by line; all of it for the coordinator."""
    party = None if actor.role in {Role.COORDINATOR, Role.ADMIN} else actor.organisation_id
    rows, cursor = await ledger.list_charges(session, party, query)
    items = [
        ChargeRead.model_validate(row).model_copy(update={"detail": ledger.detail_told(row, party)}) for row in rows
    ]
    return Page(items=items, next=next_url(request, cursor))


@router.get(
    "/v1/charges/export",
    summary="Export charges to a file",
    tags=["charges"],
    responses=DOWNLOAD,
    response_class=Response,
)
async def export_charges(session: DbSession, actor: CurrentActor, query: Annotated[FileQuery, Query()]) -> Response:
    """What an organisation owes or is owed, as a file; all of it for the coordinator.

    `amount_eur` has two decimals, `amount_cents` is the same in cents: positive is owed, negative credited.
    """
    everything = actor.role in {Role.COORDINATOR, Role.ADMIN}
    party = None if everything else actor.organisation_id
    file = await ledger_export.export_charges(session, party, query.format, query.delimiter)
    return download(file, query.format, "creneau-charges")
