"""Whoever cannot be offered days at the moment is passed over by name, and asked about them when it can."""

import asyncio
from uuid import UUID

import pytest

from app.allocation import repository
from app.allocation.models import Offer, OfferStatus, Round, RoundRequest, RoundStatus
from app.allocation.runs import Success, claim_run, end_run
from app.allocation.waiting import AUTHOR, ask_waiting_list
from app.bookings import service
from app.bookings.models import BookingStatus
from app.core.database import transaction
from app.core.model import period
from app.requests.models import RequestStatus
from app.requests.progress import move_request
from app.worker import FOLLOW_UPS
from tests.app.allocation.problems import greedy_solution
from tests.app.allocation.test_waiting_earlier import wish
from tests.app.allocation.waiting_room import Room, days_of
from tests.support.world import day

pytestmark = pytest.mark.database

WAITING_FOR_A_ROW = """
    SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE datname = current_database() AND locktype IN ('transactionid', 'tuple') AND NOT granted
"""
FREED = "SELECT count(*) FROM freed_periods WHERE unit_id = :unit"


async def offered_one_place_while_another_is_freed(room: Room, *names: str) -> UUID:
    """Offer the first who waits the place of the slot, then free one on another unit, which is returned."""
    other = await room.elsewhere()
    here, there = await room.book("holder"), await room.book("neighbour", slot=other)
    await room.wait(*names)
    await room.cancel("holder", here)
    assert await room.decided()
    await room.offered(names[0])
    await room.cancel("neighbour", there)
    return other.unit_id


async def test_whoever_has_an_offer_open_is_passed_over_with_that_reason(room: Room) -> None:
    unit_id = await offered_one_place_while_another_is_freed(room, "first", "second")
    assert await room.decided(unit_id)
    assert (await room.told())[-1] == {"first": "offer_pending", "second": None}
    [decided, before] = (await room.own("first"))["decisions"]
    assert (decided["reason_code"], decided["position"], before["reason_code"]) == ("offer_pending", 1, None)
    lines = (await room.decisions())[-1]["lines"]
    assert [(room.name_of(one["request_id"]), one["position"]) for one in lines] == [("first", 1), ("second", 2)]


async def test_whoever_has_an_offer_open_is_ahead_of_nobody_and_waits_still(room: Room) -> None:
    await offered_one_place_while_another_is_freed(room, "first", "second")
    first, second = await room.own("first"), await room.own("second")
    assert (first["status"], first["waits"], first["ahead"], first["lines"]) == ("offered", True, 0, 2)
    assert (second["waits"], second["ahead"]) == (True, 0)


async def test_days_freed_during_an_offer_are_offered_to_whoever_declines_it(room: Room) -> None:
    unit_id = await offered_one_place_while_another_is_freed(room, "only")
    assert await room.scalar(FREED, unit=unit_id) == 1
    assert not await room.decided(unit_id)
    assert (await room.told())[-1] == {"only": "offer_pending"}
    await room.sql("DELETE FROM jobs.pgqueuer")
    await room.answer("only", "decline")
    assert await room.asked_again() == 1
    assert await room.decided(unit_id)
    [offer] = await room.offers("only")
    assert days_of(offer) == (day(0), day(43))
    assert (await room.decisions())[-1]["place"]["freed"][0]["reason_code"] == "funding"


async def waits_for_a_row(room: Room) -> bool:
    """Whether a transaction waits for one that has locked a row."""
    return bool(await room.scalar(WAITING_FOR_A_ROW))


async def test_days_freed_during_an_offer_are_offered_to_whoever_declines_it_while_they_are_decided(room: Room) -> None:
    unit_id = await offered_one_place_while_another_is_freed(room, "only")
    await room.sql("DELETE FROM jobs.pgqueuer")
    async with asyncio.TaskGroup() as tasks, transaction(room.sessions) as session:
        assert await ask_waiting_list(session, unit_id) is None
        await session.flush()
        tasks.create_task(room.answer("only", "decline"))
        await room.until(lambda: waits_for_a_row(room), "the answer waits for the decision")
    assert (await room.told())[-1] == {"only": "offer_pending"}
    assert await room.asked_again() == 1
    assert await room.decided(unit_id)
    assert len(await room.offers("only")) == 1


async def test_days_are_decided_as_an_answer_that_is_being_given_leaves_those_who_wait(room: Room) -> None:
    """The answer has locked the request first: the decision waits for it, and then finds nothing in its way."""
    unit_id = await offered_one_place_while_another_is_freed(room, "only")
    [offer] = await room.offers("only")
    async with asyncio.TaskGroup() as tasks, transaction(room.sessions) as session:
        row = await repository.lock_request(session, room.requests["only"].id)
        decided = tasks.create_task(room.taken_up(unit_id))
        await room.until(lambda: waits_for_a_row(room), "the decision waits for the answer")
        booking = await service.locked(session, UUID(offer["booking_id"]))
        await service.end_booking(session, AUTHOR, booking, BookingStatus.RELEASED, reason_code="offer_declined")
        (await session.get_one(Offer, UUID(offer["id"]))).status = OfferStatus.DECLINED
        await move_request(session, AUTHOR, row, RequestStatus.WAITLISTED, reason_code="offer_declined")
    assert decided.result() is not None


