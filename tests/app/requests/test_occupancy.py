"""What the database function tells of occupied periods: exactly the live bookings, to the service's role alone."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import app.tables  # noqa: F401 - bookings refer to the tables of every capability
from app.bookings.models import LIVE, Booking, BookingStatus, FailureCause
from app.capacity.occupancy import occupied_periods
from app.core.database import transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from tests.support.world import World, day


async def test_exactly_what_is_live_occupies(world: World) -> None:
    startup, _ = await world.startup()
    cdmo, _ = await world.cdmo()
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, 0, 400)
    for number, status in enumerate(BookingStatus):
        held = status is BookingStatus.HELD
        await world.add(
            Booking(
                slot_id=slot.id,
                unit_id=unit.id,
                organisation_id=startup.id,
                batches=1,
                period=period(day(10 * number), day(10 * number + 10)),
                delivery_on=day(400),
                reserve=Reserve.OPEN,
                status=status,
                failure_cause=FailureCause.UNKNOWN if status is BookingStatus.FAILED else None,
                price_cents=1,
                hold_expires_at=datetime.now(UTC) + timedelta(minutes=5) if held else None,
            )
        )
    async with transaction(world.sessions) as session:
        found = await occupied_periods(session, [unit.id])
        days = await session.scalar(text("SELECT days FROM slot_occupancy(:slots)"), {"slots": [slot.id]})
    starts = [one.period.start_on for one in found[unit.id]]
    assert starts == [day(10 * number) for number, status in enumerate(BookingStatus) if status in LIVE]
    occupied = {one.period.start_on + timedelta(days=n) for one in found[unit.id] for n in range(one.period.days)}
    assert {one.lower + timedelta(days=n) for one in days for n in range((one.upper - one.lower).days)} == occupied


@pytest.mark.parametrize("function", ["unit_occupancy(uuid[], uuid)", "slot_occupancy(uuid[])"])
async def test_only_the_services_role_may_ask(owner: AsyncEngine, function: str) -> None:
    rights = text(
        "SELECT has_function_privilege('creneau_app', :function, 'EXECUTE'),"
        " EXISTS (SELECT FROM pg_proc, aclexplode(proacl) WHERE oid = CAST(:function AS regprocedure) AND grantee = 0)"
    )
    async with owner.connect() as connection:
        assert tuple((await connection.execute(rights, {"function": function})).one()) == (True, False)
