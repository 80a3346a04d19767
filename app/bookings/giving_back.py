"""A displaced booking gets its own place back, and what was paid for a place that was lost follows it.

The crisis decides who and when; nothing here is charged to it.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings import ledger, resale, service
from app.bookings.drafts import BookingDraft
from app.bookings.fees import BookingTerms
from app.bookings.models import LIVE, Booking, BookingSource, BookingStatus, ChargeKind
from app.capacity.supply import Span
from app.core.model import period

RESTORED = "restored"


async def hold_again(
    session: AsyncSession,
    author: Author,
    displaced: Booking,
    days: Span,
    *,
    delivery_on: date,
    crisis_id: UUID,
    until_at: datetime,
) -> Booking:
    """Hold days in the slot of a displaced booking for it, under the terms that it had there.

    Raises
    ------
    BookingRefused
        If they are not free after all; the transaction stays usable.
    """
    draft = BookingDraft(
        slot_id=displaced.slot_id,
        organisation_id=displaced.organisation_id,
        period=period(*days),
        delivery_on=delivery_on,
        batches=displaced.batches,
        price_cents=displaced.price_cents,
        source=BookingSource.REPLACEMENT,
        hold_expires_at=until_at,
        request_id=displaced.request_id,
        product_id=displaced.product_id,
        crisis_id=crisis_id,
        recallable=displaced.recallable,
        contract_status=displaced.contract_status,
        terms=BookingTerms.model_validate(displaced.terms) if displaced.terms else None,
        reserve=displaced.reserve,
        origin=displaced.origin,
    )
    return await service.create_booking(session, author, draft)


async def take_back(
    session: AsyncSession, author: Author, displaced: Booking, held: Booking, *, instead_of: Booking | None
) -> Booking:
    """Confirm the place that is held for a displaced booking; the place that it had meanwhile is left at no charge.

    Its CDMO has agreed to the lot on this unit before, and is not asked again. What was charged for reserving the place
    that was lost is credited, and charged for this one: the invoice then counts it once.
    """
    taken = await service.confirm(session, author, held)
    if taken.status is BookingStatus.AWAITING_CDMO:
        taken = await service.approve(session, author, taken)
    if instead_of is not None and instead_of.status in LIVE:
        left = BookingStatus.RELEASED if instead_of.status is BookingStatus.HELD else BookingStatus.CANCELLED
        await service.end_booking(session, author, instead_of, left, reason_code=RESTORED, replaced_by_id=taken.id)
        await resale.take_back(session, author, instead_of, own_fee_cents=0)
    await credit_reservation(session, author, displaced, RESTORED)
    before = snapshot(displaced)
    displaced.replaced_by_id = taken.id
    await record(session, author, "booking.restored", displaced, before=before, reason_code=RESTORED)
    return taken


async def credit_reservation(session: AsyncSession, author: Author, displaced: Booking, code: str) -> None:
    """Credit what its start-up was charged for reserving a place that a crisis took; nothing if that was nothing."""
    charged_cents = await ledger.charged_cents(session, displaced.id)
    await ledger.charge(
        session,
        author,
        displaced,
        ChargeKind.RESERVATION_FEE,
        -charged_cents,
        detail={"code": code},
    )


async def hold_longer(session: AsyncSession, author: Author, held: Booking, until_at: datetime) -> None:
    """Have a locked hold run out later than it was to."""
    before = snapshot(held)
    held.hold_expires_at = until_at
    await record(session, author, "booking.held_until", held, before=before)
