"""Lending slots of the crisis reserve while there is no crisis, and ending it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.errors import NotForLending
from app.capacity.models import Slot, SlotStatus
from app.capacity.occupancy import claims_on, span_of
from app.capacity.rules import recall_dates
from app.capacity.schemas import LendBody, RecallRead
from app.capacity.slot_views import slot_read
from app.capacity.slots import change_slot, own_slot
from app.core.clock import today
from app.core.schemas import Days
from app.core.vocabulary import Reserve
from app.identity.actor import Actor


async def lend_slot(session: AsyncSession, actor: Actor, slot_id: UUID, command: LendBody) -> Slot:
    """Let a crisis slot of one's own be lent from now on, or change the terms under which it is.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    NotForLending
        If it is not published, or of another reserve.
    Invalid
        If its agreement has it back earlier than the notice would.
    SlotBooked
        If a booking is on loan under better terms.
    """
    await _require_crisis(session, actor, slot_id)
    return await change_slot(session, actor, slot_id, {"lendable": True, **command.model_dump()}, action="slot.lent")


async def recall_slot(session: AsyncSession, actor: Actor, slot_id: UUID) -> RecallRead:
    """End the lending of a slot of one's own: nothing more is lent; what is lent stays, under the terms it has.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    NotForLending
        If it was never lent.
    """
    slot = await _require_crisis(session, actor, slot_id)
    if not slot.lendable and slot.recall_notice_days is None:
        raise NotForLending("This slot is not lent.", facts={"lendable": False})
    slot = await change_slot(session, actor, slot_id, {"lendable": False}, action="slot.recalled")
    lent = [one.period for one in (await claims_on(session, slot.id)).booked if one.lent]
    notice_days = slot.recall_notice_days or 0
    dates = recall_dates(span_of(slot.period), lent, notice_days, today())
    return RecallRead(
        slot=await slot_read(session, slot),
        lent=[Days(start=one.start_on, end=one.end_on) for one in lent],
        recall_notice_days=notice_days,
        **dates._asdict(),
    )


async def _require_crisis(session: AsyncSession, actor: Actor, slot_id: UUID) -> Slot:
    slot, _ = await own_slot(session, actor, slot_id)
    if slot.reserve is not Reserve.CRISIS or slot.status is not SlotStatus.PUBLISHED:
        raise NotForLending(
            f"Only a published slot of the crisis reserve is lent; this one is {slot.status.value}, of the "
            f"{slot.reserve.value} reserve.",
            facts={"slot_status": slot.status.value, "reserve": slot.reserve.value},
        )
    return slot
