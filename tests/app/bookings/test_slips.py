"""Slips: recorded in any case, and those behind asked to make way at no cost."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.bookings.models import Booking, BookingSource
from app.capacity.models import Approval, Slot
from app.core.clock import now
from app.core.database import transaction
from app.core.model import new_id, period
from tests.app.bookings.conftest import Headers, Market
from tests.support.world import day

FEE = 15_000_000


async def neighbour(
    market: Market, start: int, *, confirmed: bool = True, **given: Any
) -> tuple[dict[str, Any], Headers]:
    """A booking of another start-up, confirmed or only held."""
    startup, headers = await market.world.startup()
    product = await market.world.product(startup)
    body = {"slot_id": str(market.slot.id), "start": str(day(start)), "product_id": str(product.id), **given}
    held = await market.send("/v1/bookings", body, headers=headers, expect=201)
    return (await market.step(held, "confirm", by=headers) if confirmed else held), headers


async def slipped(market: Market, booking: dict[str, Any], end: int, **given: Any) -> dict[str, Any]:
    body = {"expected_end_on": str(day(end)), "reason_code": "equipment_failure", **given}
    return await market.send(f"/v1/bookings/{booking['id']}/slip", body, headers=market.seller, expect=201)


@pytest.fixture
async def row(market: Market) -> tuple[dict[str, Any], list[tuple[dict[str, Any], Headers]]]:
    """Days 0 to 43 are one start-up's, 43 to 86 and 90 to 133 two others'; the unit is open until day 200."""
    await market.world.slot(market.unit, 120, 200, approval=Approval.INSTANT)
    first = await market.confirmed(0)
    near = await neighbour(market, 43)
    far_slot = await market.world.slot(market.unit, 200, 300, approval=Approval.INSTANT)
    far = await neighbour(market, 205, slot_id=str(far_slot.id))
    return first, [near, far]


async def test_a_slip_carries_the_tag_of_the_booking(market: Market) -> None:
    booking = await market.confirmed(0)
    url = f"/v1/bookings/{booking['id']}"
    body = {"expected_end_on": str(day(53)), "reason_code": "equipment_failure"}
    seen = {**market.seller, "If-Match": f'"{booking["version"]}"'}
    made = await market.client.post(f"{url}/slip", json=body, headers=seen)
    assert made.headers["etag"] == (await market.client.get(url, headers=market.seller)).headers["etag"]
    assert made.headers["etag"] == f'"{booking["version"] + 1}"'
    seen["If-Match"] = made.headers["etag"]
    later = body | {"expected_end_on": str(day(60))}
    assert (await market.client.post(f"{url}/slip", json=later, headers=seen)).status_code == 201


async def test_a_slip_is_recorded_over_its_neighbour_and_asks_it_to_make_way(
    market: Market, row: tuple[dict[str, Any], list[tuple[dict[str, Any], Headers]]]
) -> None:
    first, [(near, near_owner), (_, far_owner)] = row
    made = await slipped(market, first, 53, reason_text="The bioreactor leaks.")
    [asked] = made["moves"]
    assert (asked["booking_id"], asked["status"], asked["cause"]) == (near["id"], "proposed", "equipment_failure")
    assert (asked["start"], asked["end"], asked["delivery_on"]) == (str(day(53)), str(day(96)), str(day(53 + 82)))
    read = await market.read(f"/v1/bookings/{first['id']}", market.buyer)
    assert (read["end"], read["expected_end_on"]) == (str(day(43)), str(day(53)))
    assert (read["delivery_on"], read["expected_delivery_on"]) == (str(day(82)), str(day(92)))
    # Each sees its own: the one behind what is asked of it, the one that slips nothing of the others.
    assert [one["id"] for one in (await market.read("/v1/slip-moves", near_owner))["items"]] == [asked["id"]]
    assert [one["id"] for one in (await market.read("/v1/slip-moves", market.seller))["items"]] == [asked["id"]]
    for headers in (far_owner, market.buyer, (await market.world.cdmo())[1]):
        assert (await market.read("/v1/slip-moves", headers))["items"] == []
    answer = await market.client.get(f"/v1/bookings/{first['id']}/slips", headers=market.buyer)
    assert answer.json()[0]["reason_text"] == "The bioreactor leaks."
    assert near["id"] not in answer.text
    unseen = await market.client.get("/v1/slip-moves", headers=near_owner)
    assert first["id"] not in unseen.text


async def test_whoever_makes_way_moves_at_once_on_its_own_terms_at_no_cost(
    market: Market, row: tuple[dict[str, Any], list[tuple[dict[str, Any], Headers]]]
) -> None:
    first, [(near, owner), _] = row
    [asked] = (await slipped(market, first, 53))["moves"]
    path = f"/v1/slip-moves/{asked['id']}"
    await market.send(f"{path}/accept", None, headers=market.seller, expect=403)
    await market.send(f"{path}/accept", None, headers=market.buyer, expect=404)
    accepted = await market.send(f"{path}/accept", None, headers=owner, expect=200)
    assert accepted["status"] == "accepted"
    moved = await market.read(f"/v1/bookings/{near['id']}", owner)
    assert (moved["start"], moved["end"], moved["delivery_on"]) == (str(day(53)), str(day(96)), str(day(53 + 82)))
    assert (moved["price_cents"], moved["status"]) == (near["price_cents"], "confirmed")
    assert await market.charges(owner) == [("reservation_fee", FEE)]
    assert (await market.read(f"/v1/bookings/{near['id']}/quote", owner))["free_moves_left"] == 1
    problem = await market.send(f"{path}/accept", None, headers=owner, expect=409)
    assert problem["slip_move_status"] == "accepted"


async def test_whoever_stays_says_why_and_a_new_slip_withdraws_what_the_last_one_asked(
    market: Market, row: tuple[dict[str, Any], list[tuple[dict[str, Any], Headers]]]
) -> None:
    first, [(near, owner), _] = row
    [asked] = (await slipped(market, first, 53))["moves"]
    [again] = (await slipped(market, first, 60))["moves"]
    states = {one["id"]: one["status"] for one in (await market.read("/v1/slip-moves", owner))["items"]}
    assert states == {asked["id"]: "withdrawn", again["id"]: "proposed"}
    await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=409)
    path = f"/v1/slip-moves/{again['id']}/decline"
    await market.send(path, {}, headers=owner, expect=422)
    declined = await market.send(path, {"reason_code": "delivery_too_late"}, headers=owner, expect=200)
    assert declined["status"] == "declined"
    assert (await market.read(f"/v1/bookings/{near['id']}", owner))["start"] == str(day(43))
    # Back in its plan, it asks for nothing.
    assert (await slipped(market, first, 43))["moves"] == []


async def test_of_two_that_push_each_other_the_last_one_makes_way_first(market: Market) -> None:
    first = await market.confirmed(0)
    near, near_owner = await neighbour(market, 43)
    later = await market.world.slot(market.unit, 120, 300, approval=Approval.INSTANT)
    far, far_owner = await neighbour(market, 120, slot_id=str(later.id))
    moves = {one["booking_id"]: one for one in (await slipped(market, first, 80))["moves"]}
    # Behind day 80 the first slot has no 43 days left: the next one goes to day 120, and pushes the last to day 163.
    assert {key: one["start"] for key, one in moves.items()} == {near["id"]: str(day(120)), far["id"]: str(day(163))}
    accept = f"/v1/slip-moves/{moves[near['id']]['id']}/accept"
    problem = await market.send(accept, None, headers=near_owner, expect=409)
    assert problem["type"] == "urn:creneau:problem:slot-taken"
    assert problem["in_the_way"] == [{"start": str(day(120)), "end": str(day(163))}]
    states = {one["status"] for one in (await market.read("/v1/slip-moves", near_owner))["items"]}
    assert states == {"proposed"}, "a refusal leaves it open"
    await market.send(f"/v1/slip-moves/{moves[far['id']]['id']}/accept", None, headers=far_owner, expect=200)
    await market.send(accept, None, headers=near_owner, expect=200)
    moved = await market.read(f"/v1/bookings/{near['id']}", near_owner)
    assert (moved["slot_id"], moved["start"]) == (str(later.id), str(day(120)))


async def test_what_cannot_be_proposed_says_why(market: Market) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    held = await market.hold(86 - 9, product_id=str(market.product.id), expect=409)
    assert held["in_the_way"]
    made = await slipped(market, first, 90)
    assert [(one["booking_id"], one["status"], one["unplaced_code"]) for one in made["moves"]] == [
        (near["id"], "unplaced", "no_place")
    ]
    [told] = (await market.read("/v1/slip-moves?status=unplaced", owner))["items"]
    problem = await market.send(f"/v1/slip-moves/{told['id']}/accept", None, headers=owner, expect=409)
    assert problem["slip_move_status"] == "unplaced"
    assert (await market.read(f"/v1/bookings/{near['id']}", owner))["start"] == str(day(43))
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Booking).where(col(Booking.id) == near["id"]).values(source=BookingSource.CRISIS))
    assert [one["unplaced_code"] for one in (await slipped(market, first, 91))["moves"]] == ["crisis_order"]


@pytest.mark.parametrize("approval", [Approval.INSTANT, Approval.BY_CDMO])
async def test_a_hold_in_the_way_is_asked_to_make_way_once_it_is_confirmed(market: Market, approval: Approval) -> None:
    later = await market.world.slot(market.unit, 120, 300, approval=Approval.INSTANT)
    first = await market.confirmed(0)
    if approval is Approval.BY_CDMO:
        await market.by_approval(market.slot)
    held, owner = await neighbour(market, 43, confirmed=False)
    far, _ = await neighbour(market, 130, slot_id=str(later.id))
    [told] = (await slipped(market, first, 60))["moves"]
    assert (told["status"], told["unplaced_code"]) == ("unplaced", "held")
    await market.step(held, "confirm", by=owner)
    [asked] = (await market.read("/v1/slip-moves", owner))["items"]
    assert (asked["id"], asked["status"], asked["unplaced_code"]) == (told["id"], "proposed", None)
    assert asked["version"] > told["version"]
    assert (asked["start"], asked["end"]) == (str(day(60)), str(day(103)))
    assert asked["delivery_on"] == str(day(60 + 82))
    await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=200)
    assert (await market.read(f"/v1/bookings/{held['id']}", owner))["start"] == str(day(60))
    assert (await market.read(f"/v1/bookings/{far['id']}", market.seller))["start"] == str(day(130))


async def test_a_hold_that_is_confirmed_goes_round_all_others_or_learns_that_there_is_no_place(market: Market) -> None:
    first = await market.confirmed(0)
    held, owner = await neighbour(market, 43, confirmed=False)
    later = await market.world.slot(market.unit, 120, 170, approval=Approval.INSTANT)
    far, _ = await neighbour(market, 125, slot_id=str(later.id))
    await slipped(market, first, 80)
    await market.step(held, "confirm", by=owner)
    [told] = (await market.read("/v1/slip-moves", owner))["items"]
    assert (told["status"], told["unplaced_code"], told["start"]) == ("unplaced", "no_place", None)
    assert (await market.read(f"/v1/bookings/{far['id']}", market.seller))["start"] == str(day(125))


async def test_two_slips_propose_no_days_twice(market: Market) -> None:
    """The second goes to the first place behind the two that are held; the third, of the one before it, behind that."""
    async with transaction(market.world.sessions) as session:
        await session.execute(update(Slot).values(period=period(day(0), day(400))))
    first, (second, owner) = await market.confirmed(0), await neighbour(market, 43)
    third, fourth = [await neighbour(market, start, confirmed=False) for start in (86, 129)]
    [asked] = (await slipped(market, first, 53))["moves"]
    assert (asked["booking_id"], asked["start"]) == (second["id"], str(day(172)))
    for held, headers in (third, fourth):
        await market.step(held, "confirm", by=headers)
    [beside] = (await slipped(market, third[0], 139))["moves"]
    assert (beside["booking_id"], beside["start"]) == (fourth[0]["id"], str(day(215)))
    for move, headers in ((asked, owner), (beside, fourth[1])):
        await market.send(f"/v1/slip-moves/{move['id']}/accept", None, headers=headers, expect=200)


async def test_a_booking_whose_move_led_into_the_way_is_asked_once_its_cdmo_has_approved(market: Market) -> None:
    later = await market.world.slot(market.unit, 120, 300, approval=Approval.INSTANT)
    first = await market.confirmed(0)
    booked, owner = await neighbour(market, 120, slot_id=str(later.id))
    await market.by_approval(market.slot)
    asking = await market.move(booked, 43, by=owner, slot_id=str(market.slot.id))
    [told] = (await slipped(market, first, 50))["moves"]
    assert (told["booking_id"], told["unplaced_code"]) == (asking["pending_move_id"], "move_awaits_cdmo")
    await market.step({"id": asking["pending_move_id"]}, "approve", by=market.seller)
    told, asked = (await market.read("/v1/slip-moves", owner))["items"]
    assert told["status"] == "withdrawn"
    assert (asked["booking_id"], asked["status"], asked["start"]) == (booked["id"], "proposed", str(day(50)))
    await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=200)
    assert (await market.read(f"/v1/bookings/{booked['id']}", owner))["start"] == str(day(50))


@pytest.mark.parametrize("how", ["moved", "started", "cancelled", "ended"])
async def test_a_proposal_ends_when_what_it_is_about_has_changed(market: Market, how: str) -> None:
    later = await market.world.slot(market.unit, 120, 300, approval=Approval.INSTANT)
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    [asked] = (await slipped(market, first, 53))["moves"]
    if how == "moved":
        await market.move(near, 200, by=owner, slot_id=str(later.id))
    elif how == "started":
        await market.begin(near)
    elif how == "cancelled":
        await market.step(near, "cancel", by=owner, reason_code="funding")
    else:
        await market.step(first, "cancel", by=market.buyer, reason_code="funding")
    [after] = (await market.read("/v1/slip-moves", owner))["items"]
    assert after["status"] == "withdrawn"
    await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=409)


async def test_what_has_run_out_is_neither_asked_nor_in_the_way_before_any_sweep(market: Market) -> None:
    first = await market.confirmed(0)
    near, owner = await neighbour(market, 43)
    await market.by_approval()
    slot = await market.world.slot(market.unit, 120, 300)
    far, _ = await neighbour(market, 120, slot_id=str(slot.id))
    [asked, pushed] = (await slipped(market, first, 80))["moves"]
    assert [asked["start"], pushed["booking_id"]] == [str(day(120)), far["id"]]
    async with transaction(market.world.sessions) as session:
        late = update(Booking).where(col(Booking.id) == far["id"]).values(approval_expires_at=now())
        await session.execute(late)
    [asked] = (await slipped(market, first, 80))["moves"]
    await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=200)
    assert (await market.read(f"/v1/bookings/{near['id']}", owner))["start"] == str(day(120))


async def test_what_was_not_approved_in_time_makes_no_way(market: Market) -> None:
    first = await market.confirmed(0)
    await market.by_approval()
    near, owner = await neighbour(market, 43)
    [asked] = (await slipped(market, first, 53))["moves"]
    async with transaction(market.world.sessions) as session:
        late = update(Booking).where(col(Booking.id) == near["id"]).values(approval_expires_at=now())
        await session.execute(late)
    problem = await market.send(f"/v1/slip-moves/{asked['id']}/accept", None, headers=owner, expect=409)
    assert problem["type"] == "urn:creneau:problem:approval-overdue"


async def test_a_slip_is_its_cdmos_and_of_what_is_booked(market: Market) -> None:
    held = await market.hold(0)
    body = {"expected_end_on": str(day(50)), "reason_code": "process"}
    problem = await market.step(held, "slip", by=market.seller, expect=409, **body)
    assert problem["allowed_in"] == ["confirmed", "in_production"]
    booked = await market.step(held, "confirm", by=market.buyer)
    await market.step(booked, "slip", by=market.buyer, expect=403, **body)
    problem = await market.step(
        booked, "slip", by=market.seller, expect=422, **(body | {"expected_end_on": str(day(0))})
    )
    assert problem["errors"][0]["pointer"] == "/expected_end_on"
    await market.send(f"/v1/slip-moves/{new_id()}/accept", None, headers=market.buyer, expect=404)
