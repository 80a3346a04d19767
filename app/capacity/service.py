"""Calendars: their locks and versions, one slot, and holding slots still for a round or a crisis."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record_all
from app.capacity import repository
from app.capacity.errors import SlotFrozen
from app.capacity.models import FreezeHolder, Slot, SlotFreeze
from app.core.errors import NotFound


async def lock_units(session: AsyncSession, unit_ids: Collection[UUID]) -> None:
    """Keep everybody else from changing the capacity of these units until this transaction ends.

    All units that a transaction touches are locked by one call: locks taken in two calls can meet another
    transaction's in the opposite order.

    Raises
    ------
    DBAPIError
        After `lock_timeout`, with SQLSTATE 55P03; over HTTP that is 503 and "send the same request again".
    """
    await repository.lock_units(session, unit_ids)


async def calendar_versions(session: AsyncSession, unit_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how often each unit's calendar has changed; a plan is out of date when one of them has risen."""
    return await repository.calendar_versions(session, unit_ids)


async def get_slot(session: AsyncSession, slot_id: UUID) -> Slot:
    """Return a slot in any status, whoever asks: what the caller may see of it is the caller's to decide.

    Raises
    ------
    NotFound
        If there is none.
    """
    slot = await repository.find_slot(session, slot_id)
    if slot is None:
        raise NotFound.of("slot", slot_id)
    return slot


async def get_slots(session: AsyncSession, slot_ids: Collection[UUID]) -> list[Slot]:
    """Return those of these slots that exist, in the order of their creation; as `get_slot`, whoever asks."""
    return await repository.find_slots(session, slot_ids)


async def freeze_slots(
    session: AsyncSession, author: Author, holder: FreezeHolder, holder_id: UUID, slot_ids: Collection[UUID]
) -> None:
    """Hold slots still for one round or crisis; those that it holds already stay held.

    A crisis may hold what a round holds. Locks the slots' units: bookings under way end first.

    Raises
    ------
    SlotFrozen
        If another round holds one of them, and this holder is a round too.
    """
    await repository.lock_units(session, await repository.units_of_slots(session, slot_ids))
    held = await repository.freezes_of_slots(session, slot_ids)
    others = sorted({freeze.slot_id for freeze in held if _excludes(freeze, holder, holder_id)})
    if others:
        raise SlotFrozen(
            f"Another round holds {len(others)} of these slots until it is published or cancelled.",
            facts={"slot_ids": [str(slot_id) for slot_id in others]},
        )
    own = {freeze.slot_id for freeze in held if freeze.holder_id == holder_id}
    added = [SlotFreeze(slot_id=one, holder=holder, holder_id=holder_id) for one in sorted(set(slot_ids) - own)]
    session.add_all(added)
    await record_all(session, author, "slot.frozen", added)


def _excludes(freeze: SlotFreeze, holder: FreezeHolder, holder_id: UUID) -> bool:
    """Tell whether a freeze keeps a holder from freezing the same slot: two rounds would promise it twice."""
    return freeze.holder is FreezeHolder.ROUND and holder is FreezeHolder.ROUND and freeze.holder_id != holder_id


async def thaw(session: AsyncSession, author: Author, holder_id: UUID) -> None:
    """Let go of every slot that one round, crisis or run holds still; nothing happens if it holds none.

    So until none is left: a split under way has given its parts the same holder by the time that it lets us through.
    """
    while freezes := await repository.lock_freezes_of_holder(session, holder_id):
        await record_all(session, author, "slot.thawed", freezes, gone=True)
        for freeze in freezes:
            await session.delete(freeze)
        await session.flush()
