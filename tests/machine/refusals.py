"""What stands against a step, by problem type, as the design says it.

Where several things do, the service may tell any of them: the order in which it looks is its own affair.
"""

from collections.abc import Mapping

from tests.machine.model import Model
from tests.machine.things import (
    Booking,
    Days,
    Place,
    Proposal,
    Request,
    Slot,
    Verdict,
    campaign_days,
)

STATUSES = {
    "approval-overdue": 409,
    "hold-expired": 409,
    "idempotency-key-reused": 422,
    "in-the-past": 422,
    "invalid-input": 422,
    "move-pending": 409,
    "not-allowed": 403,
    "not-eligible": 409,
    "not-found": 404,
    "other-cdmo": 409,
    "outside-slot": 422,
    "own-days": 409,
    "request-already-booked": 409,
    "same-place": 422,
    "slip-move-answered": 409,
    "slot-asked-for": 409,
    "slot-booked": 409,
    "slot-not-published": 409,
    "slot-overlap": 409,
    "slot-taken": 409,
    "slot-whole": 409,
    "stale": 412,
    "too-late-to-approve": 409,
    "wrong-status": 409,
}
"""The status of the answer that goes with a problem type."""


def place_faults(model: Model, place: Place, owner: int, *, own: Booking | None = None) -> set[str]:
    """What stands against a campaign in a place, whoever it is for; `own` is the booking that would move there."""
    slot, found = place.slot, set()
    if slot.status == "draft":
        return {"not-found"}
    if slot.status != "published":
        found.add("slot-not-published")
    if place.days.start < model.today():
        found.add("in-the-past")
    if not slot.days.holds(place.days):
        found.add("outside-slot")
    if slot.days.number < campaign_days(place.batches):
        found.add("not-eligible")
    if place.reserve == "startup" and not model.french[owner]:
        found.add("not-eligible")
    others = [one for one in model.live_on(slot.unit) if one is not own]
    taken = [*(one.occupies for one in others), *model.kept_on(slot.unit, own)]
    if any(days.meets(place.days) for days in taken):
        found |= {"slot-taken", "slot-whole"} if slot.whole else {"slot-taken"}
    if slot.whole and any(one.place.slot is slot for one in others):
        found.add("slot-whole")
    return found


def hold(model: Model, place: Place, owner: int, request: Request | None) -> Verdict:
    """A request has its own days, and one live booking at most; without one, any day will do."""
    against = place_faults(model, place, owner)
    if not place.instant and place.days.start <= model.today():
        against.add("too-late-to-approve")
    if request is not None:
        if place.days.start < request.earliest or request.latest < place.delivery:
            against.add("not-eligible")
        if model.live_of(request) is not None or request.status not in {"submitted", "draft"}:
            against.add("request-already-booked")
    return Verdict(frozenset(against))


def confirm(model: Model, booking: Booking) -> Verdict:
    if booking.status == "expired":
        return Verdict.of("hold-expired")
    if booking.status != "held":
        return Verdict.of("wrong-status")
    late = not booking.place.instant and booking.place.days.start <= model.today()
    return Verdict.of("too-late-to-approve" if late else None)


def leave(booking: Booking, *statuses: str) -> Verdict:
    """Release, decline and cancel; what has run out has ended, but may still be let go of before that is noted."""
    if booking.status in statuses:
        return Verdict.of()
    return Verdict(frozenset({"wrong-status"}), either=booking.unswept)


def approve(model: Model, booking: Booking) -> Verdict:
    if booking.status == "declined" and booking.ended == "approval_overdue":
        return Verdict.of("approval-overdue")
    if booking.status != "awaiting_cdmo":
        return Verdict.of("wrong-status")
    # The slot may have been split between the present days and the new ones.
    astray = booking.moves is not None and not booking.place.slot.days.holds(booking.place.days)
    return Verdict.of("outside-slot" if astray else None)


def move(model: Model, booking: Booking, place: Place) -> Verdict:
    """Matching judges the new place, but for the days that the request had asked for."""
    against = place_faults(model, place, booking.owner, own=booking)
    if booking.moves is not None or model.pending_of(booking) is not None:
        against.add("move-pending")
    if booking.status not in {"awaiting_cdmo", "confirmed"}:
        against |= {"wrong-status", "approval-overdue"} if booking.ended == "approval_overdue" else {"wrong-status"}
    if place.slot is booking.place.slot and place.days.start == booking.place.days.start:
        against.add("same-place")
    if not place.instant:
        if place.days.start <= model.today():
            against.add("too-late-to-approve")
        if len(days_to_hold(booking, place)) != 1:
            against.add("own-days")
    return Verdict(frozenset(against))


def days_to_hold(booking: Booking, place: Place) -> list[Days]:
    """The days of a new place that a booking does not hold already."""
    shared = place.slot.unit == booking.unit and place.days.meets(booking.place.days)
    return place.days.without([booking.place.days]) if shared else [place.days]


