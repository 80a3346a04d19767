"""Splitting a slot: several that touch in place of one, each with the bookings that lie in it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.bookings import repository
from app.bookings.expiry import expire
from app.capacity.models import Slot
from app.capacity.occupancy import span_of
from app.capacity.parts import add_parts, settle_parts
from app.capacity.rules import lies_in, parts_of
from app.capacity.schemas import SlotSplit
from app.capacity.slots import own_slot
from app.core.errors import FieldFault, Invalid
from app.identity.actor import Actor


async def split_slot(session: AsyncSession, actor: Actor, slot_id: UUID, command: SlotSplit) -> list[Slot]:
    """Make several slots of one of one's own, and return them in order; the first keeps the identifier.

    All keep its terms, its agreement, and what holds it still; each takes the bookings that lie in it, ended ones too.

    Raises
    ------
    NotFound
        If there is no such slot, or it is another's.
    Invalid
        If a cut does not lie inside it.
    SlotBooked, SlotOrdered, StateConflict
        As for `add_parts`.
    """
    slot, _ = await own_slot(session, actor, slot_id)
    whole = span_of(slot.period)
    faults = [
        FieldFault(f"/at/{number}", f"must lie inside the slot: after {whole.start_on} and before {whole.end_on}")
        for number, day in enumerate(command.at)
        if not whole.start_on < day < whole.end_on
    ]
    if faults:
        raise Invalid("A cut does not lie inside the slot.", faults=faults)
    await expire(session, actor, {slot.unit_id})
    first, *others = parts_of(whole, command.at)
    parts = await add_parts(session, slot, [first, *others])
    for booking in await repository.bookings_of_slot(session, slot.id):
        days = span_of(booking.period)
        home = next((part for part, span in zip(parts, others, strict=True) if lies_in(days, span)), None)
        if home is not None:
            before = snapshot(booking)
            booking.slot_id = home.id
            await record(session, actor, "booking.slot_split", booking, before=before)
    for part in parts:
        await repository.give_freed_days(session, slot.id, part.id, part.period)
    await settle_parts(session, actor, slot, first, parts)
    return [slot, *parts]
