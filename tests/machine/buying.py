"""The start-ups: they hold, confirm, release, move and cancel."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.machine import refusals
from tests.machine.money import move_offer
from tests.machine.playing import midnight, one, sides, which
from tests.machine.selling import Selling, leads
from tests.machine.things import Booking, Place, Request, Verdict, iso

HOLD = timedelta(minutes=30)
APPROVAL = timedelta(hours=120)

offsets = st.sampled_from((0, 0, 0, 0, 1, 10, 43, 43, 60, 77, 87, -1))
"""Where in a slot, or in what is free of it, a campaign is to start."""
asking = st.sampled_from((None, None, 0, 1))
"""For which of its requests; None makes one of its own."""


class Buying(Selling):
    """What start-ups do."""

    @initialize(lead=leads, instant=st.booleans(), whole=st.booleans())
    def open(self, lead: int, instant: bool, whole: bool) -> None:
        """The CDMO has three slots, and each start-up a booking in one of them."""
        self.open_slots(lead, instant, whole)
        for owner, number in enumerate((0, 1)):
            slot = self.model.slots[number]
            held = self._hold(owner, self.model.place(slot, slot.days.start, 1), None)
            if held is not None:
                self._confirm(held)
        self.is_open = True
        self.look()

    @rule(owner=sides, which=which, offset=offsets, asked=asking, batches=st.sampled_from((1, 1, 2)))
    def hold(self, owner: int, which: int, offset: int, asked: int | None, batches: int) -> None:
        self.model.lapse()
        self._hold(owner, self.place(which, offset, batches), asked)

    @rule(owner=sides, which=which, offset=offsets, asked=asking)
    def book(self, owner: int, which: int, offset: int, asked: int | None) -> None:
        """A hold that is confirmed at once."""
        self.model.lapse()
        held = self._hold(owner, self.place(which, offset, 1), asked)
        if held is not None:
            self._confirm(held)

    def _hold(self, owner: int, place: Place, asked: int | None) -> Booking | None:
        mine = [each for each in self.model.requests if each.owner == owner]
        request = None if asked is None else mine[asked]
        body: dict[str, Any] = {"slot_id": place.slot.id, "start": iso(place.days.start)}
        if request is None:
            body |= {"product_id": self.scene.products[owner], "batches": place.batches}
        else:
            body["request_id"] = request.id
            place = self.model.place(place.slot, place.days.start, request.batches)
        made: list[Booking] = []

        def held(told: Any) -> None:
            serves = request
            if serves is None:
                serves = Request(told["request_id"], owner, place.batches, place.days.start, place.delivery, "draft")
                self.model.requests.append(serves)
            until = self.until(told["hold_expires_at"], HOLD, midnight(place.days.start + int(place.instant)))
            made.append(Booking(told["id"], owner, serves, place, made=self.model.today(), deadline=until))
            self.model.bookings += made

        verdict = refusals.hold(self.model, place, owner, request)
        self.attempt(verdict, self.scene.buyers[owner], "POST", "/v1/bookings", body, held)
        return made[0] if made else None

    @precondition(lambda self: self.model.bookings)
    @rule(which=which)
    def confirm(self, which: int) -> None:
        self.model.lapse()
        self._confirm(self.booking(which, "held", "expired"))

    def _confirm(self, booking: Booking) -> None:
        could_not = self.model.unplaced_to(booking)

        def done(told: Any) -> None:
            if booking.place.instant:
                self.model.confirm(booking)
            else:
                until = self.until(told["approval_expires_at"], APPROVAL, midnight(booking.place.days.start))
                self.model.ask_cdmo(booking, until)
            self.asked_anew(booking, could_not)

        self.act(booking, "confirm", self.buyer(booking), refusals.confirm(self.model, booking), done)

    @precondition(lambda self: self.model.bookings)
    @rule(which=which)
    def release(self, which: int) -> None:
        self.model.lapse()
        booking = self.booking(which, "held")
        verdict = refusals.leave(booking, "held")
        if booking.ended == "approval_overdue":
            verdict = Verdict.of("wrong-status")

        def done(_: Any) -> None:
            self.model.end(booking, "released", "not_needed")

        self.act(booking, "release", self.buyer(booking), verdict, done)

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, by_cdmo=st.booleans())
    def cancel(self, which: int, by_cdmo: bool) -> None:
        self.model.lapse()
        booking = self.booking(which, "confirmed", "awaiting_cdmo")
        verdict = refusals.leave(booking, "confirmed", "awaiting_cdmo")
        if booking.ended == "hold_expired":
            verdict = Verdict.of("wrong-status")

        def done(_: Any) -> None:
            self.model.cancel(booking, by_cdmo=by_cdmo, reason="planning")

        by = self.scene.seller if by_cdmo else self.buyer(booking)
        self.act(booking, "cancel", by, verdict, done, reason_code="planning")

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, to=which, offset=offsets)
    def move(self, which: int, to: int, offset: int) -> None:
        """At once where nobody has to approve it; else both places are held until the CDMO has answered."""
        self.model.lapse()
        booking = self.booking(which, "confirmed", "awaiting_cdmo")
        place = self.place(to, offset, booking.request.batches)
        notice = booking.place.days.start - self.model.today()
        offer = move_offer(booking, notice, by_cdmo=self.model.in_a_slips_way(booking))

        def done(told: Any) -> None:
            if place.instant:
                self.model.make_room(booking)
                self.model.move(booking, place, offer.fee_cents, free=offer.free)
                return
            pending = Booking(told["pending_move_id"], booking.owner, booking.request, place, source="move")
            pending.status, pending.moves, pending.offer = "awaiting_cdmo", booking, offer
            pending.contract = booking.contract
            [pending.held_days] = refusals.days_to_hold(booking, place)
            read = self.read(pending, self.buyer(booking))
            latest = midnight(place.days.start)
            latest = latest if booking.deadline is None else min(latest, booking.deadline)
            pending.deadline = self.until(read["approval_expires_at"], APPROVAL, latest)
            self.model.bookings.append(pending)

        body = {"slot_id": place.slot.id, "start": iso(place.days.start), "reason_code": "supply"}
        self.act(booking, "move", self.buyer(booking), refusals.move(self.model, booking, place), done, **body)

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, offset=st.sampled_from((0, 10)))
    def move_elsewhere(self, which: int, offset: int) -> None:
        """Another CDMO's slot is no place to move to."""
        self.model.lapse()
        booking = self.booking(which, "confirmed")
        start = max(self.model.today(), booking.place.days.start) + offset
        verdict = Verdict.of("other-cdmo")
        if booking.status not in {"confirmed", "awaiting_cdmo"}:
            verdict = Verdict.of("wrong-status", "move-pending", "approval-overdue")
        elif booking.moves is not None or self.model.pending_of(booking) is not None:
            verdict = Verdict.of("move-pending", "other-cdmo")
        body = {"slot_id": self.scene.strange_slot, "start": iso(start), "reason_code": "other"}
        self.act(booking, "move", self.buyer(booking), verdict, self.never, **body)

    @precondition(lambda self: any(each.status == "proposed" for each in self.model.proposals))
    @rule(which=which, accept=st.booleans())
    def answer_slip(self, which: int, accept: bool) -> None:
        """Make way for a slip, at no cost and on its own terms, or stay."""
        self.model.lapse()
        asked = one(which, [each for each in self.model.proposals if each.status == "proposed"] or self.model.proposals)
        place = None
        if asked.slot is not None and asked.days is not None:
            later = asked.days.start - asked.asked.place.days.start
            place = asked.asked.place._replace(
                slot=asked.slot, days=asked.days, delivery=asked.asked.place.delivery + later
            )

        def done(_: Any) -> None:
            asked.status = "accepted" if accept else "declined"
            if accept and place is not None:
                self.model.make_way(asked.asked, place)

        verdict = refusals.answer_slip(self.model, asked, place if accept else None)
        body = None if accept else {"reason_code": "other"}
        verb = "accept" if accept else "decline"
        path = f"/v1/slip-moves/{asked.id}/{verb}"
        self.attempt(verdict, self.buyer(asked.asked), "POST", path, body, done, own=asked.asked)
