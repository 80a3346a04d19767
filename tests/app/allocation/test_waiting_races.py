"""Two workers, two answers, a booking and an offer at once: real connections, and one place is one offer."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.allocation.runs import Success, claim_run, end_run
from app.core.database import transaction
from app.worker import FOLLOW_UPS
from tests.app.allocation.problems import greedy_solution
from tests.app.allocation.waiting_room import Room
from tests.support.world import day

pytestmark = pytest.mark.database

LIVE_OFFERS = "SELECT count(*) FROM offers WHERE status = 'offered'"
OVERLAPS = """
    SELECT count(*) FROM bookings a JOIN bookings b ON a.unit_id = b.unit_id AND a.id < b.id AND a.period && b.period
    WHERE a.status IN ('held', 'awaiting_cdmo', 'confirmed') AND b.status IN ('held', 'awaiting_cdmo', 'confirmed')
"""


async def freed(room: Room, *names: str) -> None:
    """Free the place while so many wait."""
    booking = await room.book("holder")
    await room.wait(*names)
    await room.cancel("holder", booking)


async def test_two_workers_take_up_the_same_days_once(room: Room) -> None:
    await freed(room, "one", "two")
    runs = await asyncio.gather(*(room.taken_up() for _ in range(4)))
    [run] = [run for run in runs if run is not None]
    assert await room.scalar("SELECT count(*) FROM runs") == 1
    await room.solved(run)
    assert await room.scalar(LIVE_OFFERS) == 1
    assert not await room.decided()
    assert len(await room.decisions()) == 1


async def test_a_worker_that_dies_between_snapshot_and_offer_has_no_effect_beside_the_next_one(room: Room) -> None:
    await freed(room, "one", "two")
    run = await room.taken_up()
    assert run is not None
    async with transaction(room.sessions) as session:
        dead = await claim_run(session, run.id, FOLLOW_UPS)
    async with transaction(room.sessions) as session:
        alive = await claim_run(session, run.id, FOLLOW_UPS)
    assert dead is not None
    assert alive is not None
    assert (dead.attempt, alive.attempt) == (1, 2)
    ends = await asyncio.gather(room.ended(alive), room.ended(dead))
    assert [end is not None for end in ends] == [True, False]
    assert await room.ended(alive) is None
    assert await room.scalar("SELECT count(*) FROM offers") == 1
    assert len(await room.decisions()) == 1


async def test_a_transaction_that_fails_after_the_offer_leaves_nothing_and_the_next_one_makes_it(room: Room) -> None:
    await freed(room, "one")
    run = await room.taken_up()
    assert run is not None

    class Died(Exception):
        """The worker died."""

    async with transaction(room.sessions) as session:
        claimed = await claim_run(session, run.id, FOLLOW_UPS)
    assert claimed is not None

    async def end_and_die() -> None:
        async with transaction(room.sessions) as session:
            success = Success(greedy_solution(claimed.problem), {})
            assert await end_run(session, claimed.id, claimed.attempt, success, FOLLOW_UPS) is not None
            assert await session.scalar(text(LIVE_OFFERS)) == 1
            raise Died

    with pytest.raises(Died):
        await end_and_die()
    assert await room.scalar("SELECT count(*) FROM offers") == 0
    await room.solved(run)
    assert await room.scalar(LIVE_OFFERS) == 1


async def test_what_was_lost_by_the_queue_is_asked_about_again(room: Room) -> None:
    await freed(room, "one")
    assert await room.asked_again() == 0
    await room.sql("DELETE FROM jobs.pgqueuer")
    assert await room.asked_again() == 1
    assert await room.asked_again() == 0


async def test_days_that_somebody_books_after_the_snapshot_are_not_offered(room: Room) -> None:
    await freed(room, "one")
    run = await room.taken_up()
    assert run is not None
    await room.book("quick")
    await room.solved(run)
    assert await room.scalar("SELECT count(*) FROM offers") == 0
    assert not await room.decided()
    assert [decision["outcome"] for decision in await room.decisions()] == ["taken"]


async def test_a_better_request_that_joins_after_the_snapshot_comes_first(room: Room) -> None:
    await freed(room, "one")
    run = await room.taken_up()
    assert run is not None
    await room.wait("strong", gmp_phase="phase_2")
    await room.solved(run)
    assert await room.scalar("SELECT count(*) FROM offers") == 0
    assert await room.decided()
    assert await room.told() == [{"strong": None, "one": "outranked"}]


async def test_a_request_withdrawn_after_the_snapshot_is_not_offered_anything(room: Room) -> None:
    await freed(room, "one", "two")
    run = await room.taken_up()
    assert run is not None
    await room.post("one", f"/v1/requests/{room.id_of('one')}/withdraw")
    await room.solved(run)
    assert await room.decided()
    assert await room.told() == [{"two": None}]


async def test_a_direct_booking_and_the_offer_race_and_one_has_the_days(room: Room) -> None:
    await freed(room, "one")
    await room.ask("quick")
    run = await room.taken_up()
    assert run is not None
    body = {"slot_id": str(room.slot.id), "start": str(day(0)), "request_id": room.id_of("quick")}
    booked, _ = await asyncio.gather(
        room.client.post("/v1/bookings", json=body, headers=room.headers["quick"]), room.solved(run)
    )
    offers = await room.scalar(LIVE_OFFERS)
    assert (booked.status_code, offers) in {(201, 0), (409, 1)}
    assert await room.scalar(OVERLAPS) == 0


async def test_an_acceptance_and_the_expiry_race_and_one_wins(room: Room) -> None:
    await freed(room, "one", "two")
    assert await room.decided()
    [offer] = await room.offers("one")
    await room.sql("UPDATE offers SET expires_at = now() + interval '40 milliseconds'")
    await room.sql("UPDATE bookings SET hold_expires_at = now() + interval '40 milliseconds' WHERE status = 'held'")

    async def swept() -> None:
        for _ in range(20):
            await room.expired()
            await asyncio.sleep(0.01)

    answer, _ = await asyncio.gather(
        room.client.post(f"/v1/offers/{offer['id']}/accept", headers=room.headers["one"]), swept()
    )
    if answer.status_code == 200:
        assert await room.status("one") == "booked"
        assert not await room.decided()
    else:
        assert answer.json()["type"] in {"urn:creneau:problem:offer-expired", "urn:creneau:problem:hold-expired"}
        assert await room.status("one") == "unmet"
        assert await room.decided()
        assert len(await room.offers("two")) == 1
    assert await room.scalar(OVERLAPS) == 0


async def test_two_places_freed_at_once_make_one_offer_to_the_request_that_is_first_for_both(room: Room) -> None:
    other = await room.elsewhere()
    first, second = await room.book("holder"), await room.book("neighbour", slot=other)
    await room.wait("one", "two")
    await room.cancel("holder", first)
    await room.cancel("neighbour", second)
    runs = await asyncio.gather(room.taken_up(), room.taken_up(other.unit_id))
    assert None not in runs
    await asyncio.gather(*(room.solved(run) for run in runs if run is not None))
    for unit_id in (room.unit.id, other.unit_id):
        await room.decided(unit_id)
    assert (len(await room.offers("one")), len(await room.offers("two"))) == (1, 1)
    assert await room.scalar("SELECT max(n) FROM (SELECT count(*) n FROM offers GROUP BY request_id) o") == 1


async def test_ten_answers_to_one_offer_have_one_effect(room: Room) -> None:
    await freed(room, "one")
    assert await room.decided()
    [offer] = await room.offers("one")
    answers = await asyncio.gather(
        *(
            room.client.post(f"/v1/offers/{offer['id']}/{verb}", headers=room.headers["one"])
            for verb in ["accept", "decline"] * 5
        )
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 9}


async def test_days_that_never_come_to_a_decision_are_given_up(room: Room) -> None:
    await freed(room, "one")
    await room.sql("UPDATE freed_periods SET attempts = 11")
    assert not await room.decided()
    [decision] = await room.decisions()
    assert (decision["outcome"], decision["reason_code"]) == ("failed", "no_plan")
    assert await room.told() == [{"one": "no_plan"}]
    assert await room.status("one") == "waitlisted"


async def test_what_no_lock_prevents_the_index_does(room: Room) -> None:
    """Never two live offers to one request."""
    await freed(room, "one")
    assert await room.decided()
    second = """
        INSERT INTO offers SELECT (jsonb_populate_record(o, jsonb_build_object(
            'id', gen_random_uuid(), 'booking_id', (SELECT id FROM bookings b WHERE b.id <> o.booking_id)))).*
        FROM offers o
    """
    with pytest.raises(IntegrityError, match="uq_offers_request_id_offered"):
        await room.sql(second)
