"""Locks and versions of calendars, slots, and what holds them still."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.models import CalendarVersion, Slot, SlotFreeze
from app.core import metrics

# DISTINCT keeps the subquery whole, so that the locks are taken one by one in the order of their keys.
_LOCK_UNITS = text(
    "SELECT pg_advisory_xact_lock(key) FROM ("
    " SELECT DISTINCT hashtextextended(id::text, 0) AS key FROM unnest(CAST(:ids AS uuid[])) AS id ORDER BY key"
    ") AS ordered"
)


async def lock_units(session: AsyncSession, unit_ids: Collection[UUID]) -> None:
    """Take the lock of each unit, in one order for everybody, until the transaction ends."""
    with metrics.LOCK_SECONDS.time():
        await session.execute(_LOCK_UNITS, {"ids": list(unit_ids)})


async def calendar_versions(session: AsyncSession, unit_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the version of each unit's calendar."""
    statement = select(col(CalendarVersion.unit_id), col(CalendarVersion.version)).where(
        col(CalendarVersion.unit_id).in_(list(unit_ids))
    )
    return {row.unit_id: row.version for row in await session.execute(statement)}


async def find_slot(session: AsyncSession, slot_id: UUID) -> Slot | None:
    """Return the slot as the database has it now, or None."""
    return await session.get(Slot, slot_id, populate_existing=True)


async def find_slots(session: AsyncSession, slot_ids: Collection[UUID]) -> list[Slot]:
    """Return those of these slots that exist, by identifier."""
    statement = select(Slot).where(col(Slot.id).in_(list(slot_ids))).order_by(col(Slot.id))
    return list(await session.scalars(statement))


async def units_of_slots(session: AsyncSession, slot_ids: Collection[UUID]) -> set[UUID]:
    """Return the units that these slots are on."""
    return set(await session.scalars(select(col(Slot.unit_id)).where(col(Slot.id).in_(list(slot_ids)))))


async def freezes_of_slots(session: AsyncSession, slot_ids: Collection[UUID]) -> list[SlotFreeze]:
    """Return all that holds any of these slots still."""
    return list(await session.scalars(select(SlotFreeze).where(col(SlotFreeze.slot_id).in_(list(slot_ids)))))


async def freezes_of_holder(session: AsyncSession, holder_id: UUID) -> list[SlotFreeze]:
    """Return the freezes of one round or crisis, by slot."""
    statement = select(SlotFreeze).where(col(SlotFreeze.holder_id) == holder_id).order_by(col(SlotFreeze.slot_id))
    return list(await session.scalars(statement))
