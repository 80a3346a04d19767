"""When a crisis ends, those whom it displaced are offered their places back before anybody else."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import now
from app.core.database import transaction
from app.core.jobs import Entrypoint
from app.core.vocabulary import Reserve
from app.crisis.taking_back import expire_restorations
from app.requests.models import RequestStatus
from tests.app.crisis.conftest import CONTESTED_TARGET, Contested, Crises, booked, contested, iso, maker, power, scalar
from tests.support.jobs import queue
from tests.support.world import World, day

pytestmark = pytest.mark.database

REQUEST = "SELECT r.status FROM requests r JOIN bookings b ON b.request_id = r.id WHERE b.id = :id"
BOOKINGS = "SELECT source, status, lower(period)::text FROM bookings ORDER BY source, lower(period), status"


async def rows(owner: AsyncEngine, query: str) -> list[Any]:
    async with owner.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def do(owner: AsyncEngine, statement: str, **parameters: Any) -> None:
    async with owner.begin() as connection:
        await connection.execute(text(statement), parameters)


async def displaced(crises: Crises, place: Contested, **given: Any) -> str:
    """Have the first lot of a contested place give way, and return the crisis that still lasts."""
    crisis_id, _ = await crises.activated(**{"targets": CONTESTED_TARGET, **given})
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    return crisis_id


async def without_room(world: World) -> Contested:
    """Store an open slot [0, 143) with the same two lots: whoever gives way to a crisis finds no other place."""
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 143, reserve=Reserve.OPEN)
    return Contested(made, slot, await booked(world, slot, 20, 63), await booked(world, slot, 100, 143))


@pytest.mark.parametrize("takes_the_other", [True, False])
async def test_a_moved_lot_gets_its_own_place_back_and_leaves_the_other_at_no_charge(
    crises: Crises, world: World, owner: AsyncEngine, *, takes_the_other: bool
) -> None:
    """Whether it has taken the other one, or has not answered about it yet: that question is closed with it."""
    place = await contested(world)
    crisis_id = await displaced(crises, place)
    [gone] = (await crises.get(f"/{crisis_id}/displacements", by=place.first.headers))["items"]
    if takes_the_other:
        await crises.post(f"/{crisis_id}/displacements/{gone['id']}/accept", by=place.first.headers)
    slots = await rows(owner, "SELECT * FROM slots ORDER BY id")
    await crises.post(f"/{crisis_id}/stand-down")
    [offer] = (await crises.get(f"/{crisis_id}/restorations", by=place.first.headers))["items"]
    assert (offer["status"], offer["start"], offer["end"], offer["position"]) == ("offered", iso(20), iso(63), 1)
    assert ("replacement", "held", iso(20)) in await rows(owner, BOOKINGS)
    path = f"/{crisis_id}/restorations/{offer['id']}/accept"
    taken = await crises.post(path, by=place.first.headers)
    assert (taken["status"], taken["booking_id"]) == ("accepted", offer["booking_id"])
    assert [row for row in await rows(owner, BOOKINGS) if row[0] != "crisis"] == [
        ("direct", "displaced", iso(20)),
        ("direct", "confirmed", iso(100)),
        ("replacement", "confirmed", iso(20)),
        ("replacement", "cancelled" if takes_the_other else "released", iso(143)),
    ]
    answer = "accepted" if takes_the_other else "declined"
    assert await rows(owner, "SELECT answer, compensation_cents FROM displacements") == [(answer, 10_000_000)]
    restored = "SELECT replaced_by_id::text FROM bookings WHERE status = 'displaced'"
    assert await scalar(owner, restored) == offer["booking_id"]
    assert await scalar(owner, "SELECT status FROM requests WHERE id = :id", id=place.first.booking.request_id) == (
        "booked"
    )
    assert await rows(owner, "SELECT * FROM slots ORDER BY id") == slots
    await crises.post(path, by=place.first.headers, expect=409)


async def test_nobody_else_books_what_is_offered_back_and_those_who_wait_come_after(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await without_room(world)
    crisis_id = await displaced(crises, place)
    startup, headers = await world.startup()
    waiting = await world.request(await world.product(startup), status=RequestStatus.WAITLISTED, waiting_since_at=now())
    await crises.post(f"/{crisis_id}/stand-down")
    hold = {"slot_id": str(place.slot.id), "request_id": str(waiting.id), "start": iso(20)}
    taken = await crises.client.post("/v1/bookings", json=hold, headers=headers)
    assert (taken.status_code, taken.json()["type"].rsplit(":", 1)[-1]) == (409, "slot-taken")
    offered = "SELECT count(*) FROM freed_periods WHERE reason_code = 'offer_declined'"
    assert await scalar(owner, offered) == 0
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    path = f"/{crisis_id}/restorations/{offer['id']}"
    declined = await crises.post(f"{path}/decline", by=place.first.headers)
    assert declined["status"] == "declined"
    assert await scalar(owner, offered) == 1
    assert (Entrypoint.WAITING, "queued") in await queue(world.sessions)
    assert await scalar(owner, "SELECT sum(amount_cents) FROM charges WHERE kind = 'displacement_compensation'") == 0
    await crises.post(f"{path}/accept", by=place.first.headers, expect=409)


async def test_an_offer_that_nobody_answers_ends_before_anybody_else_may_book(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await without_room(world)
    crisis_id = await displaced(crises, place)
    await crises.post(f"/{crisis_id}/stand-down")
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    later = "SELECT hold_expires_at > :at::timestamptz FROM bookings WHERE status = 'held'"
    assert await scalar(owner, later.replace(":at", f"'{offer['respond_by_at']}'")) is True
    async with transaction(world.sessions) as session:
        assert await expire_restorations(session) == 0
    await do(owner, "UPDATE restorations SET respond_by_at = now() - interval '1 minute'")
    over = await crises.post(f"/{crisis_id}/restorations/{offer['id']}/accept", by=place.first.headers, expect=409)
    assert over["type"].endswith("offer-over")
    async with transaction(world.sessions) as session:
        assert await expire_restorations(session) == 1
    assert (await crises.get(f"/{crisis_id}/restorations"))["items"][0]["status"] == "expired"
    assert await scalar(owner, "SELECT count(*) FROM bookings WHERE status = 'held'") == 0
    async with transaction(world.sessions) as session:
        assert await expire_restorations(session) == 0


async def test_two_displaced_are_offered_back_in_the_order_of_their_tiers(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """Four batches by day 103 take 91 days and 3: over both lots of [0, 120); the later lot has the first tier."""
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 120, reserve=Reserve.OPEN)
    early, late = await booked(world, slot, 20, 63), await booked(world, slot, 63, 106)
    crisis_id, _ = await crises.activated(targets=[{"by": iso(150), "quantity": 80_000}])
    for order in (await crises.get(f"/{crisis_id}/orders"))["items"]:
        await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=made.headers)
    for tier, one in ((1, late), (2, early)):
        await do(
            owner, "UPDATE requests SET priority_tier = :tier WHERE id = :id", tier=tier, id=one.booking.request_id
        )
    await crises.post(f"/{crisis_id}/stand-down")
    offers = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    told = {one["organisation_id"]: (one["position"], one["status"], one["start"]) for one in offers}
    assert told == {
        str(late.startup.id): (1, "offered", iso(63)),
        str(early.startup.id): (2, "offered", iso(20)),
    }
    kinds = "SELECT organisation_id::text FROM crisis_notices WHERE kind = 'place_offered_back' ORDER BY id"
    assert await rows(owner, kinds) == [(str(late.startup.id),), (str(early.startup.id),)]


async def test_who_has_the_same_days_on_offer_waits_for_the_answer_before(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """The second lot is told to have been displaced too, from days that share some with the first one's."""
    place = await without_room(world)
    crisis_id = await displaced(crises, place)
    await do(
        owner,
        "UPDATE bookings SET status = 'displaced', displaced_at = now(), period = daterange(:start, :end),"
        " ended_reason_code = 'crisis_displaced' WHERE id = :id",
        start=day(40),
        end=day(83),
        id=place.second.booking.id,
    )
    await do(
        owner,
        "INSERT INTO displacements (id, crisis_id, order_id, booking_id, kind, status, compensation_cents,"
        " effective_at) SELECT gen_random_uuid(), crisis_id, order_id, :id, kind, status, 0, now() FROM displacements",
        id=place.second.booking.id,
    )
    await do(owner, "UPDATE slots SET period = daterange(:start, :end)", start=day(0), end=day(100))
    await crises.post(f"/{crisis_id}/stand-down")
    first, second = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    assert [(one["status"], one["start"]) for one in (first, second)] == [("offered", iso(20)), ("waiting", iso(40))]
    own = (await crises.get(f"/{crisis_id}/restorations", by=place.second.headers))["items"]
    assert [one["id"] for one in own] == [second["id"]]
    accept = f"/{crisis_id}/restorations/{second['id']}/accept"
    await crises.post(accept, by=place.second.headers, expect=409)
    await crises.post(accept, by=place.first.headers, expect=404)
    await crises.post(f"/{crisis_id}/restorations/{first['id']}/decline", by=place.first.headers)
    offers = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    assert [(one["status"], one["start"]) for one in offers] == [("declined", iso(20)), ("offered", iso(40))]
    await crises.post(accept, by=place.second.headers)


