"""A booked request that wants an earlier place: offered only what is earlier, and its own goes to the next."""

import pytest

from app.capacity.models import Approval
from tests.app.allocation.waiting_room import Room, days_of
from tests.support.world import day

pytestmark = pytest.mark.database

FEE = 15_000_000


@pytest.fixture
async def wide(room: Room) -> Room:
    """A slot of 150 days, with `holder` at its beginning and `mover` from day 60 on."""
    await room.sql("UPDATE slots SET period = '[2030-01-01,2030-05-31)'")
    return room


async def wish(room: Room, name: str, *, expect: int = 200, **given: object) -> None:
    answer = await room.client.patch(
        f"/v1/requests/{room.id_of(name)}", json={"wants_earlier": True, **given}, headers=room.headers[name]
    )
    assert answer.status_code == expect, answer.text


async def test_a_chain_of_earlier_places(wide: Room) -> None:
    """`holder` cancels, `mover` takes its days and leaves its own, and these go to `third`, which starts late."""
    first, later = await wide.book("holder"), await wide.book("mover", 60)
    await wish(wide, "mover")
    await wide.wait("third", earliest_on=day(60), latest_delivery_on=day(150))
    await wide.cancel("holder", first)
    assert await wide.decided()
    [offer] = await wide.offers("mover")
    assert days_of(offer) == (day(0), day(43))
    assert offer["replaces_booking_id"] == later
    assert await wide.status("mover") == "booked"

    accepted = await wide.answer("mover", "accept")
    assert accepted["booking_status"] == "confirmed"
    left = await wide.get("mover", f"/v1/bookings/{later}")
    assert (left["status"], left["ended_reason_code"]) == ("cancelled", "moved_earlier")
    assert left["replaced_by_id"] == offer["booking_id"]
    charges = (await wide.get("mover", "/v1/charges"))["items"]
    assert [one["amount_cents"] for one in charges] == [FEE, FEE, -FEE]
    own = await wide.get("mover", f"/v1/requests/{wide.id_of('mover')}")
    assert (own["status"], own["wants_earlier"], own["waiting_since_at"]) == ("booked", False, None)

    assert await wide.decided()
    [offer] = await wide.offers("third")
    assert days_of(offer) == (day(60), day(103))
    assert await wide.told() == [{"mover": None, "third": "slot_taken"}, {"third": None}]


async def test_the_present_place_stays_until_the_cdmo_has_approved_the_earlier_one(wide: Room) -> None:
    await wide.sql("UPDATE slots SET approval = :how", how=Approval.BY_CDMO.value)
    first = await wide.book("holder")
    await wide.post(wide.seller, f"/v1/bookings/{first}/approve")
    later = await wide.book("mover", 60)
    await wide.post(wide.seller, f"/v1/bookings/{later}/approve")
    await wish(wide, "mover")
    await wide.sql("UPDATE line_modalities SET is_standard = false")
    await wide.sql(
        "INSERT INTO feasibilities (id, request_id, line_id, disclosed_summary, consented_at, status, origin)"
        " SELECT gen_random_uuid(), r.id, l.id, 's', now(), 'feasible', 'real' FROM requests r, production_lines l"
    )
    await wide.cancel("holder", first)
    assert await wide.decided()
    accepted = await wide.answer("mover", "accept")
    assert accepted["booking_status"] == "awaiting_cdmo"
    assert (await wide.get("mover", f"/v1/bookings/{later}"))["status"] == "confirmed"
    assert await wide.status("mover") == "booked"
    await wide.post(wide.seller, f"/v1/bookings/{accepted['booking_id']}/approve")
    left = await wide.get("mover", f"/v1/bookings/{later}")
    assert (left["status"], left["ended_reason_code"]) == ("cancelled", "moved_earlier")
    assert sum(one["amount_cents"] for one in (await wide.get("mover", "/v1/charges"))["items"]) == FEE


async def test_a_refused_earlier_place_leaves_the_present_one_as_it_was(wide: Room) -> None:
    first, later = await wide.book("holder"), await wide.book("mover", 60)
    await wish(wide, "mover")
    await wide.cancel("holder", first)
    assert await wide.decided()
    [offer] = await wide.offers("mover")
    await wide.sql("UPDATE bookings SET terms = terms || '{\"instant\": false}' WHERE id = :id", id=offer["booking_id"])
    await wide.answer("mover", "accept")
    await wide.post(wide.seller, f"/v1/bookings/{offer['booking_id']}/decline", {"reason_code": "planning"})
    assert (await wide.get("mover", f"/v1/bookings/{later}"))["status"] == "confirmed"
    own = await wide.get("mover", f"/v1/requests/{wide.id_of('mover')}")
    assert (own["status"], own["wants_earlier"]) == ("booked", True)
    assert not await wide.decided()
    assert (await wide.told())[-1] == {"mover": "refused_by_cdmo"}


