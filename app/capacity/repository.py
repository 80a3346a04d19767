"""Locks and versions of calendars, slots, and what holds them still."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.models import CalendarVersion, Slot, SlotFreeze
from app.catalogue.models import ProductionLine, Site, Unit
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


async def find_slot(session: AsyncSession, slot_id: UUID, *, owner_id: UUID | None = None) -> Slot | None:
    """Return the slot as the database has it now, or None; with an owner, None too if it is on another's unit."""
    statement = select(Slot).where(col(Slot.id) == slot_id)
    if owner_id is not None:
        statement = statement.where(col(Slot.unit_id).in_(units_of_owner(owner_id)))
    return (await session.scalars(statement.execution_options(populate_existing=True))).one_or_none()


def units_of_owner(owner_id: UUID) -> Select[UUID]:
    """Return the query for an organisation's units: with it, what is another's takes as long as what is not there."""
    return (
        select(col(Unit.id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(col(Site.organisation_id) == owner_id)
    )


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


async def keep_freezes_of_slots(session: AsyncSession, slot_ids: Collection[UUID]) -> list[SlotFreeze]:
    """Return all that holds any of these slots still; whoever lets go of them waits for this transaction."""
    statement = select(SlotFreeze).where(col(SlotFreeze.slot_id).in_(list(slot_ids))).order_by(col(SlotFreeze.id))
    return list(await session.scalars(statement.with_for_update(read=True, key_share=True)))


async def lock_freezes_of_holder(session: AsyncSession, holder_id: UUID) -> list[SlotFreeze]:
    """Return the freezes of one round, crisis or run, by slot, locked; those that another lets go of are none.

    Where there are none nothing is locked: a drill, which holds nothing still, may not.
    """
    statement = select(SlotFreeze).where(col(SlotFreeze.holder_id) == holder_id).order_by(col(SlotFreeze.slot_id))
    if (await session.scalars(statement)).first() is None:
        return []
    return list(await session.scalars(statement.with_for_update()))
