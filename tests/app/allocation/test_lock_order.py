"""A transaction locks all its units by one call, and all its requests: no two wait for each other crosswise."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text

from app.audit.author import Author
from app.bookings import service
from app.capacity.models import Approval, Slot
from app.capacity.service import lock_units
from app.core.database import transaction
from app.core.errors import Busy
from app.identity.models import Organisation
from tests.app.allocation.conftest import Rounds, planned_by_greed
from tests.app.allocation.test_waiting_earlier import wish
from tests.app.allocation.waiting_room import Room
from tests.app.bookings.test_changed_slot import somebody_waits
from tests.support.locks import locked_in_order
from tests.support.world import day

pytestmark = pytest.mark.database

AUTHOR = Author.of_job("test")


@contextmanager
def locks_taken(room: Room) -> Iterator[list[set[UUID]]]:
    """The units that each call has locked, in order."""
    engine = room.sessions.kw["bind"].sync_engine
    found: list[set[UUID]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "pg_advisory_xact_lock" in statement:
            found.append({UUID(str(one)) for listed in parameters for one in listed})

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def another_slot(room: Room, **given: Any) -> Slot:
    """A slot of another unit of the same CDMO."""
    owner_id = await room.scalar("SELECT organisation_id FROM sites LIMIT 1")
    async with transaction(room.world.sessions) as session:
        cdmo = await session.get_one(Organisation, owner_id)
    unit = await room.world.unit(cdmo)
    return await room.world.slot(unit, 0, 150, reserve="startup", **{"approval": Approval.INSTANT, **given})


async def book_in(room: Room, name: str, slot: Slot, start: int) -> str:
    """Book a place directly, and confirm it."""
    body = {"slot_id": str(slot.id), "start": str(day(start)), "request_id": room.id_of(name)}
    made = await room.post(name, "/v1/bookings", body, expect=201)
    await room.post(name, f"/v1/bookings/{made['id']}/confirm")
    return str(made["id"])


async def test_a_sweep_of_offers_locks_the_units_of_all_at_once(room: Room) -> None:
    other = await another_slot(room)
    for name, slot in (("one", room.slot), ("two", other)):
        await room.ask(name)
        booking = await book_in(room, name, slot, 0)
        await room.wait(f"after {name}")
        await room.cancel(name, booking)
        assert await room.decided(slot.unit_id)
    await room.run_out()
    with locks_taken(room) as taken:
        assert await room.expired() == 2
    first, *later = taken
    assert first == {room.unit.id, other.unit_id}
    assert later
    assert all(units <= first for units in later)


async def test_a_move_that_confirms_an_earlier_place_locks_the_unit_of_the_later_one_with_its_own(room: Room) -> None:
    later, elsewhere = await another_slot(room), await another_slot(room)
    first = await room.book("holder")
    await room.ask("mover")
    left = await book_in(room, "mover", later, 60)
    await wish(room, "mover")
    await room.cancel("holder", first)
    assert await room.decided()
    [offer] = await room.offers("mover")
    await room.sql("UPDATE bookings SET terms = terms || '{\"instant\": false}' WHERE id = :id", id=offer["booking_id"])
    assert (await room.answer("mover", "accept"))["booking_status"] == "awaiting_cdmo"
    body = {"slot_id": str(elsewhere.id), "start": str(day(5)), "reason_code": "funding"}
    with locks_taken(room) as taken:
        moved = await room.post("mover", f"/v1/bookings/{offer['booking_id']}/move", body)
    assert moved["status"] == "confirmed"
    assert (await room.get("mover", f"/v1/bookings/{left}"))["status"] == "cancelled"
    units, *after = taken
    assert units == {room.unit.id, elsewhere.unit_id, later.unit_id}
    assert all(one <= units for one in after)


async def test_a_booking_that_moves_to_another_unit_while_it_is_waited_for_is_not_taken_for_locked(room: Room) -> None:
    other = await another_slot(room)
    booking = UUID(await room.book("mover"))

    async def take() -> None:
        async with transaction(room.sessions) as session:
            await service.locked(session, booking)

    async with transaction(room.world.sessions) as session:
        await lock_units(session, [room.unit.id, other.unit_id])
        asked = asyncio.create_task(take())
        await somebody_waits(room.world.sessions)
        move = text("UPDATE bookings SET slot_id = :slot, unit_id = :unit WHERE id = :id")
        await session.execute(move, {"slot": other.id, "unit": other.unit_id, "id": booking})
    with pytest.raises(Busy):
        await asked


async def stale_in_the_way(room: Room, name: str, body: dict[str, str]) -> dict[str, Any]:
    """Hold the slot's first day, and let the hold run out."""
    body = {"slot_id": str(room.slot.id), "start": str(day(0)), **body}
    made: dict[str, Any] = await room.post(name, "/v1/bookings", body, expect=201)
    await room.sql("UPDATE bookings SET hold_expires_at = now() - interval '1 minute' WHERE id = :id", id=made["id"])
    return made


async def test_a_publication_locks_the_requests_of_what_has_run_out_in_its_way_with_its_own(
    room: Room, rounds: Rounds
) -> None:
    await room.ask("early")
    stale = await stale_in_the_way(room, "early", {"product_id": str(room.products["early"].id)})
    late = UUID(await room.ask("late"))
    round_id, _ = await planned_by_greed(rounds, room.world)
    publishing = rounds.post(f"/v1/rounds/{round_id}/publish")
    published = await locked_in_order(room.world.sessions, UUID(stale["request_id"]), late, publishing)
    assert published["offers"] == 1
    assert (await room.get("early", f"/v1/bookings/{stale['id']}"))["status"] == "expired"


async def test_an_offer_of_the_list_locks_the_requests_of_what_has_run_out_in_its_way_with_those_who_wait(
    room: Room,
) -> None:
    early = UUID(await room.ask("early"))
    booking = await room.book("holder")
    await room.wait("patient")
    await room.cancel("holder", booking)
    stale = await stale_in_the_way(room, "early", {"request_id": str(early)})
    run = await room.taken_up()
    assert run is not None
    await locked_in_order(room.world.sessions, early, UUID(room.id_of("patient")), room.solved(run))
    assert len(await room.offers("patient")) == 1
    assert (await room.get("early", f"/v1/bookings/{stale['id']}"))["status"] == "expired"
