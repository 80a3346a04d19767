"""Slips: reality runs over the plan, is recorded in any case, and those behind are asked to make way at no cost."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, record_all, snapshot
from app.bookings import access, freed, proposals, resale, service
from app.bookings import repository as booking_repository
from app.bookings import slip_repository as repository
from app.bookings.access import view_for
from app.bookings.approvals import require_in_time
from app.bookings.changing import has_run_out, relocate
from app.bookings.drafts import BookingDraft
from app.bookings.errors import SlipMoveAnswered
from app.bookings.expiry import expire
from app.bookings.life_schemas import SlipBody, SlipMoveDecline
from app.bookings.models import Booking, BookingSource, BookingStatus, Slip, SlipMove, SlipMoveStatus
from app.bookings.rules import require_amendable
from app.bookings.slip_rules import Follower, Stretch, plan_slip
from app.capacity.occupancy import span_of
from app.capacity.rules import effective_reserve
from app.capacity.supply import Span
from app.core.clock import today
from app.core.errors import Invalid, NotFound
from app.core.model import period
from app.core.preconditions import require_seen
from app.core.schemas import LATEST_DAY
from app.core.vocabulary import Reserve
from app.identity.actor import Actor

MOVABLE = frozenset({BookingStatus.AWAITING_CDMO, BookingStatus.CONFIRMED})


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
    await _ask_followers(session, actor, booking, made)
    await freed.announce(session, booking.unit_id)
    return made


async def _ask_followers(session: AsyncSession, actor: Actor, booking: Booking, made: Slip) -> None:
    """Propose another period to each booking that the slip runs into, or say why there is none."""
    expected = Span(span_of(booking.period).start_on, made.expected_end_on)
    horizon = period(expected.start_on, LATEST_DAY)
    live = [
        one
        for one in await repository.live_bookings_over(session, booking.unit_id, horizon)
        if one.id != booking.id and span_of(one.period).start_on >= expected.start_on and not has_run_out(one)
    ]
    slots = await booking_repository.bookable_slots(session, booking.unit_id)
    stretches = [
        Stretch(one.id, span_of(one.period), effective_reserve(one.reserve, one.releases_on, today()))
        for one in slots
        if one.divisible and (one.lendable or one.reserve is not Reserve.CRISIS)
    ]
    plan = plan_slip(expected, [_follower(one) for one in live], stretches)
    by_id = {one.id: one for one in live}
    asked = [
        SlipMove(
            slip_id=made.id,
            booking_id=one.booking_id,
            slot_id=one.slot_id,
            period=period(*one.days),
            delivery_on=by_id[one.booking_id].delivery_on
            + (one.days.start_on - span_of(by_id[one.booking_id].period).start_on),
        )
        for one in plan.proposals
    ]
    asked += [
        SlipMove(slip_id=made.id, booking_id=one.booking_id, status=SlipMoveStatus.UNPLACED, unplaced_code=one.code)
        for one in plan.unplaced
    ]
    session.add_all(asked)
    await record_all(session, actor, "slip_move.made", asked)


def _follower(booking: Booking) -> Follower:
    """Return a booking as the plan sees it; what is not a start-up's own firm place is gone round."""
    code = None
    if booking.source is BookingSource.CRISIS:
        code = "crisis_order"
    elif booking.source is BookingSource.MOVE:
        code = "move_awaits_cdmo"
    elif booking.status not in MOVABLE:
        code = booking.status.value
    # Who was served from the start-up reserve may be served from what is open to all.
    reserves = {Reserve.STARTUP, Reserve.OPEN} if booking.reserve is Reserve.STARTUP else {booking.reserve}
    return Follower(booking.id, span_of(booking.period), frozenset(reserves), code)


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
    if seen is None:
        raise NotFound.of("slip move", slip_move_id)
    try:
        await access.view_for(session, actor, seen.booking_id, "make_way")
    except NotFound:
        raise NotFound.of("slip move", slip_move_id) from None
    booking = await service.locked(session, seen.booking_id)
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