async def test_days_freed_during_an_offer_are_offered_to_whoever_declines_it_while_another_is_offered_them(
    room: Room,
) -> None:
    unit_id = await offered_one_place_while_another_is_freed(room, "first", "second")
    run = await room.taken_up(unit_id)
    assert run is not None
    async with transaction(room.sessions) as session:
        claimed = await claim_run(session, run.id, FOLLOW_UPS)
    assert claimed is not None
    async with asyncio.TaskGroup() as tasks, transaction(room.sessions) as session:
        await end_run(session, run.id, claimed.attempt, Success(greedy_solution(claimed.problem), {}), FOLLOW_UPS)
        await session.flush()
        tasks.create_task(room.answer("first", "decline"))
        await room.until(lambda: waits_for_a_row(room), "the answer waits for the decision")
    assert (await room.told())[-1] == {"first": "offer_pending", "second": None}
    await room.answer("second", "decline")
    assert await room.decided(unit_id)
    assert len(await room.offers("first")) == 1


async def test_days_freed_during_an_offer_that_runs_out_are_not_asked_about_again(room: Room) -> None:
    """Whoever does not answer waits no more."""
    unit_id = await offered_one_place_while_another_is_freed(room, "only")
    assert not await room.decided(unit_id)
    await room.run_out()
    assert await room.expired() == 1
    assert await room.scalar(FREED, unit=unit_id) == 1
    assert (await room.own("only"))["waits"] is False


async def test_days_that_somebody_has_taken_meanwhile_are_not_asked_about_again(room: Room) -> None:
    unit_id = await offered_one_place_while_another_is_freed(room, "first", "second")
    assert await room.decided(unit_id)
    await room.answer("second", "accept")
    await room.answer("first", "decline")
    assert await room.scalar(FREED, unit=unit_id) == 1


async def test_days_that_have_been_decided_since_are_not_asked_about_again(room: Room) -> None:
    """`first` declines a second offer of other days: what it was asked about after the first one is settled."""
    unit_id = await offered_one_place_while_another_is_freed(room, "first")
    assert not await room.decided(unit_id)
    await room.answer("first", "decline")
    assert await room.decided(unit_id)
    await room.answer("first", "decline")
    assert not await room.decided(unit_id)
    assert (await room.told())[-1] == {"first": "declined_here"}
    assert not await room.decided()
    noted = await room.scalar(FREED, unit=unit_id)
    held = await room.hold("first", slot=await room.elsewhere())
    await room.post("first", f"/v1/bookings/{held}/release")
    assert await room.scalar(FREED, unit=unit_id) == noted


async def test_days_of_a_unit_out_of_service_stay_withheld_from_whoever_declines(room: Room) -> None:
    unit_id = await offered_one_place_while_another_is_freed(room, "only")
    await room.sql("UPDATE freed_periods SET reason_code = 'equipment_failure' WHERE decision_id IS NULL")
    assert not await room.decided(unit_id)
    await room.answer("only", "decline")
    assert not await room.decided(unit_id)
    assert await room.scalar(FREED, unit=unit_id) == 1


async def test_days_freed_during_a_hold_are_offered_to_whoever_lets_go_of_it(room: Room) -> None:
    other = await room.elsewhere()
    there = await room.book("neighbour", slot=other)
    await room.wait("only")
    held = await room.hold("only")
    await room.cancel("neighbour", there)
    assert not await room.decided(other.unit_id)
    assert (await room.told())[-1] == {"only": "holds_a_place"}
    await room.post("only", f"/v1/bookings/{held}/release")
    assert await room.decided(other.unit_id)
    assert len(await room.offers("only")) == 1


async def test_days_freed_while_a_round_decides_are_offered_when_it_is_given_up(room: Room) -> None:
    await room.wait("entered")
    booking = await room.book("holder")
    made = await room.world.add(
        Round(
            name="R",
            status=RoundStatus.CLOSED,
            horizon=period(day(0), day(365)),
            as_of_on=day(0),
            policy={},
            policy_version="round/1",
        )
    )
    await room.world.add(RoundRequest(round_id=made.id, request_id=room.requests["entered"].id, tier=3, points=1))
    await room.cancel("holder", booking)
    assert not await room.decided()
    assert await room.told() == [{"entered": "in_round"}]
    await room.post(room.coordinator, f"/v1/rounds/{made.id}/cancel", {"reason_code": "other"})
    assert await room.decided()
    assert len(await room.offers("entered")) == 1


async def test_a_wish_is_asked_again_about_days_freed_during_its_offer(room: Room) -> None:
    other = await room.elsewhere()
    await room.sql("UPDATE slots SET period = '[2030-01-01,2030-05-31)' WHERE id = :id", id=room.slot.id)
    here, there = await room.book("holder"), await room.book("neighbour", slot=other)
    await room.book("mover", 60)
    await wish(room, "mover")
    await room.cancel("holder", here)
    assert await room.decided()
    await room.cancel("neighbour", there)
    assert not await room.decided(other.unit_id)
    assert (await room.told())[-1] == {"mover": "offer_pending"}
    await room.answer("mover", "decline")
    assert await room.decided(other.unit_id)
    assert len(await room.offers("mover")) == 1
