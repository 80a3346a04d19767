"""The waiting list for real: a place is freed, the best of those who wait is offered it, and it passes on."""

import asyncio

import pytest

from app.allocation.waiting import AUTHOR
from app.bookings.service import expire_stale_holds
from app.core.database import transaction
from tests.app.allocation.waiting_room import Room, days_of
from tests.support.world import day

pytestmark = pytest.mark.database


async def test_a_freed_place_goes_to_the_best_passes_on_and_is_taken(room: Room, worker: asyncio.Event) -> None:
    """`strong` has three points and came last; `early` and `late` have two each and came in that order."""
    booking = await room.book("holder")
    await room.wait("early", "late")
    await room.wait("strong", gmp_phase="phase_2")
    await room.cancel("holder", booking)

    offer = await room.offered("strong")
    assert (offer["source"], offer["round_id"], offer["instant"]) == ("waiting", None, True)
    assert days_of(offer) == (day(0), day(43))
    assert await room.status("strong") == "offered"
    assert await room.offers("early") == []
    declined = await room.answer("strong", "decline")
    assert (declined["status"], declined["booking_status"]) == ("declined", "released")
    assert await room.status("strong") == "waitlisted"

    await room.offered("early")
    await room.offers_run_out()

    await room.offered("late")
    assert await room.status("early") == "unmet"
    accepted = await room.answer("late", "accept")
    assert (accepted["status"], accepted["booking_status"]) == ("accepted", "confirmed")
    assert await room.status("late") == "booked"

    assert await room.told() == [
        {"strong": None, "early": "outranked", "late": "outranked"},
        {"early": None, "strong": "declined_here", "late": "outranked"},
        {"late": None, "strong": "declined_here"},
    ]
    first = (await room.decisions())[0]
    assert (first["outcome"], first["place"]["freed"][0]["reason_code"]) == ("offered", "funding")
    [told] = {one["place"]["freed"][0]["reason_code"] for one in (await room.own("late"))["decisions"]}
    assert told is None  # why another start-up has left is not for those to know who wait for its place
    last = first["lines"][2]
    assert (last["position"], last["points"]) == (3, 2)
    assert last["facts"]["chosen"] == [{"position": 1, "tier": 3, "points": 3}]
    run = await room.get(room.coordinator, f"/v1/runs/{first['run_id']}")
    assert (run["kind"], run["state"], run["status"]) == ("waiting", "succeeded", "optimal")
    acts = {"waiting.offered", "offer.made", "offer.declined", "offer.expired", "offer.accepted", "request.waitlisted"}
    assert acts <= set(await room.scalar("SELECT array_agg(DISTINCT action) FROM audit_records"))


async def test_days_held_still_are_offered_when_nothing_holds_them_any_more(room: Room) -> None:
    booking = await room.book("holder")
    await room.wait("patient")
    await room.sql(
        "INSERT INTO slot_freezes (id, slot_id, holder, holder_id)"
        " VALUES (gen_random_uuid(), :slot, 'crisis', gen_random_uuid())",
        slot=room.slot.id,
    )
    await room.cancel("holder", booking)
    assert not await room.decided()
    assert await room.decisions() == []
    await room.sql("DELETE FROM jobs.pgqueuer")
    assert await room.asked_again() == 0
    await room.sql("DELETE FROM slot_freezes")
    assert await room.asked_again() == 1
    assert await room.decided()
    assert len(await room.offers("patient")) == 1


async def test_a_slot_that_is_frozen_between_plan_and_offer_keeps_its_days_for_later(room: Room) -> None:
    booking = await room.book("holder")
    await room.wait("patient")
    await room.cancel("holder", booking)
    run = await room.taken_up()
    assert run is not None
    await room.sql(
        "INSERT INTO slot_freezes (id, slot_id, holder, holder_id)"
        " VALUES (gen_random_uuid(), :slot, 'round', gen_random_uuid())",
        slot=room.slot.id,
    )
    await room.solved(run)
    assert (await room.offers("patient"), await room.decisions()) == ([], [])
    await room.sql("DELETE FROM slot_freezes")
    assert await room.decided()
    assert len(await room.offers("patient")) == 1


async def test_nothing_is_written_where_nobody_waits(room: Room) -> None:
    booking = await room.book("holder")
    await room.ask("bystander")
    await room.cancel("holder", booking)
    assert await room.scalar("SELECT count(*) FROM freed_periods") == 0
    assert await room.scalar("SELECT count(*) FROM jobs.pgqueuer") == 0


