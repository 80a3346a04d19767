"""Making bookings and changing their status: what every capability above goes through.

Each function locks the units that it touches, leaves an audit record, and never commits. A transaction that touches
several units locks them all first, with one call of `app.capacity.service.lock_units`.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import creation
from app.bookings import expiry, followers, followup, freed, ledger, obstacles, repository, resale, writing_repository
from app.bookings.approval_letters import ask_by_letter
from app.bookings.approvals import deadline_of, require_approvable
from app.bookings.changing import change_status
from app.bookings.drafts import BookingDraft, draft_of
from app.bookings.errors import HoldExpired, InThePast
from app.bookings.expiry import decline_overdue, expire_stale_holds, lock_with_run_out
from app.bookings.ledger import add_charge
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.bookings.rules import ENDED, INITIAL, require_way
from app.capacity.models import Slot
from app.capacity.occupancy import span_of
from app.capacity.service import lock_units
from app.core.clock import now, today
from app.core.errors import Busy, NotFound
from app.core.plain import new_row
from app.core.preconditions import require_seen
from app.requests.models import Request


async def create_booking(session: AsyncSession, author: Author, draft: BookingDraft) -> Booking:
    """Make one booking: see `create_bookings`."""
    return (await create_bookings(session, author, [draft]))[0]


async def create_bookings(session: AsyncSession, author: Author, drafts: Sequence[BookingDraft]) -> list[Booking]:
    """Make bookings, in the order of the drafts: all units locked at once, stale holds in their way expired first.

    A refusal leaves the transaction usable, with the bookings before it made: roll back for all or nothing.

    Raises
    ------
    BookingRefused
        `SlotTaken`, `OutsideSlot`, `SlotNotPublished`, `SlotFrozen`, `SlotWhole` or `UnderOrder`; the period in the
        way and the nearest free one are among its facts. `SlotChanged` if the slot was changed since it was read.
    NotFound
        If a slot does not exist.
    """
    slots = await repository.slots_by_id(session, {draft.slot_id for draft in drafts})
    for draft in drafts:
        if draft.slot_id not in slots:
            raise NotFound.of("slot", draft.slot_id)
    units = {slot.unit_id for slot in slots.values()}
    if len(units) > 1:
        await lock_units(session, units)
        slots = await repository.slots_by_id(session, slots)
    return [await place_booking(session, author, draft, slots[draft.slot_id]) for draft in drafts]


async def place_booking(
    session: AsyncSession, author: Author, draft: BookingDraft, slot: Slot, *, request: Request | None = None
) -> Booking:
    """Make one booking in a slot that has been read already, and with it the request that it is for, if that is new.

    The unit is locked, and what has run out in the way ended first. A refusal leaves the transaction usable.

    Raises
    ------
    BookingRefused
        As `create_bookings` does.
    """
    if draft.status not in INITIAL:
        raise ValueError(f"a booking is not made {draft.status.value}")
    made = writing_of(author, row_of(draft, slot), slot, request)
    try:
        while not await writing_repository.insert(session, made):
            await expiry.expire(session, author, {slot.unit_id})
    except repository.Refused as refused:
        facts = await obstacles.facts_of(session, refused.rule, slot.id, draft.period, draft.starts_between)
        raise refused.rule(**facts) from None
    booking = writing_repository.attached(session, Booking, made.booking)
    if request is not None:
        writing_repository.attached(session, Request, request)
    await followup.settle_request(session, author, booking)
    if booking.status is BookingStatus.CONFIRMED:
        await bind(session, author, booking)
    return booking


def writing_of(author: Author, booking: Booking, slot: Slot, request: Request | None) -> writing_repository.Writing:
    """Return all that is written with a booking: the request made for it, if any, and the audit records of both."""
    records = [] if request is None else [creation(author, "request.created", request)]
    records.append(creation(author, f"booking.{booking.status.value}", booking))
    return writing_repository.Writing(slot.version, booking, request, records)


def row_of(draft: BookingDraft, slot: Slot) -> Booking:
    """Return the plain row of a booking to be made."""
    return new_row(
        Booking,
        slot_id=slot.id,
        unit_id=slot.unit_id,
        organisation_id=draft.organisation_id,
        request_id=draft.request_id,
        product_id=draft.product_id,
        request_version=draft.request_version,
        product_version=draft.product_version,
        crisis_id=draft.crisis_id,
        source=draft.source,
        batches=draft.batches,
        period=draft.period,
        delivery_on=draft.delivery_on,
        reserve=draft.reserve or slot.reserve,
        recallable=draft.recallable,
        status=draft.status,
        hold_expires_at=draft.hold_expires_at,
        approval_expires_at=draft.approval_expires_at,
        moves_id=draft.moves_id,
        move=draft.move.model_dump(mode="json") if draft.move else None,
        repeats_id=draft.repeats_id,
        contract_status=draft.contract_status,
        price_cents=draft.price_cents,
        terms=draft.terms.model_dump(mode="json") if draft.terms else {},
        origin=draft.origin or slot.origin,
    )


async def bind(session: AsyncSession, author: Author, booking: Booking) -> None:
    """Charge what a confirmation costs, credit those who had given up its days at a fee, and leave a later place."""
    await ledger.charge_reservation(session, author, booking)
    await resale.settle(session, author, booking)
    for later in await freed.later_places(session, booking):
        reason = freed.MOVED_EARLIER
        await end_booking(
            session, author, later, BookingStatus.CANCELLED, reason_code=reason, replaced_by_id=booking.id
        )
        await freed.credit_left(session, author, later, booking)
        await resale.take_back(session, author, later, own_fee_cents=0)


async def locked(session: AsyncSession, booking_id: UUID, *, to_confirm: bool = False) -> Booking:
    """Return a booking as it is now, its unit and its row locked until the transaction ends.

    With a place to which a booking asks to move, the unit of that booking is locked too.

    Parameters
    ----------
    to_confirm
        The unit of a later place that it is to replace is locked as well.

    Raises
    ------
    NotFound
        If there is none.
    Stale
        If the caller saw another version of it.
    Busy
        If it has been moved to another unit while this one waited.
    """
    seen = await repository.find(session, booking_id)
    if seen is None:
        raise NotFound.of("booking", booking_id)
    asking = await repository.find(session, seen.moves_id) if seen.moves_id else None
    concerned = [seen] if asking is None else [seen, asking]
    units = {one.unit_id for one in concerned}
    if to_confirm:
        units |= {unit for one in concerned for unit in await freed.units_to_lock(session, one)}
    await lock_units(session, units)
    booking = require_seen(session, await repository.lock(session, booking_id))
    if booking.unit_id not in units:
        raise Busy("This booking has been moved to another unit at this moment: send the same request again.")
    return booking


async def confirm(session: AsyncSession, author: Author, booking: Booking) -> Booking:
    """Take a hold to what its terms say: confirmed, with the reservation fee charged, or before its CDMO.

    Slips in whose way it was held ask it to make way now.

    Raises
    ------
    HoldExpired
        If it was not confirmed in time, whether or not anything has expired it yet.
    StateConflict
        If it is not held.
    InThePast
        If its period has started before today; what a crisis has placed is refused to nobody.
    TooLateToApprove
        If its CDMO would have to approve a period that has begun.
    """
    booking = await locked(session, booking.id, to_confirm=True)
    if booking.status is BookingStatus.EXPIRED or (
        booking.hold_expires_at is not None and booking.hold_expires_at <= now()
    ):
        raise HoldExpired("This hold has expired: nothing is booked. Make a new one.")
    require_way("confirm", booking.status)
    start_on = span_of(booking.period).start_on
    if start_on < today() and booking.source is not BookingSource.REPLACEMENT:
        raise InThePast(today=today().isoformat())
    slip_ids = await followers.slips_that_could_not_ask(session, booking.id, followers.HELD)
    if bool(booking.terms.get("instant")):
        await change_status(session, author, booking, BookingStatus.CONFIRMED)
        await bind(session, author, booking)
        await followers.ask_anew(session, author, booking, slip_ids)
        return booking
    changes = {"approval_expires_at": deadline_of(start_on, booking.source)}
    await change_status(session, author, booking, BookingStatus.AWAITING_CDMO, changes=changes)
    await ask_by_letter(session, booking)
    await followers.ask_anew(session, author, booking, slip_ids)
    return booking


async def approve(session: AsyncSession, author: Author, booking: Booking) -> Booking:
    """Confirm a booking that awaited its CDMO, and charge the reservation fee.

    Raises
    ------
    ApprovalOverdue
        If it was not approved in time, whether or not anything has declined it yet.
    StateConflict
        If it awaits nothing.
    """
    booking = await locked(session, booking.id, to_confirm=True)
    require_approvable(booking)
    await change_status(session, author, booking, BookingStatus.CONFIRMED)
    await bind(session, author, booking)
    return booking


async def end_booking(
    session: AsyncSession,
    author: Author,
    booking: Booking,
    status: BookingStatus,
    *,
    reason_code: str,
    reason_text: str | None = None,
    replaced_by_id: UUID | None = None,
) -> Booking:
    """Free a booking's period. Charges are the caller's to make.

    Parameters
    ----------
    status
        One that no longer occupies the period.
    replaced_by_id
        The booking taken in its place, where it was displaced.

    Raises
    ------
    StateConflict
        If the transition table does not know the change.
    """
    if status not in ENDED:
        raise ValueError(f"a booking does not end {status.value}")
    booking = await locked(session, booking.id)
    changes: dict[str, Any] = {"ended_reason_code": reason_code, "replaced_by_id": replaced_by_id}
    if status is BookingStatus.DISPLACED:
        changes["displaced_at"] = now()
    await change_status(
        session, author, booking, status, reason_code=reason_code, reason_text=reason_text, changes=changes
    )
    if booking.source is BookingSource.CRISIS:
        # A campaign that was ordered and is not made has sold nobody's days again.
        await resale.take_back(session, author, booking, own_fee_cents=0)
    return booking


__all__ = [
    "BookingDraft",
    "add_charge",
    "approve",
    "confirm",
    "create_booking",
    "create_bookings",
    "decline_overdue",
    "draft_of",
    "end_booking",
    "expire_stale_holds",
    "lock_with_run_out",
    "locked",
    "place_booking",
]
