"""Everybody who waited and was passed over learns why, in a code."""

from typing import Any

import pytest

from app.allocation.models import Round, RoundRequest, RoundStatus
from app.core.database import transaction
from app.core.model import period
from app.crisis.models import CrisisMode
from app.identity.models import Organisation
from tests.app.allocation.waiting_room import Room
from tests.app.capacity.test_slot_guards import order
from tests.support.world import day

pytestmark = pytest.mark.database


async def reasons(room: Room) -> dict[str, str | None]:
    """Free the one place, decide, and return what the decision meant for each."""
    booking = await room.book("holder")
    await room.cancel("holder", booking)
    await room.decided()
    return (await room.told())[-1]


async def test_matching_says_what_stands_between_a_request_and_the_place(room: Room) -> None:
    [site] = [await room.scalar("SELECT id FROM sites")]
    await room.wait("fits")
    await room.wait("poor", budget_cents=1)
    await room.wait("picky", sites_excluded=[site])
    await room.wait("late", earliest_on=day(30))
    await room.wait("hasty", latest_delivery_on=day(60))
    await room.wait("long", batches=3)
    assert await reasons(room) == {
        "fits": None,
        "poor": "over_budget",
        "picky": "site_excluded",
        "late": "slot_too_early",
        "hasty": "time_too_short",
        "long": "slot_too_short",
    }
    lines = {room.name_of(line["request_id"]): line for line in (await room.decisions())[-1]["lines"]}
    assert lines["poor"]["facts"]["reasons"] == [
        {
            "code": "over_budget",
            "asked": 1,
            "offered": 100_000_000,
            "sentence": "Your budget is 0.01 EUR; the package costs 1,000,000.00 EUR.",
        },
    ]


async def test_what_no_cdmo_has_found_feasible_is_not_offered(room: Room) -> None:
    await room.wait("unasked")
    booking = await room.book("holder")
    await room.sql("UPDATE line_modalities SET is_standard = false")
    await room.cancel("holder", booking)
    assert not await room.decided()
    assert await room.told() == [{"unasked": "feasibility_missing"}]


async def test_whoever_cancelled_a_place_is_not_served_it_again(room: Room) -> None:
    booking = await room.book("canceller")
    await room.wait("other")
    await room.cancel("canceller", booking)
    await room.wait("canceller")
    assert await room.decided()
    await room.answer("other", "decline")
    assert not await room.decided()
    assert (await room.told())[-1] == {"canceller": "cancelled_here", "other": "declined_here"}
    assert (await room.decisions())[-1]["outcome"] == "nobody"


async def test_whoever_let_a_hold_go_is_not_offered_it_either(room: Room) -> None:
    await room.wait("fickle", "other")
    held = await room.hold("fickle")
    await room.post("fickle", f"/v1/bookings/{held}/release")
    assert await room.decided()
    assert await room.told() == [{"fickle": "released_here", "other": None}]


async def test_other_days_of_the_same_slot_are_another_place(room: Room) -> None:
    """The canceller's days are barred to it, not the stretch beside them."""
    await room.sql("UPDATE slots SET period = '[2030-01-01,2030-04-11)'")
    booking = await room.book("canceller")
    await room.wait("patient")
    await room.cancel("canceller", booking)
    await room.post("patient", f"/v1/requests/{room.id_of('patient')}/withdraw")
    await room.wait("canceller")
    assert await room.decided()
    [offer] = await room.offers("canceller")
    assert offer["start"] >= str(day(43))


async def test_a_unit_out_of_service_is_offered_to_nobody(room: Room) -> None:
    booking = await room.book("holder")
    await room.wait("patient", "next")
    await room.wait("strong", gmp_phase="phase_2")
    await room.post(room.seller, f"/v1/bookings/{booking}/cancel", {"reason_code": "equipment_failure"})
    assert not await room.decided()
    [decision] = await room.decisions()
    assert (decision["outcome"], decision["reason_code"]) == ("withheld", "out_of_service")
    assert [(room.name_of(line["request_id"]), line["reason_code"]) for line in decision["lines"]] == [
        ("strong", "out_of_service"),
        ("patient", "out_of_service"),
        ("next", "out_of_service"),
    ]
    [decided] = (await room.own("next"))["decisions"]
    assert (decided["result"], decided["reason_code"], decided["position"]) == ("skipped", "out_of_service", 3)