async def test_a_hold_that_is_released_or_runs_out_frees_its_days_too(room: Room) -> None:
    await room.wait("patient", latest_delivery_on=day(80))
    for name in ("hasty", "slow"):
        await room.ask(name)
        body = {"slot_id": str(room.slot.id), "start": str(day(0)), "request_id": room.id_of(name)}
        held = await room.post(name, "/v1/bookings", body, expect=201)
        if name == "hasty":
            await room.post(name, f"/v1/bookings/{held['id']}/release")
    await room.run_out()
    async with transaction(room.sessions) as session:
        assert await expire_stale_holds(session, AUTHOR) == 1
    assert await room.scalar("SELECT array_agg(reason_code ORDER BY created_at) FROM freed_periods") == [
        "not_needed",
        "hold_expired",
    ]
    assert await room.scalar("SELECT count(*) FROM jobs.pgqueuer") == 1
    assert not await room.decided()
    [decision] = await room.decisions()
    assert (decision["outcome"], len(decision["place"]["freed"])) == ("nobody", 2)


async def test_what_a_start_up_reads_tells_how_many_are_ahead_and_never_who(room: Room) -> None:
    booking = await room.book("holder")
    await room.wait("early", "late")
    await room.wait("strong", gmp_phase="phase_2")
    await room.ask("elsewhere", sites_excluded=[await room.scalar("SELECT id FROM sites")], gmp_phase="phase_2")
    await room.wait("elsewhere")
    ahead = {}
    for name in ("strong", "early", "late", "elsewhere"):
        own = await room.get(name, f"/v1/requests/{room.id_of(name)}/waiting")
        ahead[name] = (own["lines"], own["ahead"])
        assert own["waits"]
        assert own["waiting_since_at"]
    assert ahead == {"strong": (1, 0), "early": (1, 1), "late": (1, 2), "elsewhere": (0, 0)}

    await room.cancel("holder", booking)
    assert await room.decided()
    own = await room.get("late", f"/v1/requests/{room.id_of('late')}/waiting")
    [decided] = own["decisions"]
    assert (decided["result"], decided["reason_code"], decided["position"]) == ("skipped", "outranked", 4)
    assert (decided["place"]["freed"][0]["start"], decided["place"]["site"][:4]) == (str(day(0)), "Site")
    others = [room.id_of(name) for name in room.requests if name != "late"]
    parties = [str(room.requests[name].organisation_id) for name in room.requests if name != "late"]
    assert not [one for one in (*others, *parties) if one in str(own)]
    for headers in (room.headers["early"], room.seller):
        await room.get(headers, f"/v1/requests/{room.id_of('late')}/waiting", expect=404)
        await room.get(headers, "/v1/waiting-list", expect=404)
    by_coordinator = await room.get(room.coordinator, f"/v1/requests/{room.id_of('late')}/waiting")
    for decision in by_coordinator["decisions"]:
        for freed in decision["place"]["freed"]:
            assert freed["reason_code"] == "funding"
            freed["reason_code"] = None  # the coordinator knows why, and nothing else that the start-up does not
    assert by_coordinator == own


async def test_joining_and_leaving_the_list(room: Room) -> None:
    await room.wait("one")
    again = await room.post("one", f"/v1/requests/{room.id_of('one')}/wait")
    left = await room.post("one", f"/v1/requests/{room.id_of('one')}/stop-waiting")
    assert (again["status"], left["status"], left["waiting_since_at"]) == ("waitlisted", "submitted", None)
    await room.post("one", f"/v1/requests/{room.id_of('one')}/stop-waiting", expect=409)
    joined = await room.post("one", f"/v1/requests/{room.id_of('one')}/wait")
    assert joined["waiting_since_at"] > again["waiting_since_at"]
    await room.ask("draft", status="draft")
    await room.post("draft", f"/v1/requests/{room.id_of('draft')}/wait", expect=409)
    await room.book("holder")
    await room.post("holder", f"/v1/requests/{room.id_of('holder')}/wait", expect=409)
    await room.post("one", f"/v1/requests/{room.id_of('holder')}/wait", expect=404)


async def test_pages_of_decisions_are_all_of_them(room: Room) -> None:
    await room.wait("patient", latest_delivery_on=day(80))
    for number in range(3):
        await room.cancel(f"holder {number}", await room.book(f"holder {number}"))
        assert not await room.decided()
    whole = [decision["id"] for decision in await room.decisions()]
    seen, path = [], "/v1/waiting-list?limit=2"
    while path:
        page = await room.get(room.coordinator, path)
        seen += [decision["id"] for decision in page["items"]]
        path = page["next"]
    assert (seen, len(seen)) == (whole, 3)
