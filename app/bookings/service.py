"""Making bookings and changing their status: what every capability above goes through.

Each function locks the units that it touches, leaves an audit record, and never commits. A transaction that touches
several units locks them all first, with one call of `app.capacity.service.lock_units`.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings import followup, ledger, obstacles, repository
from app.bookings.drafts import BookingDraft, draft_of
from app.bookings.errors import HoldExpired
from app.bookings.ledger import add_charge
from app.bookings.models import Booking, BookingStatus
from app.bookings.rules import ENDED, INITIAL, require_transition
from app.capacity.models import Slot
from app.capacity.service import lock_units
from app.core.clock import now
from app.core.errors import NotFound, StateConflict


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
        way and the nearest free one are among its facts.
    NotFound
        If a slot does not exist.
    """
    slots = await repository.slots_by_id(session, {draft.slot_id for draft in drafts})
    for draft in drafts:
        if draft.slot_id not in slots:
            raise NotFound.of("slot", draft.slot_id)
    units = {slot.unit_id for slot in slots.values()}
    await lock_units(session, units)
    await _expire(session, author, units)
    return [await _insert(session, author, draft, slots[draft.slot_id]) for draft in drafts]


async def _insert(session: AsyncSession, author: Author, draft: BookingDraft, slot: Slot) -> Booking:
    if draft.status not in INITIAL:
        raise ValueError(f"a booking is not made {draft.status.value}")
    booking = Booking(
        slot_id=slot.id,
        unit_id=slot.unit_id,
        organisation_id=draft.organisation_id,
        request_id=draft.request_id,
        product_id=draft.product_id,
        crisis_id=draft.crisis_id,
        source=draft.source,
        batches=draft.batches,
        period=draft.period,
        delivery_on=draft.delivery_on,
        reserve=draft.reserve or slot.reserve,
        recallable=draft.recallable,
        status=draft.status,
        hold_expires_at=draft.hold_expires_at,
        contract_status=draft.contract_status,
        price_cents=draft.price_cents,
        terms=draft.terms.model_dump(mode="json") if draft.terms else {},
        origin=draft.origin or slot.origin,
    )
    refusal = await repository.insert(session, booking)
    if refusal is not None:
        facts = await obstacles.facts_of(session, refusal, slot.id, draft.period, draft.starts_between)
        raise refusal(**facts)
    await record(session, author, f"booking.{booking.status.value}", booking)
    await followup.settle_request(session, author, booking)
    if booking.status is BookingStatus.CONFIRMED:
        await ledger.charge_reservation(session, author, booking)
    return booking


async def locked(session: AsyncSession, booking_id: UUID) -> Booking:
    """Return a booking as it is now, its unit and its row locked until the transaction ends.

    Raises
    ------
    NotFound
        If there is none.
    """
    seen = await repository.find(session, booking_id)
    if seen is None:
        raise NotFound.of("booking", booking_id)
    await lock_units(session, [seen.unit_id])
    return await repository.lock(session, booking_id)


async def _change_status(
    session: AsyncSession,
    author: Author,
    booking: Booking,
    status: BookingStatus,
    *,
    reason_code: str | None = None,
    reason_text: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Booking:
    """Take a locked booking to another status: the one place where a status changes."""
    require_transition(booking.status, status)
    before = snapshot(booking)
    booking.status = status
    booking.hold_expires_at = None
    for name, value in (changes or {}).items():
        setattr(booking, name, value)
    action = f"booking.{status.value}"
    await record(session, author, action, booking, before=before, reason_code=reason_code, reason_text=reason_text)
    await followup.settle_request(session, author, booking)
    return booking


def _require_status(booking: Booking, status: BookingStatus) -> None:
    if booking.status is not status:
        raise StateConflict(
            f"This takes a booking that is {status.value}; this one is {booking.status.value}.",
            facts={"booking_status": booking.status.value},
        )


async def confirm(session: AsyncSession, author: Author, booking: Booking) -> Booking:
    """Take a hold to what its terms say: confirmed, with the reservation fee charged, or before its CDMO.

    Raises
    ------
    HoldExpired
        If it was not confirmed in time, whether or not anything has expired it yet.
    StateConflict
        If it is not held.
    """
    booking = await locked(session, booking.id)
    if booking.status is BookingStatus.EXPIRED or (
        booking.hold_expires_at is not None and booking.hold_expires_at <= now()
    ):
        raise HoldExpired("This hold has expired: nothing is booked. Make a new one.")
    instant = bool(booking.terms.get("instant"))
    await _change_status(session, author, booking, BookingStatus.CONFIRMED if instant else BookingStatus.AWAITING_CDMO)
    if instant:
        await ledger.charge_reservation(session, author, booking)
    return booking


async def approve(session: AsyncSession, author: Author, booking: Booking) -> Booking:
    """Confirm a booking that awaited its CDMO, and charge the reservation fee.

    Raises
    ------
    StateConflict
        If it awaits nothing.
    """
    booking = await locked(session, booking.id)
    _require_status(booking, BookingStatus.AWAITING_CDMO)
    await _change_status(session, author, booking, BookingStatus.CONFIRMED)
    await ledger.charge_reservation(session, author, booking)
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
    return await _change_status(
        session, author, booking, status, reason_code=reason_code, reason_text=reason_text, changes=changes
    )


async def _expire(session: AsyncSession, author: Author, units: set[UUID]) -> int:
    """Expire every stale hold of locked units, and return how many there were."""
    stale = await repository.stale_holds(session, units, now())
    for booking in stale:
        await _change_status(
            session,
            author,
            booking,
            BookingStatus.EXPIRED,
            reason_code="hold_expired",
            changes={"ended_reason_code": "hold_expired"},
        )
    return len(stale)


async def expire_holds_on(session: AsyncSession, author: Author, unit_id: UUID) -> None:
    """Expire every stale hold of a unit, which is locked."""
    await _expire(session, author, {unit_id})


async def expire_stale_holds(session: AsyncSession, author: Author, *, max_units: int = 100) -> int:
    """Expire the holds that have run out, on so many units at most, and return how many there were.

    A sweep calls it in a transaction of its own until it returns 0. Nothing waits for it: a new booking expires by
    itself what is stale in its way.
    """
    units = await repository.units_with_stale_holds(session, now(), max_units)
    if not units:
        return 0
    await lock_units(session, units)
    return await _expire(session, author, units)


__all__ = [
    "BookingDraft",
    "add_charge",
    "approve",
    "confirm",
    "create_booking",
    "create_bookings",
    "draft_of",
    "end_booking",
    "expire_holds_on",
    "expire_stale_holds",
    "locked",
]
