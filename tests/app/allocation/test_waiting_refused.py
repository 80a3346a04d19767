"""A place that its CDMO refuses is none: whoever took it while on the waiting list has waited all along."""

from datetime import datetime

import pytest

from app.allocation.waiting import AUTHOR
from app.bookings.service import decline_overdue, expire_stale_holds
from app.core.database import transaction
from tests.app.allocation.conftest import Rounds, planned_by_greed
from tests.app.allocation.test_waiting_earlier import wish
from tests.app.allocation.waiting_room import Room

pytestmark = pytest.mark.database


async def accepted(room: Room, *names: str) -> tuple[str, datetime]:
    """The first who waits, for 100 days, accepts a place that its CDMO has to approve; the booking, and since when."""
    booking = await room.book("holder")
    await room.wait(*names)
    name = names[0]
    await room.sql(
        "UPDATE requests SET waiting_since_at = now() - interval '100 days' WHERE id = :id", id=room.id_of(name)
    )
    since = (await room.own(name))["waiting_since_at"]
    await room.cancel("holder", booking)
    assert await room.decided()
    [offer] = await room.offers(name)
    await room.sql("UPDATE bookings SET terms = terms || '{\"instant\": false}' WHERE id = :id", id=offer["booking_id"])
    assert (await room.answer(name, "accept"))["booking_status"] == "awaiting_cdmo"
    return offer["booking_id"], since


async def overdue(room: Room, booking: str) -> None:
    await room.sql("UPDATE bookings SET approval_expires_at = now() - interval '1 minute' WHERE id = :id", id=booking)


async def swept(room: Room) -> None:
    async with transaction(room.sessions) as session:
        assert await decline_overdue(session, AUTHOR) == 1


@pytest.mark.parametrize("how", ["decline", "cancel", "overdue"])
async def test_a_refused_request_waits_on_since_when_it_had_waited(room: Room, how: str) -> None:
    booking, since = await accepted(room, "patient", "next")
    if how == "overdue":
        await overdue(room, booking)
        await swept(room)
    else:
        await room.post(room.seller, f"/v1/bookings/{booking}/{how}", {"reason_code": "planning"})
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("waitlisted", True, since)
    assert await room.decided()
    reason = "cancelled_here" if how == "cancel" else "refused_by_cdmo"
    assert (await room.told())[-1] == {"patient": reason, "next": None}


async def test_what_was_not_approved_in_time_waits_on_before_any_sweep(room: Room) -> None:
    booking, since = await accepted(room, "patient")
    await overdue(room, booking)
    assert not await room.decided()
    await room.post("patient", f"/v1/requests/{room.id_of('patient')}/wait")
    own = await room.own("patient")
    assert (own["status"], own["waiting_since_at"]) == ("waitlisted", since)
    await swept(room)
    assert (await room.own("patient"))["waiting_since_at"] == since


async def test_an_approved_request_waits_no_more(room: Room) -> None:
    booking, since = await accepted(room, "patient")
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("booked", True, since)
    await room.post(room.seller, f"/v1/bookings/{booking}/approve")
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("booked", False, None)
    await room.cancel("patient", booking)
    assert await room.status("patient") == "submitted"


async def test_days_freed_before_the_cdmo_has_answered_are_offered_when_it_refuses(room: Room) -> None:
    other = await room.elsewhere()
    there = await room.book("neighbour", slot=other)
    booking, _ = await accepted(room, "patient")
    await room.cancel("neighbour", there)
    assert not await room.decided(other.unit_id)
    assert (await room.told())[-1] == {"patient": "approval_pending"}
    await room.post(room.seller, f"/v1/bookings/{booking}/decline", {"reason_code": "planning"})
    assert await room.decided(other.unit_id)
    assert len(await room.offers("patient")) == 1


async def test_nothing_is_offered_while_an_overdue_approval_is_yet_to_be_noted(room: Room) -> None:
    other = await room.elsewhere()
    there = await room.book("neighbour", slot=other)
    booking, _ = await accepted(room, "patient")
    await overdue(room, booking)
    await room.cancel("neighbour", there)
    assert not await room.decided(other.unit_id)
    assert (await room.told())[-1] == {"patient": "approval_pending"}
    await swept(room)
    assert await room.decided(other.unit_id)


async def test_an_earlier_place_is_wished_for_once_the_cdmo_has_approved(room: Room) -> None:
    booking, since = await accepted(room, "patient")
    await wish(room, "patient", expect=409)
    assert (await room.own("patient"))["waiting_since_at"] == since
    await room.post(room.seller, f"/v1/bookings/{booking}/approve")
    await wish(room, "patient")


async def offered_an_earlier_place(room: Room) -> tuple[str, str, datetime]:
    """`mover`, which has a later place, is offered one that its CDMO has to approve; both bookings, and since when."""
    await room.sql("UPDATE slots SET period = '[2030-01-01,2030-05-31)'")
    first, later = await room.book("holder"), await room.book("mover", 60)
    await wish(room, "mover")
    since = (await room.own("mover"))["waiting_since_at"]
    await room.cancel("holder", first)
    assert await room.decided()
    [offer] = await room.offers("mover")
    await room.sql("UPDATE bookings SET terms = terms || '{\"instant\": false}' WHERE id = :id", id=offer["booking_id"])
    return offer["booking_id"], later, since


async def in_order(room: Room, later: str, *steps: str) -> None:
    for step in steps:
        if step == "leave":
            await room.cancel("mover", later)
        else:
            await room.answer("mover", step)


