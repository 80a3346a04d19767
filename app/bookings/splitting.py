"""Splitting a slot: several that touch in place of one, each with the bookings that lie in it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.bookings import repository, slip_repository
from app.bookings.errors import SlotAskedFor
from app.bookings.expiry import expire
from app.bookings.models import Booking, BookingStatus
from app.bookings.move_costs import MoveOffer
from app.bookings.slip_models import SlipMove
from app.capacity.models import Slot
from app.capacity.occupancy import span_of
from app.capacity.parts import add_parts, settle_parts
from app.capacity.rules import cut_through, lies_in, parts_of
from app.capacity.schemas import SlotSplit
from app.capacity.slots import own_slot
from app.capacity.supply import Span
from app.core.errors import FieldFault, Invalid
from app.core.tenancy import go_across
from app.identity.actor import Actor


async def split_slot(session: AsyncSession, actor: Actor, slot_id: UUID, command: SlotSplit) -> list[Slot]:
    """Make several slots of one of one's own, and return them in order; the first keeps the identifier.

    All keep its terms, its agreement, and what holds it still; each takes the bookings that lie in it, ended ones too,
    and what slips propose there.

    Raises
    ------
    NotFound
        If there is no such slot, or it is another's.
    Invalid
        If a cut does not lie inside it.
    SlotBooked, SlotOrdered, StateConflict
        As for `add_parts`.
    SlotAskedFor
        If a cut goes through a period that a booking asks to move to, or that a slip proposes to one.
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
    await go_across(session)
    await expire(session, actor, {slot.unit_id})
    first, *others = parts_of(whole, command.at)
    bookings = await repository.bookings_of_slot(session, slot.id)
    proposals = await slip_repository.open_moves_into(session, slot.id)
    asked = [span_of(one.period) for one in proposals if one.period is not None]
    asked += [
        Span(offer.start, offer.end)
        for one in bookings
        if one.status is BookingStatus.AWAITING_CDMO and one.move is not None
        for offer in [MoveOffer.model_validate(one.move)]
    ]
    if broken := cut_through([first, *others], asked):
        raise SlotAskedFor.by(broken)
    parts = await add_parts(session, slot, [first, *others])
    rows: list[Booking | SlipMove] = [*bookings, *proposals]
    for row in rows:
        assert row.period is not None  # noqa: S101 - what is proposed in a slot has one
        days = span_of(row.period)
        home = next((part for part, span in zip(parts, others, strict=True) if lies_in(days, span)), None)
        if home is not None:
            before = snapshot(row)
            row.slot_id = home.id
            kind = "booking" if isinstance(row, Booking) else "slip_move"
            await record(session, actor, f"{kind}.slot_split", row, before=before)
    for part in parts:
        await repository.give_freed_days(session, slot.id, part.id, part.period)
    await settle_parts(session, actor, slot, first, parts)
    return [slot, *parts]
