"""The place of a lot that gives way: its owner is asked about it first, and takes it or gives it up.

It is held for its owner meanwhile. The question is open from the notice on; the time for it runs from the moment at
which the lot has given way, for before it nobody knows whether it will have to. Where there is no time left to ask, for
the place itself begins too soon, it is taken for its owner, who may cancel it as any other booking.
"""

from datetime import date, datetime, timedelta
from typing import Any

from app.audit.service import record, snapshot
from app.bookings.giving_back import credit_reservation
from app.bookings.models import BookingStatus
from app.bookings.rules import answer_deadline
from app.bookings.service import approve, confirm
from app.core.clock import now
from app.crisis import notice_repository
from app.crisis.declaration import CrisisRules
from app.crisis.effects import Outside
from app.crisis.models import CrisisOrder, Displacement, DisplacementKind, DisplacementStatus, PlaceAnswer
from app.crisis.rules import compensation_cents

DECLINED, LAPSED = "place_declined", "place_lapsed"
GIVEN_UP = frozenset({PlaceAnswer.DECLINED, PlaceAnswer.LAPSED})


def answer_by(rules: CrisisRules, place: dict[str, Any], at: datetime) -> datetime | None:
    """Return until when an owner who is asked at an instant may answer; None if there is no time left to ask."""
    begins_at = answer_deadline(date.fromisoformat(place["start"]), instant=False)
    until = min(at + timedelta(hours=rules.first_refusal_hours), begins_at)
    return until if until - at >= least_notice(rules) else None


def least_notice(rules: CrisisRules) -> timedelta:
    """Return what an owner has at least between its reminder and the end of its time to answer."""
    return timedelta(hours=min(rules.first_refusal_reminder_hours, rules.first_refusal_hours))


async def settle_place(outside: Outside, displacement: Displacement, order: CrisisOrder) -> None:
    """Settle the place of a lot that has just given way: taken if its owner has said so, else it is asked.

    In a drill nobody is asked.
    """
    if not outside.is_real or displacement.replacement is None or displacement.answer in GIVEN_UP:
        return
    if displacement.answer is PlaceAnswer.ACCEPTED:
        await _take_up(outside, displacement, order)
        return
    rules = CrisisRules.model_validate(outside.crisis.rules)
    displacement.answer_by_at = answer_by(rules, displacement.replacement, now())
    if displacement.answer_by_at is None:
        await take_place(outside, displacement, order)


async def take_place(outside: Outside, displacement: Displacement, order: CrisisOrder) -> None:
    """Note that the owner has its place; if its lot has given way, the place becomes a booking now.

    Until then it stays held: whoever keeps its own place has no use for another.
    """
    displacement.answer, displacement.answered_at = PlaceAnswer.ACCEPTED, now()
    if displacement.status is DisplacementStatus.EFFECTIVE:
        await _take_up(outside, displacement, order)


async def give_up_place(outside: Outside, displacement: Displacement, answer: PlaceAnswer) -> None:
    """Free the place for those who wait; what is owed becomes what a lot without a place is owed.

    If its lot has given way, the difference is added to the ledger; else it is charged with the rest when it does.
    """
    session, author = outside.session, outside.author
    reason = DECLINED if answer is PlaceAnswer.DECLINED else LAPSED
    booking = await outside.booking_of(displacement.booking_id)
    signed = (await notice_repository.signed_displacements(session, outside.crisis.id, [booking.id]))[booking.id]
    rules = CrisisRules.model_validate(outside.crisis.rules)
    owed = compensation_cents(rules, booking.price_cents, moved=False, recallable=signed["recallable"])
    await outside.drop_replacement(displacement, reason)
    if displacement.status is DisplacementStatus.EFFECTIVE:
        # The crisis may have ended since: its ledger takes corrections that say what they correct.
        detail = {"code": reason, "corrects": str(displacement.id)}
        await outside.compensate(booking, owed - displacement.compensation_cents, detail)
        await credit_reservation(session, author, booking, reason)
    before = snapshot(displacement)
    displacement.answer, displacement.answered_at = answer, now()
    displacement.kind, displacement.compensation_cents = DisplacementKind.DISPLACED, owed
    await record(session, author, f"displacement.place_{answer.value}", displacement, before=before, reason_code=reason)


async def _take_up(outside: Outside, displacement: Displacement, order: CrisisOrder) -> None:
    """Turn the hold into a booking: confirmed where its CDMO has agreed or need not, else before its CDMO."""
    session, author = outside.session, outside.author
    replacement = await outside.booking_of(displacement.replacement_id)
    if replacement.status is BookingStatus.HELD:
        replacement = await confirm(session, author, replacement)
    agreed = replacement.unit_id == order.unit_id
    instant = bool((displacement.replacement or {}).get("instant"))
    if replacement.status is BookingStatus.AWAITING_CDMO and (agreed or instant):
        await approve(session, author, replacement)
    displaced = await outside.booking_of(displacement.booking_id)
    before = snapshot(displaced)
    displaced.replaced_by_id = replacement.id
    await record(session, author, "booking.replaced", displaced, before=before)
