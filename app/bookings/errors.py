"""Why a booking is refused: bare facts, each with the field of a hold that it is about."""

from collections.abc import Iterable
from typing import Any, ClassVar

from app.capacity.supply import Span
from app.core.errors import Conflict, FieldFault, StateConflict


class BookingRefused(Conflict):
    """The calendar does not take this booking.

    Attributes
    ----------
    pointer
        The field of a new hold that is at fault.
    sentence
        What stands in the way, and what to do next.
    """

    type, title = "booking-refused", "The calendar does not take this booking"
    pointer: ClassVar[str] = "/slot_id"
    sentence: ClassVar[str] = "The calendar does not take this booking."

    def __init__(self, detail: str | None = None, *, pointer: str | None = None, **facts: Any) -> None:
        told = detail or self.sentence
        super().__init__(told, faults=[FieldFault(pointer or self.pointer, told)], facts=facts)


class SlotTaken(BookingRefused):
    """Another live booking of the unit lies in the period, or a campaign keeps it longer; whose, nobody learns."""

    type, title = "slot-taken", "The period is taken"
    pointer = "/start"
    sentence = (
        "Another booking lies in this period, or a campaign still keeps the unit then, changeover included."
        " Take the nearest free period, or another slot."
    )


class SlotChanged(BookingRefused):
    """The slot has been changed since its terms were read."""

    type, title = "slot-changed", "The slot has just been changed"
    sentence = "The CDMO has changed this slot at this very moment. Read it again, and book it as it is now."


class OutsideSlot(BookingRefused):
    """The period does not lie inside its slot."""

    type, title, status = "outside-slot", "The period lies outside its slot", 422
    pointer = "/start"
    sentence = "The booking would not lie inside its slot. Take a start inside it, or another slot."


class SlotNotPublished(BookingRefused):
    """The slot is a draft, or was withdrawn."""

    type, title = "slot-not-published", "The slot is not published"
    sentence = "This slot cannot be booked: its CDMO does not publish it. Search for another."


class SlotFrozen(BookingRefused):
    """The slot is held still for an allocation round, or for the plan of a crisis."""

    type, title = "slot-frozen", "The slot is held still by a round or a crisis"
    sentence = (
        "This slot is held still while the plan of a round or a crisis is being made or decided on."
        " Try again later, or take another."
    )


class SlotWhole(BookingRefused):
    """The slot is taken whole or not at all, and somebody has it."""

    type, title = "slot-whole", "The slot is taken whole"
    sentence = "This slot is booked whole or not at all, and it is taken. Take another."


class UnderOrder(BookingRefused):
    """A crisis order awaits its CDMO's answer over the period."""

    type, title = "under-order", "The period is under a crisis order"
    pointer = "/start"
    sentence = "A crisis order lies over this period. Take another period, or wait for the CDMO's answer."


class NotLent(BookingRefused):
    """The slot is kept for a crisis, and is not lent, or not for so long."""

    type, title = "not-lent", "The slot is kept for a crisis"
    sentence = "This slot is kept for a crisis: it is not lent any more, or not for so long. Search for another."


class InThePast(BookingRefused):
    """The period starts before today."""

    type, title, status = "in-the-past", "The period starts in the past", 422
    pointer = "/start"
    sentence = "A booking cannot start in the past."


class NotEligible(BookingRefused):
    """The line does not serve the request, or not from this day; the reasons say why."""

    type, title = "not-eligible", "The line cannot serve this request"
    sentence = "This line cannot serve this request in this slot: see the reasons."


class RequestAlreadyBooked(BookingRefused):
    """The request has a live booking."""

    type, title = "request-already-booked", "The request has a booking"
    pointer = "/request_id"
    sentence = "This request already has a live booking. Release or cancel that one first."


class HoldExpired(StateConflict):
    """The hold was not confirmed in time."""

    type, title = "hold-expired", "The hold has expired"


class ApprovalOverdue(StateConflict):
    """The CDMO did not approve in time."""

    type, title = "approval-overdue", "The approval is overdue"


class TooLateToApprove(StateConflict):
    """The period begins before its CDMO could approve it."""

    type, title = "too-late-to-approve", "The period begins before its CDMO could approve it"


class SamePlace(BookingRefused):
    """The booking is where it is asked to move."""

    type, title, status = "same-place", "The booking is there already", 422
    pointer = "/start"
    sentence = "The booking is there already. Give another start, or another slot."


class OwnDays(BookingRefused):
    """The new period would hold its CDMO's answer open on both sides of the present one, or inside it."""

    type, title = "own-days", "The new period surrounds the present one"
    pointer = "/start"
    sentence = "The new period and the present one do not differ by one stretch of days. Take another start."


class OtherCdmo(BookingRefused):
    """The place is another CDMO's, with whom there is no contract."""

    type, title = "other-cdmo", "The place is another CDMO's"
    sentence = "A booking moves among the lines of its CDMO. Elsewhere, make another booking, and cancel this one."


class MovePending(StateConflict):
    """The booking asks to move already."""

    type, title = "move-pending", "A move awaits the CDMO"


class NoTerms(StateConflict):
    """The booking was made without a price, and there is nothing to quote a move from."""

    type, title = "no-terms", "The booking has no terms of its own"


class SlotAskedFor(Conflict):
    """A period that a booking asks to move to, or that a slip proposes to one, lies over a cut."""

    type, title = "slot-asked-for", "A period that is asked for keeps the slot whole"

    @classmethod
    def by(cls, spans: Iterable[Span]) -> "SlotAskedFor":
        """Return the refusal with the periods, and nothing of whose they are."""
        periods = [{"start": one.start_on.isoformat(), "end": one.end_on.isoformat()} for one in spans]
        named = ", ".join(f"{one['start']} to {one['end']}" for one in periods)
        return cls(
            f"Asked for by a move or a slip: {named}. Answer it first, or cut the slot beside it.",
            facts={"asked_for": periods},
        )


class SlipMoveAnswered(StateConflict):
    """The proposal is answered, or withdrawn."""

    type, title = "slip-move-answered", "The proposal is no longer open"


REFUSALS: dict[str, type[BookingRefused]] = {
    "ex_bookings_live_overlap": SlotTaken,
    "ck_bookings_not_kept": SlotTaken,
    "slot_changed": SlotChanged,
    "ck_bookings_inside_slot": OutsideSlot,
    "ck_bookings_slot_published": SlotNotPublished,
    "ck_bookings_slot_not_frozen": SlotFrozen,
    "ck_bookings_slot_whole": SlotWhole,
    "ck_bookings_not_ordered": UnderOrder,
    "ck_bookings_lent": NotLent,
}
"""The rule that each constraint of the bookings table stands for, and each word of the function that writes one."""
