"""Queries on slips, and on what they ask of the bookings behind them."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.life_schemas import SlipMoveFilter
from app.bookings.models import LIVE, Booking, BookingStatus
from app.bookings.slip_models import Slip, SlipMove, SlipMoveStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.clock import today
from app.core.model import Period
from app.core.paging import fetch_page
from app.core.tenancy import across_organisations

OPEN = (SlipMoveStatus.PROPOSED, SlipMoveStatus.UNPLACED)


async def open_moves_to(session: AsyncSession, booking_id: UUID) -> list[SlipMove]:
    """Return what is asked of a booking and is neither answered nor withdrawn, the rows locked."""
    return await _locked(session, col(SlipMove.booking_id) == booking_id)


async def open_moves_of_slips_of(session: AsyncSession, booking_id: UUID) -> list[SlipMove]:
    """Return what the slips of a booking ask of others and is neither answered nor withdrawn, the rows locked."""
    slips = select(col(Slip.id)).where(col(Slip.booking_id) == booking_id)
    return await _locked(session, col(SlipMove.slip_id).in_(slips))


async def open_moves_into(session: AsyncSession, slot_id: UUID) -> list[SlipMove]:
    """Return what slips propose in a slot and is neither answered nor withdrawn, the rows locked."""
    return await _locked(session, col(SlipMove.slot_id) == slot_id)


async def lock_move_of(session: AsyncSession, slip_id: UUID, booking_id: UUID) -> SlipMove | None:
    """Return what a slip has asked of a booking, whatever became of it, the row locked; None if nothing."""
    statement = (
        select(SlipMove)
        .where(col(SlipMove.slip_id) == slip_id, col(SlipMove.booking_id) == booking_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def proposed_on(session: AsyncSession, unit_id: UUID) -> dict[UUID, list[Span]]:
    """Return the periods that slips propose to each booking of a unit, and that are open."""
    statement = (
        select(col(SlipMove.booking_id), col(SlipMove.period))
        .join(Booking, col(Booking.id) == col(SlipMove.booking_id))
        .where(col(Booking.unit_id) == unit_id, col(SlipMove.status) == SlipMoveStatus.PROPOSED)
    )
    found: dict[UUID, list[Span]] = defaultdict(list)
    for booking_id, days in await session.execute(statement):
        if days is not None:
            found[booking_id].append(span_of(days))
    return found


async def stands_in_the_way(session: AsyncSession, booking: Booking) -> bool:
    """Tell whether a slip of another campaign runs over days of a booking, or asks it to make way; its unit is locked.

    So it is from the slip until the booking has moved, or another slip or the campaign's end takes the days back. Who
    has declined to make way stands there still, as long as its own days are run over. A campaign that has started
    before its planned period runs over days from then on. One that is still made runs over each day that has come, told
    or not; one that has ended has run over all until its changeover was over.
    """
    asked = exists().where(col(SlipMove.booking_id) == booking.id, col(SlipMove.status).in_(OPEN))
    first_on = span_of(booking.period).start_on
    told = col(Booking.expected_end_on) > first_on
    runs_on = told if first_on > today() else true()
    before = (
        col(Booking.unit_id) == booking.unit_id,
        col(Booking.id) != booking.id,
        func.least(func.lower(col(Booking.period)), col(Booking.actual_start_on)) < booking.period.upper,
    )
    going = or_(
        and_(col(Booking.status) == BookingStatus.CONFIRMED, told),
        and_(col(Booking.status) == BookingStatus.IN_PRODUCTION, runs_on),
    )
    run_over = or_(exists().where(*before, going), exists().where(*before, col(Booking.free_from_on) > first_on))
    async with across_organisations(session):  # whose campaigns they are is not told
        return bool(await session.scalar(select(or_(asked, run_over))))


async def _locked(session: AsyncSession, condition: ColumnElement[bool]) -> list[SlipMove]:
    statement = (
        select(SlipMove)
        .where(condition, col(SlipMove.status).in_(OPEN))
        .order_by(col(SlipMove.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(statement))


async def lock_move(session: AsyncSession, slip_move_id: UUID) -> SlipMove:
    """Return a proposal as it is now, its row locked until the transaction ends."""
    return await session.get_one(SlipMove, slip_move_id, populate_existing=True, with_for_update={"key_share": True})


async def live_bookings_over(session: AsyncSession, unit_id: UUID, days: Period) -> list[Booking]:
    """Return the live bookings of a unit that share a day with a period, in order of time."""
    statement = (
        select(Booking)
        .where(
            col(Booking.unit_id) == unit_id,
            col(Booking.status).in_(LIVE),
            col(Booking.period).op("&&")(days),
        )
        .order_by(col(Booking.period))
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(statement))


async def slips_of(session: AsyncSession, booking_id: UUID) -> list[Slip]:
    """Return the slips of a booking, the first one first."""
    statement = select(Slip).where(col(Slip.booking_id) == booking_id).order_by(col(Slip.id))
    return list(await session.scalars(statement))


async def moves_of_slips(session: AsyncSession, slip_ids: Collection[UUID]) -> list[SlipMove]:
    """Return what slips ask of others, in order."""
    statement = select(SlipMove).where(col(SlipMove.slip_id).in_(slip_ids)).order_by(col(SlipMove.id))
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


def _with_sides() -> Select[Any]:
    return (
        select(SlipMove)
        .join(Booking, col(Booking.id) == col(SlipMove.booking_id))
        .join(Unit, col(Unit.id) == col(Booking.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
    )


async def page_moves(
    session: AsyncSession, query: SlipMoveFilter, *, party_id: UUID | None
) -> tuple[list[SlipMove], str | None]:
    """Return one page of what slips ask of bookings on either side of which an organisation stands."""
    statement = _with_sides()
    if party_id is not None:
        statement = statement.where(
            or_(col(Booking.organisation_id) == party_id, col(Site.organisation_id) == party_id)
        )
    if query.status is not None:
        statement = statement.where(col(SlipMove.status) == query.status)
    if query.booking_id is not None:
        statement = statement.where(col(SlipMove.booking_id) == query.booking_id)
    return await fetch_page(session, statement, query, [(col(SlipMove.id), UUID)])


async def find_move(session: AsyncSession, slip_move_id: UUID) -> SlipMove | None:
    """Return a proposal as the database has it now, or None."""
    return await session.get(SlipMove, slip_move_id, populate_existing=True)


async def slips_by_id(session: AsyncSession, slip_ids: Collection[UUID]) -> dict[UUID, Slip]:
    """Return these slips by identifier."""
    rows = await session.scalars(select(Slip).where(col(Slip.id).in_(slip_ids)))
    return {slip.id: slip for slip in rows}