@pytest.mark.parametrize("steps", [("accept", "leave"), ("leave", "accept"), ("leave", "decline")])
async def test_whoever_has_left_its_later_place_waits_on_for_any(room: Room, steps: tuple[str, str]) -> None:
    """The wish for an earlier place ends with the later one; the waiting does not, whoever refuses and in any order."""
    booking, later, since = await offered_an_earlier_place(room)
    await in_order(room, later, *steps)
    if "accept" in steps:
        own = await room.own("mover")
        assert (own["status"], own["wants_earlier"], own["waiting_since_at"]) == ("booked", False, since)
        await room.post(room.seller, f"/v1/bookings/{booking}/decline", {"reason_code": "planning"})
    own = await room.own("mover")
    assert (own["status"], own["wants_earlier"], own["waiting_since_at"]) == ("waitlisted", False, since)


@pytest.mark.parametrize("steps", [("accept", "leave"), ("leave", "accept")])
async def test_whoever_has_left_its_later_place_waits_no_more_once_the_earlier_one_is_approved(
    room: Room, steps: tuple[str, str]
) -> None:
    booking, later, _ = await offered_an_earlier_place(room)
    await in_order(room, later, *steps)
    await room.post(room.seller, f"/v1/bookings/{booking}/approve")
    own = await room.own("mover")
    assert (own["status"], own["wants_earlier"], own["waiting_since_at"]) == ("booked", False, None)


async def test_whoever_has_left_its_later_place_and_lets_the_offer_run_out_waits_no_more(room: Room) -> None:
    _, later, _ = await offered_an_earlier_place(room)
    await room.cancel("mover", later)
    await room.run_out()
    assert await room.expired() == 1
    own = await room.own("mover")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("submitted", False, None)


async def booked_beside_the_list(room: Room) -> tuple[str, datetime]:
    """Whoever waits, for 100 days, books a place directly that its CDMO has to approve; the booking, and since when."""
    await room.sql("UPDATE slots SET approval = 'by_cdmo'")
    await room.wait("patient")
    await room.sql("UPDATE requests SET waiting_since_at = now() - interval '100 days' WHERE status = 'waitlisted'")
    since = (await room.own("patient"))["waiting_since_at"]
    booking = await room.book("patient")
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("booked", True, since)
    return booking, since


@pytest.mark.parametrize("how", ["decline", "cancel", "overdue"])
async def test_whoever_books_directly_and_is_refused_waits_on_since_when_it_had_waited(room: Room, how: str) -> None:
    booking, since = await booked_beside_the_list(room)
    if how == "overdue":
        await overdue(room, booking)
        await swept(room)
    else:
        await room.post(room.seller, f"/v1/bookings/{booking}/{how}", {"reason_code": "planning"})
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("waitlisted", True, since)


async def test_days_freed_before_a_direct_booking_is_refused_are_offered_then(room: Room) -> None:
    other = await room.elsewhere()
    there = await room.book("neighbour", slot=other)
    booking, _ = await booked_beside_the_list(room)
    await room.cancel("neighbour", there)
    assert not await room.decided(other.unit_id)
    assert (await room.told())[-1] == {"patient": "approval_pending"}
    await room.post(room.seller, f"/v1/bookings/{booking}/decline", {"reason_code": "planning"})
    assert await room.decided(other.unit_id)
    assert len(await room.offers("patient")) == 1


async def test_whoever_books_directly_and_is_approved_waits_no_more(room: Room) -> None:
    booking, _ = await booked_beside_the_list(room)
    await room.post(room.seller, f"/v1/bookings/{booking}/approve")
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("booked", False, None)


@pytest.mark.parametrize("how", ["release", "expire"])
async def test_a_hold_that_comes_to_nothing_leaves_its_request_where_it_waited(room: Room, how: str) -> None:
    await room.wait("patient")
    since = (await room.own("patient"))["waiting_since_at"]
    booking = await room.hold("patient")
    if how == "release":
        await room.post("patient", f"/v1/bookings/{booking}/release")
    else:
        await room.run_out()
        async with transaction(room.sessions) as session:
            assert await expire_stale_holds(session, AUTHOR) == 1
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("waitlisted", True, since)


async def served_by_a_round(room: Room, rounds: Rounds) -> tuple[str, datetime]:
    """Whoever waits accepts a round's place that its CDMO has to approve; the booking, and since when it has waited."""
    await room.wait("patient")
    since = (await room.own("patient"))["waiting_since_at"]
    round_id, _ = await planned_by_greed(rounds, room.world)
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    [offer] = await room.offers("patient")
    await room.sql("UPDATE bookings SET terms = terms || '{\"instant\": false}'")
    assert (await room.answer("patient", "accept"))["booking_status"] == "awaiting_cdmo"
    return offer["booking_id"], since


@pytest.mark.parametrize("how", ["decline", "cancel", "overdue"])
async def test_whoever_a_round_has_served_and_a_cdmo_refuses_waits_on_since_when_it_had_waited(
    room: Room, rounds: Rounds, how: str
) -> None:
    booking, since = await served_by_a_round(room, rounds)
    if how == "overdue":
        await overdue(room, booking)
        await swept(room)
    else:
        await room.post(room.seller, f"/v1/bookings/{booking}/{how}", {"reason_code": "planning"})
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("waitlisted", True, since)


async def test_whoever_gives_up_a_rounds_place_before_it_is_approved_waits_no_more(room: Room, rounds: Rounds) -> None:
    booking, _ = await served_by_a_round(room, rounds)
    await room.cancel("patient", booking)
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("unmet", False, None)


@pytest.mark.parametrize("of_the_list", [True, False])
async def test_whoever_gives_up_another_place_before_it_is_approved_waits_on(room: Room, of_the_list: bool) -> None:
    booking, since = await (accepted(room, "patient") if of_the_list else booked_beside_the_list(room))
    await room.cancel("patient", booking)
    own = await room.own("patient")
    assert (own["status"], own["waits"], own["waiting_since_at"]) == ("waitlisted", True, since)
