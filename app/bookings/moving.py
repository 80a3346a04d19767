"""Moving a booking to another place: at once where nobody has to approve it, else once its CDMO has.

Nobody loses the old place before the new one is sure: a second row holds it until the CDMO has answered.
"""

from dataclasses import replace
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record
from app.bookings import expiry, followers, freed, ledger, placing, repository, resale, service, slip_repository
from app.bookings.access import require_not_ordered, view_for
from app.bookings.approval_letters import ask_by_letter
from app.bookings.approvals import deadline_of, require_approvable, require_in_time
from app.bookings.changing import change_status, end_run_out, has_run_out, relocate
from app.bookings.drafts import BookingDraft, draft_of
from app.bookings.errors import MovePending, NoTerms, OtherCdmo, OwnDays, SamePlace
from app.bookings.fees import BookingTerms
from app.bookings.life_schemas import MoveBody
from app.bookings.models import Booking, BookingSource, BookingStatus, ChargeKind
from app.bookings.move_costs import MoveOffer, move_offer
from app.bookings.rules import part_outside, require_amendable
from app.capacity.facts import unit_facts
from app.capacity.occupancy import span_of
from app.capacity.service import lock_units
from app.capacity.supply import SlotFacts, Span
from app.core.clock import today
from app.core.errors import NotFound
from app.core.model import period
from app.core.schemas import LATEST_DAY
from app.core.vocabulary import Origin
from app.identity.actor import Actor
from app.requests.facts import request_facts


class Plan(NamedTuple):
    """A booking at another place: the draft of it, what moving there costs, and the facts of the slot."""

    draft: BookingDraft
    offer: MoveOffer
    place: SlotFacts

    @property
    def instant(self) -> bool:
        """Whether nobody has to approve it."""
        return self.draft.terms is not None and self.draft.terms.instant


async def move(session: AsyncSession, actor: Actor, booking_id: UUID, command: MoveBody) -> None:
    """Move a booking that is confirmed or awaits its CDMO, and has not started; matching judges the new place.

    Raises
    ------
    BookingRefused
        With the field at fault and what is in the way, as for a hold.
    StateConflict
        If it has started or ended, or a crisis ordered it.
    MovePending
        If a move of it awaits its CDMO.
    NoTerms
        If it was made without a price of its own.
    TooLateToApprove
        If its CDMO would have to approve a period that has begun.
    """
    view, _ = await view_for(session, actor, booking_id, "move")
    require_movable(view.booking)
    slot = await placing.bookable_slot(session, command.slot_id or view.booking.slot_id, command.start)
    # What the move confirms may replace a later place of the same request.
    units = {view.booking.unit_id, slot.unit_id, *(await freed.units_to_lock(session, view.booking))}
    await lock_units(session, units)
    booking = await service.locked(session, booking_id)
    require_movable(booking)
    await expiry.lock_with_run_out(session, units, [booking.request_id])
    await expiry.expire(session, actor, units)
    pending = await repository.lock_pending_move(session, booking.id)
    if pending is not None and has_run_out(pending):
        await end_run_out(session, actor, pending)
    elif pending is not None:
        raise MovePending(
            "A move of this booking awaits its CDMO: cancel that one first.",
            facts={"pending_move_id": str(pending.id)},
        )
    plan = await plan_move(session, booking, slot.id, command.start)
    reason = (command.reason_code.value, command.reason_text)
    if plan.instant:
        await _take_effect(session, actor, booking, plan.draft, offer=plan.offer, reason=reason)
    else:
        await _ask(session, actor, booking, plan, reason)


async def plan_move(session: AsyncSession, booking: Booking, slot_id: UUID, start_on: date) -> Plan:
    """Return a booking at another place, as matching finds it there, and what moving costs; nothing is changed.

    The days that its request had asked for do not bind its owner, who asks for others now.

    Raises
    ------
    BookingRefused
        If it cannot be there.
    """
    slot = await placing.bookable_slot(session, slot_id, start_on)
    if (slot.id, start_on) == (booking.slot_id, span_of(booking.period).start_on):
        raise SamePlace(slot_id=str(slot.id))
    if booking.request_id is None:
        raise NotFound("This booking serves no request: there is nothing to judge the new place by.")
    units = await unit_facts(session, unit_ids={slot.unit_id, booking.unit_id})
    unit = units[slot.unit_id]
    if unit.organisation_id != units[booking.unit_id].organisation_id:
        raise OtherCdmo(slot_id=str(slot.id))
    place = await placing.facts_of_slot(session, slot, leaving=booking.id)
    request = (await request_facts(session, [booking.request_id]))[booking.request_id]
    open_dates = replace(request, earliest_on=min(request.earliest_on, today()), latest_delivery_on=LATEST_DAY)
    option = placing.option_at(open_dates, unit, place, start_on, today())
    draft = replace(
        draft_of(open_dates, option, start_on, source=BookingSource.MOVE),
        origin=Origin.of(slot.origin, booking.origin),
    )
    assert draft.terms is not None  # noqa: S101 - an option has a price
    days, present = span_of(draft.period), span_of(booking.period)
    offer = move_offer(
        BookingTerms.model_validate(booking.terms),
        draft.terms,
        *days,
        notice_days=(present.start_on - today()).days,
        free_used=booking.free_moves_used,
        bound=booking.status is BookingStatus.CONFIRMED,
        by_cdmo=await slip_repository.stands_in_the_way(session, booking),
    )
    await placing.refuse_taken(session, draft, place, leaving=booking.id)
    return Plan(draft, offer, place)