async def test_what_is_not_earlier_or_too_late_to_be_worth_it_is_not_offered(wide: Room) -> None:
    first, last = await wide.book("mover", 20), await wide.book("holder", 63)
    await wide.book("choosy", 107)
    await wish(wide, "mover")
    await wish(wide, "choosy", earlier_until_on=str(day(130)))
    await wide.cancel("holder", last)
    assert not await wide.decided()
    assert await wide.told() == [{"mover": "not_earlier", "choosy": "not_earlier"}]
    assert await wide.scalar("SELECT count(*) FROM bookings WHERE id = :id AND status = 'confirmed'", id=first) == 1


async def test_declining_keeps_the_wish_and_silence_ends_it(wide: Room) -> None:
    first = await wide.book("holder")
    await wide.book("mover", 100)
    await wish(wide, "mover")
    await wide.cancel("holder", first)
    assert await wide.decided()
    await wide.answer("mover", "decline")
    assert (await wide.get("mover", f"/v1/requests/{wide.id_of('mover')}"))["wants_earlier"]
    assert await wide.decided()
    [offer] = await wide.offers("mover")
    assert days_of(offer)[0] >= day(43)
    await wide.run_out()
    await wide.expired()
    own = await wide.get("mover", f"/v1/requests/{wide.id_of('mover')}")
    assert (own["status"], own["wants_earlier"]) == ("booked", False)


async def test_only_a_booked_request_wants_an_earlier_place(room: Room) -> None:
    await room.ask("one")
    await wish(room, "one", expect=409)
    await room.book("one")
    await wish(room, "one", earlier_until_on="2030-03-01")
    path = f"/v1/requests/{room.id_of('one')}"
    own = await room.get("one", path)
    assert (own["wants_earlier"], own["earlier_until_on"]) == (True, "2030-03-01")
    for body, status in (
        ({"wants_earlier": False, "earlier_until_on": "2030-03-01"}, 422),
        ({"wants_earlier": None}, 422),
        ({"budget_cents": 5}, 409),
        ({"wants_earlier": False}, 200),
    ):
        answer = await room.client.patch(path, json=body, headers=room.headers["one"])
        assert answer.status_code == status, (body, answer.text)
    own = await room.get("one", path)
    assert (own["wants_earlier"], own["earlier_until_on"], own["waiting_since_at"]) == (False, None, None)


async def test_a_wish_ends_with_the_place(room: Room) -> None:
    booking = await room.book("one")
    await wish(room, "one")
    await room.cancel("one", booking)
    own = await room.get("one", f"/v1/requests/{room.id_of('one')}")
    assert (own["status"], own["wants_earlier"]) == ("submitted", False)


async def test_one_offer_one_approval_one_hold_at_a_time(wide: Room) -> None:
    first, second = await wide.book("holder"), await wide.book("neighbour", 43)
    later = await wide.book("mover", 100)
    await wish(wide, "mover")
    await wide.cancel("holder", first)
    assert await wide.decided()
    await wide.cancel("neighbour", second)
    assert not await wide.decided()
    assert (await wide.told())[-1] == {"mover": "offer_pending"}

    [offer] = await wide.offers("mover")
    await wide.sql("UPDATE bookings SET terms = terms || '{\"instant\": false}' WHERE id = :id", id=offer["booking_id"])
    await wide.answer("mover", "accept")
    await wide.cancel("third", await wide.book("third", 43))
    assert not await wide.decided()
    assert (await wide.told())[-1] == {"mover": "approval_pending"}

    await wide.wait("fourth")
    body = {"slot_id": str(wide.slot.id), "start": str(day(43)), "request_id": wide.id_of("fourth")}
    await wide.post("fourth", "/v1/bookings", body, expect=201)
    await wide.cancel("mover", later)
    assert not await wide.decided()
    assert (await wide.told())[-1] == {"mover": "approval_pending", "fourth": "holds_a_place"}


async def test_once_production_has_begun_no_earlier_place_is_offered_or_taken(wide: Room) -> None:
    first, later = await wide.book("holder"), await wide.book("mover", 100)
    await wish(wide, "mover")
    await wide.cancel("holder", first)
    assert await wide.decided()
    await wide.sql("UPDATE bookings SET status = 'in_production' WHERE id = :id", id=later)
    problem = await wide.answer("mover", "accept", expect=409)
    assert problem["type"] == "urn:creneau:problem:wrong-status"
    await wide.answer("mover", "decline")
    assert not await wide.decided()
    assert (await wide.told())[-1] == {"mover": "in_production"}
