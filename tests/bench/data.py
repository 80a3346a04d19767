"""Rows for the benchmark of the API: a CDMO with long slots to hold in, and many short ones to search among."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import insert

from app.capacity.models import Approval, Slot
from app.catalogue.models import ProductionLine, Unit
from app.core.database import SessionFactory, transaction
from app.core.model import new_id, period
from tests.support.world import DAY_ONE, World

HELD_UNITS = 100
HELD_YEARS = 60
SEARCHED_UNITS = 500
SLOTS_A_UNIT = 200
SLOT_DAYS = 60
OCCUPANCY_DAYS = 43
"""What one antibody batch takes on the line that `World.unit` makes: 40 days and 3 of changeover."""


@dataclass(frozen=True, slots=True)
class BenchData:
    """What the calls of the benchmark name."""

    authorization: str
    product_id: str
    held_slots: tuple[tuple[str, str], ...]

    def starts(self) -> Iterator[tuple[str, str, date]]:
        """Yield (slot, unit, start) of free periods, no two of which overlap, neighbours on other units."""
        for number in range(HELD_YEARS * 365 // OCCUPANCY_DAYS - 1):
            for slot_id, unit_id in self.held_slots:
                yield slot_id, unit_id, DAY_ONE + timedelta(days=number * OCCUPANCY_DAYS)


async def prepare(sessions: SessionFactory) -> BenchData:
    """Store the rows and return what names them."""
    world = World(sessions)
    await world.add_modalities()
    startup, headers = await world.startup()
    cdmo, _ = await world.cdmo()
    product = await world.product(startup)
    first = await world.unit(cdmo)
    async with transaction(sessions) as session:
        line = await session.get_one(ProductionLine, first.line_id)
        units = [
            {"id": new_id(), "line_id": line.id, "name": f"Unit {number}"}
            for number in range(2, HELD_UNITS + SEARCHED_UNITS + 2)
        ]
        await session.execute(insert(Unit), units)
        held = [_slot(unit, DAY_ONE, HELD_YEARS * 365) for unit in units[:HELD_UNITS]]
        await session.execute(insert(Slot), held)
    for unit in units[HELD_UNITS:]:
        starts = (DAY_ONE + timedelta(days=number * (SLOT_DAYS + 5)) for number in range(SLOTS_A_UNIT))
        async with transaction(sessions) as session:
            await session.execute(insert(Slot), [_slot(unit, start, SLOT_DAYS) for start in starts])
    async with transaction(sessions) as session:
        await (await session.connection()).exec_driver_sql("ANALYZE")
    return BenchData(
        headers["Authorization"],
        str(product.id),
        tuple((str(slot["id"]), str(slot["unit_id"])) for slot in held),
    )


def _slot(unit: dict[str, object], start: date, days: int) -> dict[str, object]:
    return {
        "id": new_id(),
        "unit_id": unit["id"],
        "period": period(start, start + timedelta(days=days)),
        "approval": Approval.INSTANT,
    }
