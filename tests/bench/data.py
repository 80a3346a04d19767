"""Rows for the benchmark of the API: slots of a year to hold in, and many short ones elsewhere to search among.

What is searched is as a country is: lines in two regions, of which a search wants one, and a third of the slots booked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import insert

from app.bookings.models import Booking, BookingStatus
from app.capacity.models import Approval, Slot
from app.catalogue.models import Unit
from app.core.database import SessionFactory, transaction
from app.core.model import new_id, period
from app.core.vocabulary import Reserve
from app.identity.models import Organisation
from tests.support.world import DAY_ONE, World

HELD_UNITS = 100
HELD_SLOTS_A_UNIT = 60
HELD_DAYS = 365
SEARCHED_UNITS = 500
UNITS_A_LINE = 5
SLOTS_A_UNIT = 200
SLOT_DAYS = 60
BOOKED_ONE_IN = 3
REGIONS = ("Île-de-France", "Grand Est")
OCCUPANCY_DAYS = 43
"""What one antibody batch takes on the line that `World.unit` makes: 40 days and 3 of changeover."""


@dataclass(frozen=True, slots=True)
class BenchData:
    """What the calls of the benchmark name; `held_slots` are (slot, unit, first day), neighbours on other units."""

    authorization: str
    product_id: str
    held_slots: tuple[tuple[str, str, date], ...]

    def starts(self) -> Iterator[tuple[str, str, date]]:
        """Yield (slot, unit, start) of free periods, no two of which overlap, neighbours in other slots."""
        for number in range(HELD_DAYS // OCCUPANCY_DAYS):
            for slot_id, unit_id, first in self.held_slots:
                yield slot_id, unit_id, first + timedelta(days=number * OCCUPANCY_DAYS)


async def prepare(sessions: SessionFactory) -> BenchData:
    """Store the rows and return what names them."""
    world = World(sessions)
    await world.add_modalities()
    data, startup, cdmo = await prepare_holds(world)
    await _prepare_searches(world, startup, cdmo)
    return data


async def prepare_holds(world: World) -> tuple[BenchData, Organisation, Organisation]:
    """Store what is held in, and return it with a start-up that asks and the CDMO whose it is."""
    sessions = world.sessions
    startup, headers = await world.startup()
    cdmo, _ = await world.cdmo()
    product = await world.product(startup)
    units = await _units(world, cdmo, HELD_UNITS, region="Occitanie")
    held: list[dict[str, Any]] = []
    for number in range(HELD_SLOTS_A_UNIT):
        year = [_slot(unit, DAY_ONE + timedelta(days=number * HELD_DAYS), HELD_DAYS) for unit in units]
        held += year
        async with transaction(sessions) as session:
            await session.execute(insert(Slot), year)
    data = BenchData(
        headers["Authorization"],
        str(product.id),
        tuple((str(slot["id"]), str(slot["unit_id"]), slot["period"].lower) for slot in held),
    )
    return data, startup, cdmo


async def _prepare_searches(world: World, startup: Organisation, cdmo: Organisation) -> None:
    """Store what is searched among."""
    sessions = world.sessions
    for line in range(SEARCHED_UNITS // UNITS_A_LINE):
        region = REGIONS[line % len(REGIONS)]
        for unit in await _units(world, cdmo, UNITS_A_LINE, region=region):
            starts = (DAY_ONE + timedelta(days=number * (SLOT_DAYS + 5)) for number in range(SLOTS_A_UNIT))
            slots = [_slot(unit, start, SLOT_DAYS) for start in starts]
            async with transaction(sessions) as session:
                await session.execute(insert(Slot), slots)
                await session.execute(insert(Booking), [_booking(slot, startup) for slot in slots[::BOOKED_ONE_IN]])


async def _units(world: World, cdmo: Organisation, count: int, *, region: str) -> list[Unit]:
    """Store units of one line."""
    first = await world.unit(cdmo, site={"region": region})
    others = [Unit(line_id=first.line_id, name=f"Unit {number}") for number in range(2, count + 1)]
    async with transaction(world.sessions) as session:
        session.add_all(others)
    return [first, *others]


def _booking(slot: dict[str, Any], startup: Organisation) -> dict[str, Any]:
    first = slot["period"].lower
    end = first + timedelta(days=OCCUPANCY_DAYS)
    return {
        "slot_id": slot["id"],
        "unit_id": slot["unit_id"],
        "organisation_id": startup.id,
        "period": period(first, end),
        "delivery_on": end,
        "batches": 1,
        "price_cents": 1,
        "reserve": Reserve.OPEN,
        "status": BookingStatus.CONFIRMED,
    }


def _slot(unit: Unit, start: date, days: int) -> dict[str, Any]:
    return {
        "id": new_id(),
        "unit_id": unit.id,
        "period": period(start, start + timedelta(days=days)),
        "approval": Approval.INSTANT,
    }
