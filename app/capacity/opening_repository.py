"""Queries on what came to be for booking; triggers write it, but for releases, which are a matter of the day."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, exists, func, insert, literal, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.models import OpeningCause, Slot, SlotOpening, SlotStatus
from app.capacity.release import released

PENDING = col(SlotOpening.evaluated_at).is_(None)


async def note_releases(session: AsyncSession, day: date, limit: int) -> int:
    """Note each slot that is released by a day and not over, once for each release date; return how many were new."""
    columns = ["slot_id", "cause", "released_on"]
    added = insert(SlotOpening).from_select(columns, due_releases(day).limit(limit), include_defaults=False)
    return len((await session.execute(added.returning(col(SlotOpening.id)))).all())


def due_releases(day: date) -> Select[UUID, str, date | None]:
    """Return the select of the releases that are due and not noted: slot, cause, and its date."""
    noted = exists().where(
        col(SlotOpening.slot_id) == col(Slot.id), col(SlotOpening.released_on) == col(Slot.releases_on)
    )
    cause = literal(OpeningCause.RELEASED.value)
    statement = select(col(Slot.id), cause, col(Slot.releases_on))
    return statement.where(
        col(Slot.status) == SlotStatus.PUBLISHED,
        col(Slot.releases_on) <= day,
        released(day),
        func.upper(col(Slot.period)) > day,
        ~noted,
    )


async def pending(session: AsyncSession, most_slots: int) -> list[SlotOpening]:
    """Return all that is still to be evaluated of so many slots, by slot."""
    slots = select(col(SlotOpening.slot_id)).where(PENDING).distinct().limit(most_slots)
    statement = select(SlotOpening).where(PENDING, col(SlotOpening.slot_id).in_(slots))
    return list(await session.scalars(statement.order_by(col(SlotOpening.slot_id), col(SlotOpening.created_at))))


async def mark_evaluated(session: AsyncSession, opening_ids: Collection[UUID] | None, at: datetime) -> None:
    """Mark openings as evaluated: these, or with None all that are pending."""
    chosen = PENDING if opening_ids is None else col(SlotOpening.id).in_(list(opening_ids))
    await session.execute(
        update(SlotOpening).where(chosen).values(evaluated_at=at),
        execution_options={"synchronize_session": False},
    )


async def by_id(session: AsyncSession, opening_ids: Collection[UUID]) -> dict[UUID, SlotOpening]:
    """Return these openings by identifier."""
    found = await session.scalars(select(SlotOpening).where(col(SlotOpening.id).in_(list(opening_ids))))
    return {one.id: one for one in found}


async def take_over(session: AsyncSession, slot_id: UUID, part_ids: Sequence[UUID]) -> None:
    """Let the parts of a slot be as far as the slot is: opened when it was, and released if it was."""
    waiting = exists().where(col(SlotOpening.slot_id) == slot_id, PENDING)
    if not await session.scalar(select(waiting)):
        await session.execute(
            update(SlotOpening).where(col(SlotOpening.slot_id).in_(part_ids), PENDING).values(evaluated_at=func.now()),
            execution_options={"synchronize_session": False},
        )
    parts = select(col(Slot.id).label("id")).where(col(Slot.id).in_(part_ids)).subquery()
    copied = (
        select(parts.c.id, col(SlotOpening.cause), col(SlotOpening.released_on), col(SlotOpening.evaluated_at))
        .join_from(parts, SlotOpening, true())
        .where(col(SlotOpening.slot_id) == slot_id, col(SlotOpening.cause) == OpeningCause.RELEASED)
    )
    columns = ["slot_id", "cause", "released_on", "evaluated_at"]
    await session.execute(insert(SlotOpening).from_select(columns, copied, include_defaults=False))
