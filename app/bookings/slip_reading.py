"""Slips as each side may see them: its CDMO all that they ask, a start-up what is asked of it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import reading
from app.bookings import slip_repository as repository
from app.bookings.life_schemas import SlipMoveFilter, SlipMoveRead, SlipRead
from app.bookings.slip_models import SlipMove
from app.identity.actor import Actor
from app.identity.models import Role


async def list_slips(session: AsyncSession, actor: Actor, booking_id: UUID) -> list[SlipRead]:
    """Return the slips of a booking; what they ask of others is shown to its CDMO and the coordinator alone."""
    view = await reading.get_view(session, actor, booking_id)
    slips = await repository.slips_of(session, booking_id)
    moves = []
    if actor.sees(view.cdmo_id):
        rows = await repository.moves_of_slips(session, [one.id for one in slips])
        moves = await as_read(session, rows)
    return [
        SlipRead(
            id=one.id,
            booking_id=one.booking_id,
            expected_end_on=one.expected_end_on,
            reason_code=one.reason_code,
            reason_text=one.reason_text,
            moves=tuple(move for move in moves if move.slip_id == one.id),
            created_at=one.created_at,
        )
        for one in slips
    ]


async def list_moves(
    session: AsyncSession, actor: Actor, query: SlipMoveFilter
) -> tuple[list[SlipMoveRead], str | None]:
    """Return one page of what slips ask of a start-up's bookings, or of those on a CDMO's lines."""
    everything = actor.role in {Role.COORDINATOR, Role.ADMIN}
    rows, cursor = await repository.page_moves(session, query, party_id=None if everything else actor.organisation_id)
    return await as_read(session, rows), cursor


async def as_read(session: AsyncSession, rows: Sequence[SlipMove]) -> list[SlipMoveRead]:
    """Return what slips ask, as it is answered; which campaign slips is not said."""
    slips = await repository.slips_by_id(session, {row.slip_id for row in rows})
    return [
        SlipMoveRead(
            id=row.id,
            slip_id=row.slip_id,
            booking_id=row.booking_id,
            status=row.status,
            slot_id=row.slot_id,
            start=row.period.lower if row.period else None,
            end=row.period.upper if row.period else None,
            delivery_on=row.delivery_on,
            unplaced_code=row.unplaced_code,
            cause=slips[row.slip_id].reason_code,
            answered_at=row.answered_at,
            created_at=row.created_at,
            version=row.version,
        )
        for row in rows
    ]
