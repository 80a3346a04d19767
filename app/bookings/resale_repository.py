"""Queries on days that were given up at a fee, and on what their resale has given back."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.ledger_repository import of_its_startup
from app.bookings.models import Booking, BookingStatus, Charge, ChargeKind
from app.core.model import Period

FEES = (ChargeKind.RESERVATION_FEE, ChargeKind.CANCELLATION_FEE)


class Cancelled(NamedTuple):
    """A booking that its start-up cancelled, and what that cost in all before any resale."""

    booking_id: UUID
    period: Period
    price_cents: int
    fee_cents: int


async def cancelled_at_a_fee(session: AsyncSession, unit_id: UUID, days: Period) -> list[Cancelled]:
    """Return the cancelled bookings of a unit that share a day with a period and cost their start-up a fee."""
    fee = func.sum(col(Charge.amount_cents))
    statement = (
        select(col(Booking.id), col(Booking.period), col(Booking.price_cents), fee)
        .join(Charge, of_its_startup())
        .where(
            col(Booking.unit_id) == unit_id,
            col(Booking.status) == BookingStatus.CANCELLED,
            col(Booking.period).op("&&")(days),
            col(Charge.kind).in_(FEES),
        )
        .group_by(col(Booking.id))
        .having(fee > 0)
    )
    return [Cancelled(one, period, price, int(total)) for one, period, price, total in await session.execute(statement)]


async def given_by(session: AsyncSession, resale_id: UUID) -> dict[UUID, int]:
    """Return what a resale has given to each cancelled booking, in cents: negative, and nothing is left out."""
    statement = (
        select(col(Charge.booking_id), func.sum(col(Charge.amount_cents)))
        .where(col(Charge.resale_id) == resale_id)
        .group_by(col(Charge.booking_id))
    )
    rows = await session.execute(statement)
    return {booking_id: int(total) for booking_id, total in rows if booking_id is not None}


async def given_to(session: AsyncSession, booking_id: UUID) -> list[tuple[UUID, Period, int]]:
    """Return what each resale has given to a cancelled booking, with the resale's period."""
    statement = (
        select(col(Booking.id), col(Booking.period), func.sum(col(Charge.amount_cents)))
        .join(Charge, col(Charge.resale_id) == col(Booking.id))
        .where(col(Charge.booking_id) == booking_id)
        .group_by(col(Booking.id))
    )
    return [(one, period, int(total)) for one, period, total in await session.execute(statement)]


async def get(session: AsyncSession, booking_id: UUID) -> Booking:
    """Return a booking."""
    return await session.get_one(Booking, booking_id)
