"""Making several slots of one, around the bookings in it; whose slot_id follows their part is seen to above."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, record_all, snapshot
from app.capacity import calendar_repository, opening_repository, repository
from app.capacity.errors import SlotBooked, SlotOrdered
from app.capacity.models import Slot, SlotFreeze, SlotStatus
from app.capacity.occupancy import claims_on
from app.capacity.rules import cut_through
from app.capacity.supply import Span
from app.core.errors import StateConflict
from app.core.model import new_id, period
from app.identity.actor import Actor

OWN = frozenset({"id", "version", "period"})
"""Columns that a part does not take over: its days have been there for as long as the slot has."""


async def add_parts(session: AsyncSession, slot: Slot, spans: Sequence[Span]) -> list[Slot]:
    """Store the parts of a slot after its first one, over days that are the slot's until `settle_parts`.

    Nothing that relies on the slot may be cut through. The slot's unit is locked.

    Raises
    ------
    StateConflict
        If the slot is withdrawn.
    SlotBooked
        If a cut goes through a live booking.
    SlotOrdered
        If a crisis order awaits its answer.
    """
    if slot.status is SlotStatus.WITHDRAWN:
        raise StateConflict("A withdrawn slot is not split: publish it first.", facts={"slot_status": "withdrawn"})
    booked, ordered = await claims_on(session, slot.id)
    broken = cut_through(spans, [one.period for one in booked])
    if broken:
        raise SlotBooked.by(broken)
    if ordered:
        raise SlotOrdered.by(ordered)
    await calendar_repository.defer_overlaps(session)
    kept = slot.model_dump(exclude=set(OWN))
    parts = [Slot(id=new_id(), period=period(*span), **kept) for span in spans[1:]]
    session.add_all(parts)
    await session.flush()
    return parts


async def settle_parts(session: AsyncSession, actor: Actor, slot: Slot, first: Span, parts: Sequence[Slot]) -> None:
    """Leave a slot its first part; what holds the slot still holds each part, and no part counts as newly opened."""
    freezes = await repository.keep_freezes_of_slots(session, [slot.id])
    held = [
        SlotFreeze(slot_id=part.id, holder=one.holder, holder_id=one.holder_id) for part in parts for one in freezes
    ]
    session.add_all(held)
    await record_all(session, actor, "slot.frozen", held)
    before = snapshot(slot)
    slot.period = period(*first)
    await calendar_repository.flush_calendar(session)
    await calendar_repository.check_overlaps(session)
    await opening_repository.take_over(session, slot.id, [part.id for part in parts])
    await record(session, actor, "slot.split", slot, before=before)
    await record_all(session, actor, "slot.parted", parts)
