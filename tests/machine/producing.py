"""The CDMO's answers and its production: approve, decline, contract, start, complete, fail, slip."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.machine import refusals
from tests.machine.playing import Player, midnight, require_sound, which
from tests.machine.things import Booking, Days, Offer, Proposal, Verdict, days_of, iso

REPEAT_HOLD = timedelta(hours=240)

some = precondition(lambda self: self.model.bookings)
ago = st.sampled_from((0, 0, 0, 1, 40, -1))
"""Days since something happened; tomorrow is refused."""


class Producing(Player):
    """What a CDMO does with bookings."""

    @some
    @rule(which=which)
    def approve(self, which: int) -> None:
        self.model.lapse()
        booking = self.booking(which, "awaiting_cdmo")
        verdict = refusals.approve(self.model, booking)

        def done(_: Any) -> None:
            asking, offer = booking.moves, booking.offer
            if asking is None or offer is None:
                self.model.confirm(booking)
                return
            if self.model.in_a_slips_way(asking):
                offer = Offer(0, free=False)
            before = self.model.unplaced_to(booking) + self.model.open_to(asking)
            self.model.end(booking, "released", "moved")
            self.model.move(asking, booking.place, offer.fee_cents, free=offer.free)
            self.asked_anew(asking, before)

        self.act(booking, "approve", self.scene.seller, verdict, done)

    @some
    @rule(which=which)
    def decline(self, which: int) -> None:
        self.model.lapse()
        booking = self.booking(which, "awaiting_cdmo")
        verdict = refusals.leave(booking, "awaiting_cdmo")
        if booking.ended == "hold_expired":
            verdict = Verdict.of("wrong-status")

        def done(_: Any) -> None:
            self.model.end(booking, "declined", "technical")

        self.act(booking, "decline", self.scene.seller, verdict, done, reason_code="technical")

    @some
    @rule(which=which, to=st.sampled_from(("none", "term_sheet", "signed")))
    def contract(self, which: int, to: str) -> None:
        self.model.lapse()
        booking = self.booking(which, "awaiting_cdmo", "confirmed", "in_production")

        def done(_: Any) -> None:
            booking.contract = to

        self.act(booking, "contract", self.scene.seller, refusals.contract(booking, to), done, contract_status=to)

    @some
    @rule(which=which, ago=ago)
    def start(self, which: int, ago: int) -> None:
        self.model.lapse()
        booking, day = self.booking(which, "confirmed"), self.model.today() - ago

        def done(_: Any) -> None:
            self.model.start(booking, day)

        verdict = refusals.start(self.model, booking, day)
        self.act(booking, "start", self.scene.seller, verdict, done, actual_start_on=iso(day))

    @some
    @rule(which=which, ago=ago, released=st.sampled_from((0, 1, 1, 2)))
    def complete(self, which: int, ago: int, released: int) -> None:
        self.model.lapse()
        booking, day = self.booking(which, "in_production"), self.model.today() - ago

        def done(_: Any) -> None:
            self.model.complete(booking, day, released)

        verdict = refusals.complete(self.model, booking, day, released)
        body = {"actual_end_on": iso(day), "batches_released": released}
        self.act(booking, "complete", self.scene.seller, verdict, done, **body)

    @some
    @rule(
        which=which,
        ago=ago,
        cause=st.sampled_from(("cdmo", "product", "unknown")),
        again=st.none() | which,
        offset=st.sampled_from((0, 0, 20, 43, 86)),
    )
    def fail(self, which: int, ago: int, cause: str, again: int | None, offset: int) -> None:
        """It is paid unless its CDMO is the cause; which may offer to repeat it, at the price of the first."""
        self.model.lapse()
        booking, day = self.booking(which, "in_production"), self.model.today() - ago
        verdict = refusals.finish(self.model, booking, day)
        body = {"reason_code": "low_yield", "cause": cause, "failed_on": iso(day)}
        place = None
        if again is not None:
            found = self.place(again, offset, 1, booking.unit)
            place = self.model.place_of_repeat(booking, found.slot, found.days.start)
            slot = place.slot
            body |= {"repeat_slot_id": slot.id, "repeat_start": iso(place.days.start)}
            verdict = verdict.and_of(*refusals.repeat(self.model, booking, place, self.scene.line))

        def done(_: Any) -> None:
            self.model.fail(booking, day, cause, "low_yield")
            if place is not None:
                known = {each.id for each in self.model.bookings}
                [told] = [one for one in self.bookings_told() if one["id"] not in known]
                until = self.until(told["hold_expires_at"], REPEAT_HOLD, midnight(place.days.start + 1))
                repeat = Booking(told["id"], booking.owner, booking.request, place, source="repeat", deadline=until)
                repeat.made, repeat.repeats, repeat.contract = self.model.today(), booking, booking.contract
                self.model.bookings.append(repeat)

        self.act(booking, "fail", self.scene.seller, verdict, done, **body)

    @some
    @rule(which=which, later=st.sampled_from((-10, 1, 10, 43, 100, -60, -200)))
    def slip(self, which: int, later: int) -> None:
        """Recorded over any neighbour; those behind are asked to make way, to days that are free of all others."""
        self.model.lapse()
        booking = self.booking(which, "confirmed", "in_production")
        end = booking.place.days.end + later
        verdict = refusals.slip(booking, end)

        def done(told: Any) -> None:
            self.model.slip(booking, end)
            known = {each.id: each for each in self.model.bookings}
            slots = {each.id: each for each in self.model.slots}
            asked = [
                Proposal(
                    one["id"],
                    one["slip_id"],
                    booking,
                    known[one["booking_id"]],
                    slots.get(one["slot_id"]),
                    days_of(one) if one["start"] else None,
                    one["status"],
                )
                for one in told["moves"]
            ]
            require_sound(Days(booking.begins, end), asked)
            going = [one for one in asked if one.days is not None]  # what they keep now goes with them
            kept = self.model.kept_on(booking.unit, *(one.asked for one in going))
            assert not any(one.days.meets(days) for one in going for days in kept if one.days is not None)
            self.model.proposals += asked

        body = {"expected_end_on": iso(end), "reason_code": "process"}
        self.act(booking, "slip", self.scene.seller, verdict, done, **body)
