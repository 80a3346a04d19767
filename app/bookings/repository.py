"""Queries on bookings: row locks, and constraint names translated into refusals."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, DATERANGE
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.errors import REFUSALS, BookingRefused
from app.bookings.liveness import has_run_out, is_live
from app.bookings.models import Booking, BookingSource, BookingStatus, FreedPeriod
from app.capacity.models import Slot, SlotFreeze, SlotStatus
from app.core.constraints import constraint_of
from app.core.model import Period
from app.requests.models import Product, Request


class Refused(Exception):
    """The calendar has refused a change, by one of its rules."""

    def __init__(self, rule: type[BookingRefused]) -> None:
        super().__init__(rule.type)
        self.rule = rule


@asynccontextmanager
async def guarded(session: AsyncSession, *, swap: bool = False) -> AsyncIterator[None]:
    """Change bookings under a savepoint; the transaction goes on if the calendar refuses.

    Parameters
    ----------
    swap
        Judge overlaps at the end of the block alone, so that one booking can take the place of another.

    Raises
    ------
    Refused
        With the rule that stands against it.
    """
    try:
        async with session.begin_nested():
            if swap:
                await session.execute(text("SET CONSTRAINTS ex_bookings_live_overlap DEFERRED"))
            yield
            await session.flush()
            if swap:
                await session.execute(text("SET CONSTRAINTS ex_bookings_live_overlap IMMEDIATE"))
    except DBAPIError as error:
        refusal = REFUSALS.get(constraint_of(error) or "")
        if refusal is None:
            raise
        raise Refused(refusal) from error


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


async def bookable_slots(session: AsyncSession, unit_id: UUID) -> list[Slot]:
    """Return the published slots of a unit that nothing holds still."""
    statement = select(Slot).where(
        col(Slot.unit_id) == unit_id,
        col(Slot.status) == SlotStatus.PUBLISHED,
        ~select(SlotFreeze).where(col(SlotFreeze.slot_id) == col(Slot.id)).exists(),
    )
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


async def bookings_of_slot(session: AsyncSession, slot_id: UUID) -> list[Booking]:
    """Return all bookings that a slot has had, ended ones too, as they are now, their rows locked."""
    statement = select(Booking).where(col(Booking.slot_id) == slot_id).order_by(col(Booking.id))
    rows = await session.scalars(statement.with_for_update(key_share=True).execution_options(populate_existing=True))
    return list(rows)


async def run_out(session: AsyncSession, unit_ids: Collection[UUID], at: datetime) -> list[Booking]:
    """Return the holds and the questions to CDMOs on these units that had run out by an instant, their rows locked."""
    statement = (
        select(Booking)
        .where(
            col(Booking.unit_id).in_(unit_ids),
            has_run_out(at),
        )
        .order_by(col(Booking.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(statement))


async def units_run_out_for(session: AsyncSession, request_id: UUID, at: datetime) -> set[UUID]:
    """Return the units on which a hold or a question to a CDMO for a request had run out by an instant."""
    statement = select(col(Booking.unit_id)).where(col(Booking.request_id) == request_id, has_run_out(at))
    return set(await session.scalars(statement))


async def requests_run_out_on(session: AsyncSession, unit_ids: Collection[UUID], at: datetime) -> set[UUID]:
    """Return the requests for which a hold or a question to a CDMO on these units had run out by an instant.

    That about a place to which a booking only asks to move concerns no request.
    """
    statement = select(col(Booking.request_id)).where(
        col(Booking.unit_id).in_(unit_ids), col(Booking.moves_id).is_(None), has_run_out(at)
    )
    return {request_id for request_id in await session.scalars(statement) if request_id is not None}


async def units_with_stale_holds(session: AsyncSession, at: datetime, limit: int) -> set[UUID]:
    """Return up to so many units that have holds which had run out by an instant."""
    statement = (
        select(col(Booking.unit_id))
        .where(col(Booking.status) == BookingStatus.HELD, col(Booking.hold_expires_at) <= at)
        .distinct()
        .limit(limit)
    )
    return set(await session.scalars(statement))


async def units_with_overdue_approvals(session: AsyncSession, at: datetime, limit: int) -> set[UUID]:
    """Return up to so many units that have bookings which had not been approved in time by an instant."""
    statement = (
        select(col(Booking.unit_id))
        .where(col(Booking.status) == BookingStatus.AWAITING_CDMO, col(Booking.approval_expires_at) <= at)
        .distinct()
        .limit(limit)
    )
    return set(await session.scalars(statement))


async def lock_pending_move(session: AsyncSession, booking_id: UUID) -> Booking | None:
    """Return the place that a booking asks to move to, its row locked, or None."""
    statement = (
        select(Booking)
        .where(col(Booking.moves_id) == booking_id, col(Booking.status) == BookingStatus.AWAITING_CDMO)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def displaced_by(session: AsyncSession, booking_id: UUID) -> list[Booking]:
    """Return the bookings that were displaced and that another one replaces."""
    statement = select(Booking).where(col(Booking.replaced_by_id) == booking_id).order_by(col(Booking.id))
    return list(await session.scalars(statement))


async def live_booking_of_request(session: AsyncSession, request_id: UUID, at: datetime) -> UUID | None:
    """Return a live booking of a request, or None; what had run out by an instant is none."""
    statement = select(col(Booking.id)).where(
        col(Booking.request_id) == request_id, col(Booking.moves_id).is_(None), is_live(at)
    )
    return (await session.scalars(statement.limit(1))).first()


async def has_undecided_days(session: AsyncSession, unit_id: UUID) -> bool:
    """Tell whether days of a unit have been freed about which the waiting list is yet to be asked."""
    statement = select(col(FreedPeriod.id)).where(
        col(FreedPeriod.unit_id) == unit_id, col(FreedPeriod.decision_id).is_(None)
    )
    return await session.scalar(statement.limit(1)) is not None


async def free_again(session: AsyncSession, request_ids: Collection[UUID]) -> None:
    """Note again the free days about which these requests were asked while they could have none."""
    await session.execute(select(func.free_again(literal(list(request_ids), ARRAY(Uuid())))))


async def give_freed_days(session: AsyncSession, slot_id: UUID, part_id: UUID, part: Period) -> None:
    """Let freed days of a slot that are yet to be decided about belong to the part of it in which they lie."""
    await session.execute(
        update(FreedPeriod)
        .where(
            col(FreedPeriod.slot_id) == slot_id,
            col(FreedPeriod.decision_id).is_(None),
            col(FreedPeriod.period).op("<@", is_comparison=True)(literal(part, DATERANGE)),
        )
        .values(slot_id=part_id)
    )


async def other_places(
    session: AsyncSession, request_id: UUID, booking_id: UUID, *, offered_at: datetime | None = None
) -> list[Booking]:
    """Return the places that a request has beside one booking, approved or not; production has begun in none.

    A place to which a booking only asks to move ends with that booking.

    Parameters
    ----------
    offered_at
        With what the waiting list offers it at this instant.
    """
    is_place: ColumnElement[bool] = col(Booking.status).in_([BookingStatus.AWAITING_CDMO, BookingStatus.CONFIRMED])
    if offered_at is not None:
        offered = and_(col(Booking.status) == BookingStatus.HELD, col(Booking.source) == BookingSource.WAITING)
        is_place = or_(is_place, and_(offered, col(Booking.hold_expires_at) > offered_at))
    statement = (
        select(Booking)
        .where(
            col(Booking.request_id) == request_id,
            col(Booking.id) != booking_id,
            col(Booking.moves_id).is_(None),
            is_place,
        )
        .order_by(col(Booking.id))
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(statement))


async def product_of(session: AsyncSession, request: Request) -> Product:
    """Return the product of a request, as it is now."""
    return await session.get_one(Product, request.product_id, populate_existing=True)


async def lock_request(session: AsyncSession, request_id: UUID) -> Request:
    """Return a request as it is now, its row locked until the transaction ends."""
    return await session.get_one(Request, request_id, populate_existing=True, with_for_update={"key_share": True})
