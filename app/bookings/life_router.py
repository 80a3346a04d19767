"""The life of a booking over HTTP: moves, contract, production, and slips."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from app.bookings import moving, production, reading, slip_reading, slips
from app.bookings.life_schemas import (
    CompleteBody,
    ContractBody,
    FailBody,
    MoveBody,
    SlipBody,
    SlipMoveDecline,
    SlipMoveFilter,
    SlipMoveRead,
    SlipRead,
    StartBody,
)
from app.bookings.schemas import BookingRead
from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.preconditions import tag_of
from app.core.routing import ApiRouter, if_match
from app.identity.dependencies import ONCE, CurrentActor

router = ApiRouter(tags=["bookings"])


@router.post("/v1/bookings/{booking_id}/move", summary="Move a booking", dependencies=[ONCE, if_match("booking_id")])
async def move(session: DbSession, actor: CurrentActor, booking_id: UUID, command: MoveBody) -> BookingRead:
    """The start-up moves its booking to another place of the same CDMO, at what `quote` said.

    At once where nobody has to approve it; else `pending_move_id` holds the new place, and this one keeps the old
    until the CDMO has answered.
    """
    await moving.move(session, actor, booking_id, command)
    return await reading.get_booking(session, actor, booking_id)


@router.post(
    "/v1/bookings/{booking_id}/contract",
    summary="Say how far the contract is",
    dependencies=[ONCE, if_match("booking_id")],
)
async def contract(session: DbSession, actor: CurrentActor, booking_id: UUID, command: ContractBody) -> BookingRead:
    """The CDMO takes the contract further: `none`, `term_sheet`, `signed`, and never back.

    Refused where the approval is overdue, and on the place to which a booking asks to move: the contract is that one's.
    """
    await production.advance_contract(session, actor, booking_id, command)
    return await reading.get_booking(session, actor, booking_id)


@router.post("/v1/bookings/{booking_id}/start", summary="Start production", dependencies=[ONCE, if_match("booking_id")])
async def start(session: DbSession, actor: CurrentActor, booking_id: UUID, command: StartBody) -> BookingRead:
    """The CDMO says when production started: the booking is neither moved nor cancelled any more.

    Started before its planned period, it keeps the unit from that day on, for as long as it was planned to take or its
    last slip says, and through today. Refused if others have booked days of these.
    """
    await production.start(session, actor, booking_id, command)
    return await reading.get_booking(session, actor, booking_id)


@router.post(
    "/v1/bookings/{booking_id}/complete", summary="Complete production", dependencies=[ONCE, if_match("booking_id")]
)
async def complete(session: DbSession, actor: CurrentActor, booking_id: UUID, command: CompleteBody) -> BookingRead:
    """The CDMO says when production ended: the price is charged as quoted, the reservation fee credited.

    What is left of its days is free, but for that day and the line's changeover after it. Production that has not ended
    keeps its unit through today, past its planned `end` too.
    """
    await production.complete(session, actor, booking_id, command)
    return await reading.get_booking(session, actor, booking_id)


@router.post(
    "/v1/bookings/{booking_id}/fail", summary="Record a failed batch", dependencies=[ONCE, if_match("booking_id")]
)
async def fail(session: DbSession, actor: CurrentActor, booking_id: UUID, command: FailBody) -> BookingRead:
    """The CDMO says that production failed, and why: nothing is owed where it is the cause itself.

    The unit is kept through the changeover, as when production is complete.

    With `repeat_slot_id` and `repeat_start` it offers a repeat: a hold, which the start-up confirms or releases.
    """
    await production.fail(session, actor, booking_id, command)
    return await reading.get_booking(session, actor, booking_id)


@router.post(
    "/v1/bookings/{booking_id}/slip",
    status_code=201,
    summary="Record a slip",
    dependencies=[ONCE, if_match("booking_id")],
)
async def slip(
    response: Response, session: DbSession, actor: CurrentActor, booking_id: UUID, command: SlipBody
) -> SlipRead:
    """The CDMO says until when a campaign will hold its unit; those behind it are asked to make way, at no cost.

    A slip has no version: the `ETag` is the booking's.
    """
    made = await slips.slip(session, actor, booking_id, command)
    response.headers["ETag"] = tag_of((await reading.get_booking(session, actor, booking_id)).version)
    return next(one for one in await slip_reading.list_slips(session, actor, booking_id) if one.id == made.id)


@router.get("/v1/bookings/{booking_id}/slips", summary="List the slips of a booking")
async def list_slips(session: DbSession, actor: CurrentActor, booking_id: UUID) -> list[SlipRead]:
    """Every slip, the first one first; its CDMO sees what each asks of those behind."""
    return await slip_reading.list_slips(session, actor, booking_id)


@router.get("/v1/slip-moves", summary="List what slips ask")
async def list_moves(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[SlipMoveFilter, Query()]
) -> Page[SlipMoveRead]:
    """Proposals to a start-up's bookings, to those on a CDMO's lines, or all for the coordinator."""
    items, cursor = await slip_reading.list_moves(session, actor, query)
    return Page(items=items, next=next_url(request, cursor))


@router.post(
    "/v1/slip-moves/{slip_move_id}/accept", summary="Make way for a slip", dependencies=[ONCE, if_match("slip_move_id")]
)
async def accept(session: DbSession, actor: CurrentActor, slip_move_id: UUID) -> SlipMoveRead:
    """The start-up takes the period proposed: its booking moves at once, on its own terms, at no cost."""
    moved = await slips.accept(session, actor, slip_move_id)
    return (await slip_reading.as_read(session, [moved]))[0]


@router.post(
    "/v1/slip-moves/{slip_move_id}/decline",
    summary="Stay in spite of a slip",
    dependencies=[ONCE, if_match("slip_move_id")],
)
async def decline(
    session: DbSession, actor: CurrentActor, slip_move_id: UUID, command: SlipMoveDecline
) -> SlipMoveRead:
    """The start-up keeps its planned period, with a coded reason."""
    kept = await slips.decline(session, actor, slip_move_id, command)
    return (await slip_reading.as_read(session, [kept]))[0]