async def test_of_days_that_fail_for_two_reasons_each_has_its_own(room: Room) -> None:
    """The CDMO's equipment takes one place, and a start-up leaves the other: that one is offered."""
    await room.sql("UPDATE slots SET period = '[2030-01-01,2030-03-28)'")
    first, second = await room.book("holder"), await room.book("neighbour", 43)
    await room.wait("patient")
    await room.post(room.seller, f"/v1/bookings/{first}/cancel", {"reason_code": "staffing"})
    await room.cancel("neighbour", second)
    assert await room.decided()
    assert await room.told() == [{"patient": "out_of_service"}, {"patient": None}]


async def test_days_that_were_taken_before_the_decision_say_so(room: Room) -> None:
    booking = await room.book("holder")
    await room.wait("patient")
    await room.cancel("holder", booking)
    await room.book("quick")
    assert not await room.decided()
    assert await room.told() == [{"patient": "slot_taken"}]
    assert (await room.decisions())[0]["outcome"] == "taken"


async def test_a_place_that_is_refused_for_good_says_why_to_whoever_could_have_had_it(room: Room) -> None:
    """A crisis orders the days after the plan was made, and orders do not change a calendar."""
    booking = await room.book("holder")
    await room.wait("patient")
    await room.wait("poor", budget_cents=1)
    await room.cancel("holder", booking)
    run = await room.taken_up()
    assert run is not None
    async with transaction(room.world.sessions) as session:
        cdmo = await session.get_one(Organisation, await room.scalar("SELECT organisation_id FROM sites"))
    await order(room.world, cdmo, room.slot, CrisisMode.REAL)
    await room.solved(run)
    assert await room.offers("patient") == []
    [decision] = await room.decisions()
    assert (decision["outcome"], decision["reason_code"]) == ("failed", "under-order")
    assert await room.told() == [{"patient": "under-order", "poor": "over_budget"}]


async def test_a_request_that_a_round_decides_about_waits_for_that(room: Room) -> None:
    await room.wait("entered", "free")
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
    assert await reasons(room) == {"entered": "in_round", "free": None}


async def test_one_start_up_is_offered_one_place_at_a_time_and_no_more_than_the_cap(room: Room) -> None:
    """Two campaigns find room; of one start-up's two requests only the first is offered, and then its cap is full."""
    await room.sql("UPDATE slots SET period = '[2030-01-01,2030-03-28)'")
    await publish_with(room, {"per_party": 1})
    first, second = await room.book("holder"), await room.book("neighbour", 43)
    await room.wait("one")
    await room.world.request(room.products["one"])
    room.requests["sibling"] = await room.world.request(room.products["one"])
    room.headers["sibling"] = room.headers["one"]
    await room.wait("sibling", "other")
    await room.cancel("holder", first)
    await room.cancel("neighbour", second)
    assert await room.decided()
    assert await room.told() == [{"one": None, "sibling": "party_served", "other": None}]
    await room.answer("other", "decline")
    assert not await room.decided()
    assert (await room.told())[-1] == {"one": "offer_pending", "sibling": "cap_reached", "other": "declined_here"}


async def publish_with(room: Room, policy: dict[str, Any]) -> None:
    """Store a round published under a policy."""
    made = await room.world.add(
        Round(
            name="R",
            status=RoundStatus.SETTLED,
            horizon=period(day(0), day(365)),
            as_of_on=day(0),
            policy=policy,
            policy_version="round/1",
        )
    )
    await room.sql(
        "INSERT INTO runs (id, kind, round_id, state, attempt, problem, references, calendar_versions, parameters,"
        " solution, published_at) VALUES (gen_random_uuid(), 'round', :round, 'succeeded', 1, '{}', '{}', '{}', '{}',"
        " '{}', now())".replace("references", '"references"'),
        round=made.id,
    )


async def test_those_whom_a_crisis_displaced_come_first_when_it_lets_go(room: Room) -> None:
    """`displaced` has fewer points than `strong`, but the crisis that took its place now frees it."""
    booking = await room.book("displaced")
    await room.wait("strong", gmp_phase="phase_2")
    await room.sql(
        "UPDATE bookings SET status = 'displaced', displaced_at = now(), ended_reason_code = 'crisis_displaced'"
        " WHERE id = :id",
        id=booking,
    )
    await room.sql("DELETE FROM freed_periods")
    await room.sql("UPDATE requests SET status = 'submitted' WHERE id = :id", id=room.id_of("displaced"))
    await room.wait("displaced")
    campaign = await room.book("authority")
    await room.sql("UPDATE bookings SET source = 'crisis' WHERE id = :id", id=campaign)
    await room.sql("UPDATE bookings SET status = 'cancelled' WHERE id = :id", id=campaign)
    assert await room.decided()
    assert await room.told() == [{"displaced": None, "strong": "outranked"}]