def contract(booking: Booking, to: str) -> Verdict:
    """Nobody takes the contract of what counts as declined further, nor that of a place which is only asked for."""
    if booking.ended == "approval_overdue":
        return Verdict.of("approval-overdue")
    if booking.moves is not None:
        return Verdict.of("move-pending")
    order = ("none", "term_sheet", "signed")
    forward = order.index(to) > order.index(booking.contract)
    live = booking.status in {"awaiting_cdmo", "confirmed", "in_production"}
    return Verdict.of(None if live and forward else "wrong-status")


def start(model: Model, booking: Booking, day: int) -> Verdict:
    """It starts once it was booked, before its place only where nobody else has booked, and is told of when it has."""
    amiss = day > model.today() or day < booking.made
    others = [one.occupies for one in model.live_on(booking.unit) if booking not in (one, one.moves)]
    taken = any(days.meets(one) for days in booking.before_its_place(day, model.today()) for one in others)
    return Verdict.of(
        None if booking.status == "confirmed" else "wrong-status",
        "invalid-input" if amiss else None,
        "slot-taken" if taken else None,
    )


def complete(model: Model, booking: Booking, day: int, released: int) -> Verdict:
    """Of what has not failed, something is released."""
    return finish(model, booking, day, released).and_of(*([] if released else ["invalid-input"]))


def finish(model: Model, booking: Booking, day: int, released: int = 0) -> Verdict:
    against = [] if booking.status == "in_production" else ["wrong-status"]
    if day > model.today() or day < (booking.actual_start or 0) or released > booking.place.batches:
        against.append("invalid-input")
    return Verdict.of(*against)


def repeat(model: Model, booking: Booking, place: Place, line: Mapping[str, str]) -> set[str]:
    """What stands against the place of a repeat: it is its CDMO's to offer, on the same line."""
    found = place_faults(model, place, booking.owner, own=booking)
    if line[place.slot.unit] != line[booking.unit]:
        found.add("invalid-input")
    if place.slot.whole and place.days.start != place.slot.days.start:
        found.add("invalid-input")
    if place.slot.whole and place.slot.days.number < campaign_days(place.batches):
        found.add("invalid-input")
    return found


def slip(booking: Booking, expected_end: int) -> Verdict:
    begins = booking.place.days.start if booking.actual_start is None else booking.actual_start
    return Verdict.of(
        None if booking.status in {"confirmed", "in_production"} else "wrong-status",
        "invalid-input" if expected_end <= begins else None,
    )


def answer_slip(model: Model, asked: Proposal, place: Place | None) -> Verdict:
    """A proposal is answered while it is open; whoever makes way needs the days free."""
    if asked.status != "proposed":
        overdue = {"wrong-status", "approval-overdue"} if not asked.asked.live else set()
        return Verdict(frozenset({"slip-move-answered"} | overdue))
    if place is None:
        return Verdict.of()
    others = [one for one in model.live_on(place.slot.unit) if one is not asked.asked]
    against = set()
    if place.slot.status != "published":
        against.add("slot-not-published")
    if not place.slot.days.holds(place.days):
        against.add("outside-slot")
    taken = [*(one.occupies for one in others), *model.kept_on(place.slot.unit, asked.asked)]
    if any(days.meets(place.days) for days in taken):
        against.add("slot-taken")
    if place.slot.whole and any(one.place.slot is place.slot for one in others):
        against.add("slot-whole")
    return Verdict(frozenset(against))


def publish(model: Model, slot: Slot, days: Days) -> Verdict:
    """Published slots of a unit never overlap."""
    return Verdict.of("slot-overlap" if model.published_on(slot.unit, days, but=slot) else None)


def withdraw(model: Model, slot: Slot) -> Verdict:
    return Verdict.of("slot-booked" if slot.status == "published" and model.live_in(slot) else None)


def resize(model: Model, slot: Slot, days: Days) -> Verdict:
    against = set(publish(model, slot, days).against) if slot.status == "published" else set()
    if any(not days.holds(one.occupies) for one in model.live_in(slot)):
        against.add("slot-booked")
    return Verdict(frozenset(against))


def split(model: Model, slot: Slot, cut: int) -> Verdict:
    against = [] if slot.days.start < cut < slot.days.end else ["invalid-input"]
    if slot.status == "withdrawn":
        against.append("wrong-status")
    if any(one.occupies.start < cut < one.occupies.end for one in model.live_in(slot)):
        against.append("slot-booked")
    asked = [one.place.days for one in model.live_in(slot) if one.moves is not None]
    asked += [one.days for one in model.open_proposals_in(slot) if one.days is not None]
    if any(days.start < cut < days.end for days in asked):
        against.append("slot-asked-for")
    return Verdict.of(*against)


def reclassify(model: Model, slot: Slot, *, whole: bool, reserve: str) -> Verdict:
    live = model.live_in(slot)
    divided = whole and not slot.whole and len(live) > 1
    return Verdict.of("slot-booked" if live and (divided or reserve != slot.reserve) else None)
