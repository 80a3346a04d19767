"""Slips: reality runs over the plan, is recorded in any case, and those behind are asked to make way at no cost."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.bookings import access, followers, freed, proposals, resale, service
from app.bookings import slip_repository as repository
from app.bookings.access import view_for
from app.bookings.approvals import require_in_time
from app.bookings.changing import relocate
from app.bookings.drafts import BookingDraft
from app.bookings.errors import SlipMoveAnswered
from app.bookings.expiry import expire
from app.bookings.life_schemas import SlipBody, SlipMoveDecline
from app.bookings.models import Booking, BookingStatus
from app.bookings.rules import require_amendable
from app.bookings.slip_models import Slip, SlipMove, SlipMoveStatus
from app.capacity.occupancy import span_of
from app.core.errors import Invalid, NotFound
from app.core.preconditions import require_seen
from app.identity.actor import Actor


async def slip(session: AsyncSession, actor: Actor, booking_id: UUID, command: SlipBody) -> Slip:
    """Record until when a campaign is expected to hold its unit, and ask those behind it to make way.

    No neighbour stands against it: the planned periods stay, and what a former slip asked is withdrawn.

    Raises
    ------
    Invalid
        If it would end before it starts.
    StateConflict
        If it is neither confirmed nor in production.
    """
    await view_for(session, actor, booking_id, "slip")
    booking = await service.locked(session, booking_id)
    require_amendable("slip", booking.status)
    start_on = booking.actual_start_on or span_of(booking.period).start_on
    if command.expected_end_on <= start_on:
        raise Invalid.field("expected_end_on", f"It starts on {start_on}, and ends later.", start=str(start_on))
    await proposals.withdraw_those_of_slips_of(session, actor, booking.id, reason_code="slipped_anew")
    made = Slip(
        booking_id=booking.id,
        expected_end_on=command.expected_end_on,
        reason_code=command.reason_code.value,
        reason_text=command.reason_text,
    )
    session.add(made)
    before = snapshot(booking)
    booking.expected_end_on = command.expected_end_on
    await record(
        session,
        actor,
        "booking.slipped",
        booking,
        before=before,
        reason_code=made.reason_code,
        reason_text=made.reason_text,
    )
    await record(session, actor, "slip.recorded", made, reason_code=made.reason_code)
    await followers.ask(session, actor, booking, made)
    await freed.announce(session, booking.unit_id)
    return made


async def accept(session: AsyncSession, actor: Actor, slip_move_id: UUID) -> SlipMove:
    """Make way: the booking moves to the period proposed at once, on its own terms and at no cost.

    Raises
    ------
    SlipMoveAnswered
        If the proposal is not open any more.
    BookingRefused
        If the period is not free: most often one behind it has to make way first.
    """
    booking, proposal = await _to_answer(session, actor, slip_move_id)
    require_amendable("make_way", booking.status)
    await expire(session, actor, {booking.unit_id})
    if proposal.slot_id is None or proposal.period is None or proposal.delivery_on is None:
        raise _answered(proposal)
    await proposals.answer(session, actor, proposal, SlipMoveStatus.ACCEPTED)
    draft = BookingDraft(
        slot_id=proposal.slot_id,
        organisation_id=booking.organisation_id,
        period=proposal.period,
        delivery_on=proposal.delivery_on,
        batches=booking.batches,
        price_cents=booking.price_cents,
        source=booking.source,
        recallable=booking.recallable,
        reserve=booking.reserve,
    )
    await relocate(session, actor, booking, draft, action="booking.made_way", reason_code="slip")
    if booking.status is BookingStatus.CONFIRMED:
        await resale.settle(session, actor, booking)
    return proposal


async def decline(session: AsyncSession, actor: Actor, slip_move_id: UUID, command: SlipMoveDecline) -> SlipMove:
    """Stay: the proposal is declined with a coded reason, and the planned period stands.

    Raises
    ------
    SlipMoveAnswered
        If the proposal is not open any more.
    """
    _, proposal = await _to_answer(session, actor, slip_move_id)
    await proposals.answer(
        session,
        actor,
        proposal,
        SlipMoveStatus.DECLINED,
        reason_code=command.reason_code.value,
        reason_text=command.reason_text,
    )
    return proposal


async def _to_answer(session: AsyncSession, actor: Actor, slip_move_id: UUID) -> tuple[Booking, SlipMove]:
    """Return an open proposal to a booking of the actor's start-up, both locked."""
    seen = await repository.find_move(session, slip_move_id)
    booking_id = seen.booking_id if seen else slip_move_id  # no booking has it: what is not there takes as long
    try:
        await access.view_for(session, actor, booking_id, "make_way")
    except NotFound:
        raise NotFound.of("slip move", slip_move_id) from None
    booking = await service.locked(session, booking_id)
    proposal = require_seen(session, await repository.lock_move(session, slip_move_id))
    require_in_time(booking)
    if proposal.status is not SlipMoveStatus.PROPOSED:
        raise _answered(proposal)
    return booking, proposal


def _answered(proposal: SlipMove) -> SlipMoveAnswered:
    return SlipMoveAnswered(
        f"This proposal is {proposal.status.value}: there is nothing to answer.",
        facts={"slip_move_status": proposal.status.value, "allowed_in": [SlipMoveStatus.PROPOSED.value]},
    )
