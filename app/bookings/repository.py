"""Queries on bookings: row locks, and constraint names translated into refusals."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.errors import REFUSALS, BookingRefused
from app.bookings.models import LIVE, Booking, BookingStatus
from app.capacity.models import Slot, SlotFreeze, SlotStatus
from app.capacity.release import in_reserves
from app.capacity.rules import effective_reserve
from app.core.clock import today
from app.core.constraints import constraint_of
from app.requests.models import Request


async def insert(session: AsyncSession, booking: Booking) -> type[BookingRefused] | None:
    """Insert a booking under a savepoint, and return the rule that refused it, if any: the transaction goes on."""
    try:
        async with session.begin_nested():
            session.add(booking)
    except DBAPIError as error:
        refusal = REFUSALS.get(constraint_of(error) or "")
        if refusal is None:
            raise
        return refusal
    return None


async def find(session: AsyncSession, booking_id: UUID) -> Booking | None:
    """Return the booking as the database has it now, or None."""
    return await session.get(Booking, booking_id, populate_existing=True)


async def lock(session: AsyncSession, booking_id: UUID) -> Booking:
    """Return the booking as it is now, its row locked until the transaction ends."""
    return await session.get_one(Booking, booking_id, populate_existing=True, with_for_update={"key_share": True})


async def slots_by_id(session: AsyncSession, slot_ids: Collection[UUID]) -> dict[UUID, Slot]:
    """Return the slots among these that exist."""
    statement = select(Slot).where(col(Slot.id).in_(slot_ids)).execution_options(populate_existing=True)
    return {slot.id: slot for slot in await session.scalars(statement)}


async def bookable_slots(session: AsyncSession, like: Slot) -> list[Slot]:
    """Return the published slots of a slot's unit, under the same reserve's rules today, that nothing holds still."""
    day = today()
    reserve = effective_reserve(like.reserve, like.releases_on, day)
    statement = select(Slot).where(
        col(Slot.unit_id) == like.unit_id,
        in_reserves([reserve], day),
        col(Slot.status) == SlotStatus.PUBLISHED,
        ~select(SlotFreeze).where(col(SlotFreeze.slot_id) == col(Slot.id)).exists(),
    )
    return list(await session.scalars(statement))


async def bookings_of_slot(session: AsyncSession, slot_id: UUID) -> list[Booking]:
    """Return all bookings that a slot has had, ended ones too, as they are now, their rows locked."""
    statement = select(Booking).where(col(Booking.slot_id) == slot_id).order_by(col(Booking.id))
    rows = await session.scalars(statement.with_for_update(key_share=True).execution_options(populate_existing=True))
    return list(rows)


async def stale_holds(session: AsyncSession, unit_ids: Collection[UUID], at: datetime) -> list[Booking]:
    """Return the holds on these units that had run out by an instant, their rows locked."""
    statement = (
        select(Booking)
        .where(
            col(Booking.unit_id).in_(unit_ids),
            col(Booking.status) == BookingStatus.HELD,
            col(Booking.hold_expires_at) <= at,
        )
        .order_by(col(Booking.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(statement))


async def units_with_stale_holds(session: AsyncSession, at: datetime, limit: int) -> set[UUID]:
    """Return up to so many units that have holds which had run out by an instant."""
    statement = (
        select(col(Booking.unit_id))
        .where(col(Booking.status) == BookingStatus.HELD, col(Booking.hold_expires_at) <= at)
        .distinct()
        .limit(limit)
    )
    return set(await session.scalars(statement))


async def live_booking_of_request(session: AsyncSession, request_id: UUID, at: datetime) -> UUID | None:
    """Return a live booking of a request, or None; a hold that had run out by an instant is none."""
    statement = select(col(Booking.id)).where(
        col(Booking.request_id) == request_id,
        col(Booking.status).in_(LIVE),
        or_(col(Booking.hold_expires_at).is_(None), col(Booking.hold_expires_at) > at),
    )
    return (await session.scalars(statement.limit(1))).first()


async def lock_request(session: AsyncSession, request_id: UUID) -> Request:
    """Return a request as it is now, its row locked until the transaction ends."""
    return await session.get_one(Request, request_id, populate_existing=True, with_for_update={"key_share": True})
