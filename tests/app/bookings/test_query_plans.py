"""What a hold asks of the database reads an index, however many bookings there have been."""

import re

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings import ledger_repository, repository, resale_repository, slip_repository
from app.bookings.models import Booking, BookingStatus, Charge, ChargeKind
from app.capacity.models import Slot
from app.capacity.places import PLACE
from app.core.clock import now
from app.core.database import transaction
from app.core.model import new_id, period
from tests.app.bookings.conftest import Market
from tests.support.explain import general_plan, generic_plan, plans_of, settle
from tests.support.world import day

UNITS, BOOKINGS_OF_A_UNIT, DAYS = 20, 200, 9


@pytest.fixture
async def crowded(market: Market, owner: AsyncEngine) -> Market:
    """A market beside twenty units with years of bookings, each with a charge."""
    slots = [await market.world.slot(await market.world.unit(market.cdmo), 0, 2_000) for _ in range(UNITS)]
    bookings = [
        {
            "id": new_id(),
            "slot_id": slot.id,
            "unit_id": slot.unit_id,
            "organisation_id": market.startup.id,
            "batches": 1,
            "period": period(day(number * DAYS), day(number * DAYS + DAYS)),
            "delivery_on": day(2_000),
            "reserve": slot.reserve,
            "price_cents": 1,
            "status": BookingStatus.CONFIRMED,
        }
        for slot in slots
        for number in range(BOOKINGS_OF_A_UNIT)
    ]
    charges = [
        {
            "booking_id": one["id"],
            "organisation_id": market.startup.id,
            "kind": ChargeKind.RESERVATION_FEE,
            "amount_cents": 1,
        }
        for one in bookings
    ]
    async with owner.begin() as connection:
        await connection.execute(insert(Booking), bookings)
        await connection.execute(insert(Charge), charges)
    await settle(owner)
    return market


async def test_the_way_of_a_hold_reads_no_whole_table(crowded: Market) -> None:
    slot, request = crowded.slot, crowded.request
    async with transaction(crowded.world.sessions) as session:
        plans = [
            *await plans_of(session, lambda: repository.run_out(session, [slot.unit_id], now())),
            *await plans_of(session, lambda: repository.live_booking_of_request(session, request.id, now())),
            *await plans_of(session, lambda: repository.units_with_stale_holds(session, now(), 100)),
            *await plans_of(session, lambda: ledger_repository.sums_of(session, request.id)),
            *await plans_of(session, lambda: repository.units_with_overdue_approvals(session, now(), 100)),
            *await plans_of(session, lambda: repository.lock_pending_move(session, request.id)),
            *await plans_of(session, lambda: resale_repository.cancelled_at_a_fee(session, slot.unit_id, slot.period)),
            *await plans_of(session, lambda: resale_repository.given_by(session, request.id)),
            *await plans_of(session, lambda: resale_repository.given_to(session, request.id)),
        ]
    assert len(plans) == 9
    for plan in plans:
        assert "Seq Scan on bookings" not in plan, plan
        assert "Seq Scan on charges" not in plan, plan


async def test_slips_and_what_they_ask_read_no_whole_table(crowded: Market, owner: AsyncEngine) -> None:
    async with owner.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO slips (id, booking_id, expected_end_on, reason_code)"
                " SELECT gen_random_uuid(), id, upper(period), 'supply' FROM bookings"
            )
        )
        await connection.execute(
            text(
                "INSERT INTO slip_moves (id, slip_id, booking_id, status, unplaced_code)"
                " SELECT gen_random_uuid(), id, booking_id, 'unplaced', 'no_place' FROM slips"
            )
        )
    await settle(owner)
    one, unit_id = crowded.request.id, crowded.unit.id
    async with transaction(crowded.world.sessions) as session:
        booked = (await session.scalars(select(Booking).limit(1))).one()
        plans = [
            *await plans_of(session, lambda: slip_repository.open_moves_to(session, one)),
            *await plans_of(session, lambda: slip_repository.open_moves_of_slips_of(session, one)),
            *await plans_of(session, lambda: slip_repository.live_bookings_over(session, unit_id, crowded.slot.period)),
            *await plans_of(session, lambda: slip_repository.slips_of(session, one)),
            *await plans_of(session, lambda: slip_repository.moves_of_slips(session, [one])),
            *await plans_of(session, lambda: slip_repository.stands_in_the_way(session, booked)),
        ]
    assert len(plans) == 6
    for plan in plans:
        for table in ("bookings", "slips", "slip_moves"):
            assert f"Seq Scan on {table}" not in plan, plan


@pytest.fixture
async def offering(crowded: Market, owner: AsyncEngine) -> Market:
    """A crowded market beside a unit with so many slots that to read all of them is never the shortest way to one."""
    elsewhere = await crowded.world.unit(crowded.cdmo)
    slots = [{"unit_id": elsewhere.id, "period": period(day(n * DAYS), day(n * DAYS + DAYS))} for n in range(2_000)]
    async with owner.begin() as connection:
        await connection.execute(insert(Slot), slots)
    await settle(owner)
    return crowded


@pytest.mark.parametrize("function", ["unit_occupancy", "slot_occupancy"])
async def test_occupancy_reads_no_whole_table(offering: Market, function: str) -> None:
    async with transaction(offering.world.sessions) as session:
        body = str(await session.scalar(text(f"SELECT prosrc FROM pg_proc WHERE proname = '{function}'")))  # noqa: S608
        body = re.sub("unit_ids|slot_ids", "$1::uuid[]", body).replace("leaving", "$2::uuid")
        plan = await generic_plan(session, body)
    for table in ("bookings", "slots"):
        assert f"Seq Scan on {table}" not in plan, plan
    for index in ("ix_bookings_keeping", "ix_bookings_free_from_on"):
        assert index in plan, "campaigns that keep their unit longer are read among all that it has had:\n" + plan


@pytest.mark.parametrize("index", ["ix_bookings_hold_expires_at", "ix_bookings_approval_expires_at"])
async def test_what_has_run_out_is_not_looked_for_among_all_that_a_unit_has_had(crowded: Market, index: str) -> None:
    async with transaction(crowded.world.sessions) as session:
        body = str(await session.scalar(text("SELECT prosrc FROM pg_proc WHERE proname = 'write_booking'")))
        found = re.search(r"IF (EXISTS.*?) THEN\s+RETURN 'run_out'", body, re.DOTALL)
        assert found
        asked = found[1].replace("= unit", "= $1::uuid").replace("as_of", "$2::timestamptz")
        plan = await generic_plan(session, f"SELECT {asked}")
    assert re.search(rf"{index}.*\n\s+Index Cond: \(\(unit_id = \$1\) AND \(.* <= \$2\)\)", plan), plan


async def test_a_place_is_read_by_index_once_its_plan_is_made_without_it(offering: Market) -> None:
    async with transaction(offering.world.sessions) as session:
        plan = await general_plan(session, PLACE)
    assert "Seq Scan on slots" not in plan, plan
    assert "Index Scan" in plan, plan


@pytest.mark.parametrize("function", ["unit_occupancy", "slot_occupancy", "write_booking"])
async def test_what_a_hold_calls_is_planned_once(market: Market, function: str) -> None:
    """A function that is replaced loses its settings without a word."""
    told = text("SELECT proconfig FROM pg_proc WHERE proname = :function")
    async with transaction(market.world.sessions) as session:
        assert "plan_cache_mode=force_generic_plan" in await session.scalar(told, {"function": function})
