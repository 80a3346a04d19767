"""What either side sees of a market through the interface, and what it should see by the model."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from tests.machine.model import Model
from tests.machine.money import resale_credit_bounds
from tests.machine.stage import Headers, Scene
from tests.machine.things import Booking, iso

Told = dict[str, Any]
LIMIT = "limit=200"
OF_OTHERS = frozenset({"version", "pending_move_id"})
"""What tells no change of the booking itself."""
CONFIDENTIAL = ("product_id", "product_code_name")
SHOWN = (
    "unit_id", "start", "end", "status", "divisible", "approval", "reserve", "effective_reserve", "free",
    "cdmo_cancellation_percent",
)  # fmt: skip
FEES = frozenset({"reservation_fee", "cancellation_fee"})


def questions(scene: Scene, turn: int | None, *, proposals: bool) -> dict[str, tuple[str, Headers]]:
    """What is read after a step, by name.

    Its CDMO sees every booking, charge and slot there is: that is read after each step. What its start-ups see is read
    in turn after one step and another, and all of it, with no turn given, after the last one.
    """
    asked = {
        "bookings": (f"/v1/bookings?{LIMIT}", scene.seller),
        "charges": (f"/v1/charges?{LIMIT}", scene.seller),
        "slots": (f"/v1/slots?{LIMIT}", scene.seller),
    }
    if proposals:
        asked["asked"] = (f"/v1/slip-moves?{LIMIT}", scene.seller)
    own = {"shown": (f"/v1/slots?{LIMIT}&region={scene.region}", scene.buyers[0])}
    for number, buyer in enumerate(scene.buyers):
        for what in ("bookings", "charges", "requests"):
            own[f"{what} {number}"] = (f"/v1/{what}?{LIMIT}", buyer)
    if turn is None:
        return asked | own
    name = list(own)[turn % len(own)]
    return asked | {name: own[name]}


def require_as_modelled(model: Model, scene: Scene, seen: Mapping[str, list[Told]]) -> None:
    """Compare all that is seen with the model."""
    told = {one["id"]: one for one in seen["bookings"]}
    assert told.keys() == {one.id for one in model.bookings}
    for booking in model.bookings:
        _require_booking(model, scene, booking, told[booking.id])
    for number in range(len(scene.buyers)):
        _require_own(model, scene, number, seen, told)
    _require_slots(model, seen)
    _require_no_overlap(seen["bookings"], model)
    _require_charges(model, scene, seen["charges"])
    proposals = {one["id"]: one["status"] for one in seen.get("asked", ())}
    for one in model.proposals:
        if not (one.asked.unswept or one.slipped.unswept):
            assert proposals[one.id] == one.status, f"slip move {one.id}"


def _require_booking(model: Model, scene: Scene, booking: Booking, told: Told) -> None:
    """Compare one booking; one that has run out may still be shown as it was before, until it is noted."""
    if booking.unswept and told["status"] in {"held", "awaiting_cdmo"}:
        status, ended = told["status"], None
        runs_out = told["hold_expires_at"] or told["approval_expires_at"]
        assert datetime.fromisoformat(runs_out) <= model.now(), "it has not run out"
    else:
        status, ended, booking.unswept = booking.status, booking.ended, False
    pending = model.pending_of(booking)
    place, slot = booking.place, booking.place.slot
    expected = {
        "status": status,
        "ended_reason_code": ended,
        "organisation_id": scene.owners[booking.owner],
        "request_id": booking.request.id,
        "cdmo_id": scene.cdmo,
        "unit_id": slot.unit,
        "line_id": scene.line[slot.unit],
        "slot_id": slot.id,
        "start": iso(place.days.start),
        "end": iso(place.days.end),
        "delivery_on": iso(place.delivery),
        "batches": place.batches,
        "price_cents": place.price_cents,
        "instant": place.instant,
        "reserve": place.reserve,
        "source": booking.source,
        "contract_status": booking.contract,
        "moves_id": booking.moves and booking.moves.id,
        "repeats_id": booking.repeats and booking.repeats.id,
        "expected_end_on": _day(booking.expected_end),
        "actual_start_on": _day(booking.actual_start),
        "actual_end_on": _day(booking.actual_end),
        "batches_released": booking.released,
        "failure_cause": booking.cause,
    }
    if not any(one.unswept for one in model.bookings if one.moves is booking):
        expected["pending_move_id"] = pending and pending.id
    found = {name: told[name] for name in expected}
    assert found == expected, f"booking {booking.id}: {_difference(expected, found)}"


def _require_own(
    model: Model, scene: Scene, number: int, seen: Mapping[str, list[Told]], told: Mapping[str, Told]
) -> None:
    """A start-up sees its own bookings, charges and requests, all of them and no others'."""
    mine = {one.id for one in model.bookings if one.owner == number}
    if (bookings := seen.get(f"bookings {number}")) is not None:
        assert {one["id"] for one in bookings} == mine, (
            f"start-up {number} sees others' bookings, or not all of its own"
        )
        for one in bookings:
            other = told[one["id"]]
            assert one["product_id"] == scene.products[number]
            assert [other[name] for name in CONFIDENTIAL] == [None, None], "its CDMO is told which product it is"
            assert {**one, **dict.fromkeys(CONFIDENTIAL)} == other
    if (charges := seen.get(f"charges {number}")) is not None:
        assert charges == [one for one in seen["charges"] if one["booking_id"] in mine]
    if (requests := seen.get(f"requests {number}")) is not None:
        _require_requests(model, number, {one["id"]: one["status"] for one in requests})


