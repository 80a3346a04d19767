"""Rows that tests of capacity need beside those of the world."""

from typing import Any

from sqlalchemy import select

from app.bookings.models import Booking, BookingStatus
from app.capacity.models import Agreement, Commitment, Slot
from app.core.database import transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from app.identity.models import Organisation
from tests.support.world import World, day


async def book(world: World, slot: Slot, owner: Organisation, start: int, end: int, **given: Any) -> Booking:
    """Store a confirmed booking of one batch over the days [start, end) after `DAY_ONE`."""
    defaults: dict[str, Any] = {
        "status": BookingStatus.CONFIRMED,
        "price_cents": 1,
        "batches": 1,
        "reserve": slot.reserve,
    }
    return await world.add(
        Booking(
            slot_id=slot.id,
            unit_id=slot.unit_id,
            organisation_id=owner.id,
            period=period(day(start), day(end)),
            delivery_on=day(end),
            **(defaults | given),
        )
    )


async def commitment(world: World, slot_or_unit_id: Any, start: int, end: int) -> Commitment:
    """Store a commitment over the days [start, end) after `DAY_ONE`."""
    return await world.add(Commitment(unit_id=slot_or_unit_id, period=period(day(start), day(end))))


async def agreement(world: World, cdmo: Organisation, **given: Any) -> Agreement:
    """Store an agreement on the start-up reserve over the year after `DAY_ONE`."""
    defaults: dict[str, Any] = {
        "funder": "State",
        "reserve": Reserve.STARTUP,
        "period": period(day(0), day(365)),
        "batch_days_per_quarter": 30,
        "modality": "monoclonal_antibody",
    }
    return await world.add(Agreement(organisation_id=cdmo.id, **(defaults | given)))


async def stored(world: World) -> list[Slot]:
    """Return all slots by their first day."""
    async with transaction(world.sessions) as session:
        return sorted(await session.scalars(select(Slot)), key=lambda one: one.period.lower or day(0))
