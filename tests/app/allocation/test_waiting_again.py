"""Whoever cannot be offered days at the moment is passed over by name, and asked about them when it can."""

from uuid import UUID

import pytest

from app.allocation.models import Round, RoundRequest, RoundStatus
from app.core.model import period
from tests.app.allocation.test_waiting_earlier import wish
from tests.app.allocation.waiting_room import Room, days_of
from tests.support.world import day

pytestmark = pytest.mark.database

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
