"""What the waiting list asks of the database reads an index, however many requests and bookings there are."""

import pytest
from sqlalchemy import insert, text

from app.allocation import waiting_repository as waiting_list
from app.bookings import repository as bookings_repository
from app.bookings.models import Booking, BookingStatus
from app.core.clock import now
from app.core.database import transaction
from app.core.model import new_id, period
from app.requests.models import WAITS_SQL, Request, RequestStatus
from tests.app.allocation.waiting_room import Room
from tests.support.explain import plan_of, plans_of, settle
from tests.support.world import day

pytestmark = pytest.mark.database

MANY = 2_000


async def crowd(room: Room) -> None:
    """Store years of requests that wait for nothing, and of bookings that ended, each with its freed days."""
    await room.wait("patient")
    like = room.requests["patient"].model_dump(exclude={"id", "created_at", "version"})
    requests = [{**like, "id": new_id(), "status": RequestStatus.SUBMITTED} for _ in range(MANY)]
    bookings = [
        {
            "id": new_id(),
            "slot_id": room.slot.id,
            "unit_id": room.unit.id,
            "organisation_id": like["organisation_id"],
            "request_id": request["id"],
            "batches": 1,
            "period": period(day(0), day(43)),
            "delivery_on": day(82),
            "reserve": "startup",
            "price_cents": 1,
            "status": BookingStatus.CANCELLED,
        }
        for request in requests
    ]
    async with room.owner.begin() as connection:
        await connection.execute(insert(Request), requests)
        await connection.execute(insert(Booking), bookings)
        await connection.execute(
            text(
                "INSERT INTO waiting_decisions (id, unit_id, as_of_on, policy, outcome)"
                " SELECT gen_random_uuid(), unit_id, '2030-01-01', '{}', 'nobody' FROM bookings"
            )
        )
        await connection.execute(
            text(
                "INSERT INTO freed_periods"
                " (id, unit_id, slot_id, period, booking_id, reason_code, attempts, decision_id)"
                " SELECT gen_random_uuid(), b.unit_id, slot_id, period, b.id, 'x', 1, d.id"
                " FROM (SELECT *, row_number() OVER () n FROM bookings) b"
                " JOIN (SELECT *, row_number() OVER () n FROM waiting_decisions) d USING (n)"
            )
        )
        await connection.execute(
            text(
                "INSERT INTO waiting_lines (id, decision_id, request_id, organisation_id, position, tier, points,"
                " waiting_since_at, result, reason_code, facts)"
                " SELECT gen_random_uuid(), (SELECT id FROM waiting_decisions LIMIT 1), id, organisation_id, 1, 3, 1,"
                " now(), 'skipped', 'in_round', '{}' FROM requests"
            )
        )
    await settle(room.owner)


async def test_no_question_of_the_waiting_list_reads_a_whole_table(room: Room) -> None:
    await crowd(room)
    one = room.requests["patient"].id
    unit_id = room.unit.id
    async with transaction(room.sessions) as session:
        plans = [
            await plan_of(session, text(f"SELECT FROM requests WHERE {WAITS_SQL}")),
            await plan_of(session, waiting_list.waiting_for(["monoclonal_antibody"])),
            *await plans_of(session, lambda: bookings_repository.has_undecided_days(session, unit_id)),
            *await plans_of(session, lambda: bookings_repository.other_places(session, one, one)),
            *await plans_of(session, lambda: waiting_list.given_up_on(session, unit_id, [one])),
            *await plans_of(session, lambda: waiting_list.live_bookings(session, [one], now())),
            *await plans_of(session, lambda: waiting_list.displaced_among(session, [one])),
            *await plans_of(session, lambda: waiting_list.lock_undecided(session, unit_id)),
            *await plans_of(session, lambda: waiting_list.lock_of_run(session, one)),
            *await plans_of(session, lambda: waiting_list.units_to_ask_about(session)),
            *await plans_of(session, lambda: waiting_list.lines_about(session, one, 50)),
            *await plans_of(session, lambda: waiting_list.freed_by(session, [one])),
        ]
    assert len(plans) == 12
    for plan in plans:
        for table in ("requests", "bookings", "freed_periods", "waiting_lines", "waiting_decisions"):
            assert f"Seq Scan on {table}" not in plan, plan


async def test_to_note_freed_days_again_reads_what_concerns_the_request_alone(room: Room) -> None:
    await crowd(room)
    body = await room.scalar("SELECT prosrc FROM pg_proc WHERE proname = 'free_again'")
    asked = f"ARRAY['{room.requests['patient'].id}'::uuid]"
    async with room.owner.connect() as connection:
        rows = await connection.exec_driver_sql("EXPLAIN " + body.replace("(barred)", f"({asked})"))
        plan = "\n".join(rows.scalars())
    assert "Insert on freed_periods" in plan
    for table in ("requests", "bookings", "freed_periods", "waiting_lines"):
        assert f"Seq Scan on {table}" not in plan, plan