async def test_where_a_campaign_goes_on_the_rest_of_the_place_is_offered_back(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await without_room(world)
    crisis_id = await displaced(crises, place)
    await do(
        owner, "UPDATE bookings SET status = 'in_production', actual_start_on = lower(period) WHERE source = 'crisis'"
    )
    await crises.post(f"/{crisis_id}/stand-down")
    ends = await scalar(owner, "SELECT upper(period) FROM bookings WHERE source = 'crisis'")
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    assert (offer["status"], offer["start"]) == ("offered", ends.isoformat())
    assert offer["delivery_on"] > place.first.booking.delivery_on.isoformat()
    assert await scalar(owner, "SELECT status FROM bookings WHERE source = 'crisis'") == "in_production"
    assert (await crises.order_of(crisis_id))["status"] == "accepted"
    assert await scalar(owner, "SELECT sum(amount_cents) FROM charges WHERE kind = 'crisis_order'") == 100_000_000


async def test_a_lot_whose_replacement_has_started_stays_there(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id = await displaced(crises, place)
    await do(
        owner,
        "UPDATE bookings SET status = 'in_production', hold_expires_at = NULL, actual_start_on = lower(period)"
        " WHERE source = 'replacement'",
    )
    await crises.post(f"/{crisis_id}/stand-down")
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    assert (offer["status"], offer["reason_code"]) == ("unavailable", "replacement_started")


@pytest.mark.parametrize("keeps_the_other", [True, False])
@pytest.mark.parametrize("verb", ["accept", "decline"])
async def test_a_lot_waits_only_once_both_its_places_are_given_up(
    crises: Crises, world: World, owner: AsyncEngine, verb: str, *, keeps_the_other: bool
) -> None:
    place = await contested(world)
    crisis_id = await displaced(crises, place)
    await crises.post(f"/{crisis_id}/stand-down")
    if not keeps_the_other:
        [gone] = (await crises.get(f"/{crisis_id}/displacements", by=place.first.headers))["items"]
        await crises.post(f"/{crisis_id}/displacements/{gone['id']}/decline", by=place.first.headers)
    assert await scalar(owner, REQUEST, id=place.first.booking.id) == RequestStatus.BOOKED
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    await crises.post(f"/{crisis_id}/restorations/{offer['id']}/{verb}", by=place.first.headers)
    waits = verb == "decline" and not keeps_the_other
    status = RequestStatus.WAITLISTED if waits else RequestStatus.BOOKED
    assert await scalar(owner, REQUEST, id=place.first.booking.id) == status


async def test_a_drill_offers_back_on_paper_alone(crises: Crises, world: World, owner: AsyncEngine) -> None:
    place = await contested(world)
    crisis_id = await displaced(crises, place, mode="drill", powers=[power("exercise")])
    await crises.post(f"/{crisis_id}/stand-down", {"reason_code": "exercise_over"})
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    assert (offer["status"], offer["booking_id"], offer["start"]) == ("offered", None, iso(20))
    await crises.get(f"/{crisis_id}/restorations", by=place.first.headers, expect=404)
    accept = f"/{crisis_id}/restorations/{offer['id']}/accept"
    await crises.post(accept, by=place.first.headers, expect=404)
    await crises.post(accept, expect=403)
    assert await scalar(owner, "SELECT count(*) FROM bookings WHERE crisis_id IS NOT NULL") == 0


async def test_the_trail_has_every_step(crises: Crises, world: World, owner: AsyncEngine) -> None:
    place = await contested(world)
    crisis_id = await displaced(crises, place)
    await crises.post(f"/{crisis_id}/stand-down")
    [offer] = (await crises.get(f"/{crisis_id}/restorations"))["items"]
    await crises.post(f"/{crisis_id}/restorations/{offer['id']}/accept", by=place.first.headers)
    steps = [row[0] for row in await rows(owner, "SELECT action FROM audit_records ORDER BY id")]
    ordered = [
        "crisis_order.released",
        "crisis.ledger_closed",
        "crisis.stood_down",
        "restoration.waiting",
        "restoration.offered",
        "crisis_notice.sent",
        "booking.restored",
        "restoration.accepted",
    ]
    at = steps.index("crisis_order.accepted")
    for step in ordered:
        at = steps.index(step, at)