def _require_requests(model: Model, number: int, told: Mapping[str, str]) -> None:
    """Compare the statuses of requests; one whose booking has run out counts as booked until that is noted."""
    expected = {one.id: one.status for one in model.requests if one.owner == number}
    assert told.keys() == expected.keys()
    unnoted = {one.request.id for one in model.bookings if one.unswept}
    found = {key: expected[key] if key in unnoted and status == "booked" else status for key, status in told.items()}
    assert found == expected, f"requests: {_difference(expected, found)}"


def _require_slots(model: Model, seen: Mapping[str, list[Told]]) -> None:
    """A CDMO sees its slots in any status, a buyer those that are published; of each what is free."""
    expected = {
        one.id: {
            "unit_id": one.unit,
            "start": iso(one.days.start),
            "end": iso(one.days.end),
            "status": one.status,
            "divisible": not one.whole,
            "approval": "instant" if one.instant else "by_cdmo",
            "reserve": one.reserve,
            "effective_reserve": one.reserve_on(model.today()),
            "free": [free.told() for free in model.free(one)],
            "cdmo_cancellation_percent": model.cdmo_percents[one.unit],
        }
        for one in model.slots
    }
    published = {key: one for key, one in expected.items() if one["status"] == "published"}
    for name, wanted in (("slots", expected), ("shown", published)):
        if name not in seen:
            continue
        found = {one["id"]: {field: one[field] for field in SHOWN} for one in seen[name]}
        assert found == wanted, f"{name}: {_difference(wanted, found)}"


def _require_no_overlap(told: list[Told], model: Model) -> None:
    """No two live bookings of a unit share a day: what is seen, the model apart."""
    live = {one.id for one in model.bookings if one.live and one.moves is None}
    spans = sorted((one["unit_id"], one["start"], one["end"]) for one in told if one["id"] in live)
    for before, after in pairwise(spans):
        assert before[0] != after[0] or before[2] <= after[1], f"{before} and {after} overlap"


def _require_charges(model: Model, scene: Scene, charges: list[Told]) -> None:
    sums: dict[tuple[str, str], int] = {}
    owners = {one.id: scene.owners[one.owner] for one in model.bookings}
    for one in charges:
        sides, owner = (one["organisation_id"], one["counterparty_id"]), owners[one["booking_id"]]
        assert sides in {(owner, scene.cdmo), (scene.cdmo, owner)}
        kind = "fees" if one["kind"] in FEES else one["kind"]
        if sides[0] == scene.cdmo:
            kind = f"{one['kind']} of the CDMO"
        key = (one["booking_id"], kind)
        sums[key] = sums.get(key, 0) + one["amount_cents"]
    for booking in model.bookings:
        expected = {
            "fees": booking.fees_cents,
            "move_fee": booking.moves_cents,
            "price": booking.price_cents,
            "cancellation_fee of the CDMO": booking.owed_cents,
        }
        found = {kind: sums.pop((booking.id, kind), 0) for kind in expected}
        assert found == expected, f"charges of booking {booking.id}: {_difference(expected, found)}"
        credit = -sums.pop((booking.id, "resale_credit"), 0)
        least, most = resale_credit_bounds(booking)
        assert least <= credit <= most, f"resale credit of booking {booking.id}: {credit}, not {least} to {most}"
    assert not sums, f"charges that nothing explains: {sums}"


def require_versions(known: dict[str, tuple[int, Told]], bookings: list[Told]) -> None:
    """A booking's version rises when what is told of it changes, and stays when nothing does; days may have passed."""
    for told in bookings:
        version = told["version"]
        rest = {name: told[name] for name in told.keys() - OF_OTHERS}
        before = known.get(told["id"])
        if before is not None:
            assert (version > before[0]) == (rest != before[1]), f"version {version} of booking {told['id']}"
        known[told["id"]] = version, rest


def _day(day: int | None) -> str | None:
    return None if day is None else iso(day)


def _difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    keys = expected.keys() | found.keys()
    return {
        key: f"expected {expected.get(key)}, found {found.get(key)}"
        for key in sorted(keys, key=str)
        if expected.get(key) != found.get(key)
    }