async def approve_move(session: AsyncSession, author: Author, asked: Booking) -> None:
    """Let a booking take the place that it asks to move to: in one transaction, or not at all.

    It costs what was quoted; nothing, and no free move, where the CDMO has become the cause since.

    Slips in whose way that place was ask the booking to make way now, and those that had asked it ask it anew.

    Raises
    ------
    ApprovalOverdue
        If the CDMO comes too late.
    StateConflict
        If it awaits nothing any more.
    """
    asked = await service.locked(session, asked.id, to_confirm=True)
    require_approvable(asked)
    assert asked.moves_id is not None  # noqa: S101 - a constraint has seen to it
    booking = await repository.lock(session, asked.moves_id)
    offer = MoveOffer.model_validate(asked.move)
    if await slip_repository.stands_in_the_way(session, booking):
        offer = offer.model_copy(update={"fee_cents": 0, "free": False, "by_cdmo": True})
    draft = BookingDraft(
        slot_id=asked.slot_id,
        organisation_id=asked.organisation_id,
        period=period(offer.start, offer.end),
        delivery_on=asked.delivery_on,
        batches=asked.batches,
        price_cents=asked.price_cents,
        source=BookingSource.MOVE,
        recallable=asked.recallable,
        terms=BookingTerms.model_validate(asked.terms),
        reserve=asked.reserve,
    )
    slip_ids = await followers.slips_that_could_not_ask(session, asked.id, followers.MOVE_AWAITS_CDMO)
    # What they ask is withdrawn with the move, and days that it keeps may be run over all the same.
    slip_ids |= await followers.slips_that_ask(session, booking.id)
    await _take_effect(session, author, booking, draft, offer=offer, reason=("approved", None), instead_of=asked)
    await followers.ask_anew(session, author, booking, slip_ids)


async def _ask(
    session: AsyncSession, actor: Actor, booking: Booking, plan: Plan, reason: tuple[str, str | None]
) -> None:
    """Hold the new place beside the old one until the CDMO has answered."""
    wanted, present = span_of(plan.draft.period), span_of(booking.period)
    overlaps = wanted.start_on < present.end_on and present.start_on < wanted.end_on
    held: Span | None = wanted
    if plan.draft.slot_id == booking.slot_id and overlaps:
        held = part_outside(wanted, present)
    if held is None:
        raise OwnDays(slot_id=str(booking.slot_id))
    # The question about the place does not outlast the one about the booking itself.
    deadlines = (deadline_of(wanted.start_on, BookingSource.MOVE), booking.approval_expires_at)
    draft = replace(
        plan.draft,
        period=period(*held),
        status=BookingStatus.AWAITING_CDMO,
        approval_expires_at=min(one for one in deadlines if one is not None),
        moves_id=booking.id,
        move=plan.offer,
        contract_status=booking.contract_status,
    )
    asked = await service.create_booking(session, actor, draft)
    code, text = reason
    await record(session, actor, "booking.move_asked", asked, reason_code=code, reason_text=text)
    await ask_by_letter(session, asked)


async def _take_effect(
    session: AsyncSession,
    author: Author,
    booking: Booking,
    draft: BookingDraft,
    *,
    offer: MoveOffer,
    reason: tuple[str, str | None],
    instead_of: Booking | None = None,
) -> None:
    """Put a booking in its new place under the terms there, and charge what was quoted for moving."""
    terms = draft.terms
    assert terms is not None  # noqa: S101
    code, text = reason
    before_cents = booking.price_cents
    # As its terms are now: its CDMO may have approved the booking since the move was asked for.
    reserved_cents = BookingTerms.model_validate(booking.terms).reservation_fee_cents
    bound = booking.status is BookingStatus.CONFIRMED
    changes = {
        "price_cents": draft.price_cents,
        "terms": terms.model_dump(mode="json"),
        "batches": draft.batches,
        "free_moves_used": booking.free_moves_used + int(offer.free),
    }
    await relocate(
        session,
        author,
        booking,
        draft,
        action="booking.moved",
        reason_code=code,
        reason_text=text,
        changes=changes,
        instead_of=instead_of,
    )
    if not bound:
        await change_status(session, author, booking, BookingStatus.CONFIRMED)
        await service.bind(session, author, booking)
        return
    detail = {
        "notice_days": offer.notice_days,
        "free": offer.free,
        "caused_by_cdmo": offer.by_cdmo,
        "price_before_cents": before_cents,
        "price_cents": draft.price_cents,
        "policy_version": terms.policy_version,
    }
    await ledger.charge(session, author, booking, ChargeKind.MOVE_FEE, offer.fee_cents, detail=detail)
    await ledger.charge(
        session,
        author,
        booking,
        ChargeKind.RESERVATION_FEE,
        terms.reservation_fee_cents - reserved_cents,
        detail=detail,
    )
    await resale.settle(session, author, booking)


def require_movable(booking: Booking) -> None:
    """Let pass what its start-up may move.

    Raises
    ------
    ApprovalOverdue
        If its CDMO has not approved it in time.
    StateConflict
        If it has started or ended, a crisis ordered it, or it is the place to which another one asks to move.
    NoTerms
        If it was made without a price of its own.
    """
    require_not_ordered(booking)
    require_in_time(booking)
    require_amendable("move", booking.status)
    if booking.moves_id is not None:
        raise MovePending(
            "This is a place to which a booking asks to move: move that one, or cancel this.",
            facts={"moves_id": str(booking.moves_id)},
        )
    if not booking.terms:
        raise NoTerms("This booking was made without a price of its own, and cannot be moved by itself.")
