"""The state of the market as the design has it, and what each step makes of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from tests.machine.money import cancellation_fee, reservation_fee, share
from tests.machine.things import (
    LINE_PRICE_CENTS,
    RELEASE_DAYS,
    Booking,
    Days,
    Place,
    Proposal,
    Request,
    Sale,
    Slot,
    campaign_days,
    production_days,
)

OPEN = frozenset({"proposed", "unplaced"})
"""What a slip asks, and nobody has answered."""


@dataclass
class Model:
    """Slots, requests, bookings and their money; no step of it asks the service."""

    today: Callable[[], int]
    now: Callable[[], datetime]
    french: tuple[bool, ...]
    cdmo_percents: dict[str, int]
    """What the CDMO owes when it cancels what is booked from now on, of the price, by unit."""
    slots: list[Slot] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)

    # What there is.

    def live_on(self, unit: str) -> Iterator[Booking]:
        return (one for one in self.bookings if one.live and one.unit == unit)

    def live_in(self, slot: Slot) -> list[Booking]:
        return [one for one in self.bookings if one.live and one.place.slot is slot]

    def live_of(self, request: Request) -> Booking | None:
        return next((one for one in self.bookings if one.live and one.request is request and one.moves is None), None)

    def pending_of(self, booking: Booking) -> Booking | None:
        return next((one for one in self.bookings if one.moves is booking and one.live), None)

    def kept_on(self, unit: str, *but: Booking | None) -> list[Days]:
        """Days outside a live booking's own for which campaigns keep a unit, some of them left out."""
        own = (one for one in self.bookings if one.unit == unit and all(one is not other for other in but))
        return [days for one in own for days in one.kept(self.today())]

    def in_a_slips_way(self, booking: Booking) -> bool:
        """Whether the CDMO is the cause that a booking leaves: its days are run over, or it is asked to make way."""
        others = (one for one in self.bookings if one.unit == booking.unit and one is not booking)
        run_over = any(days.meets(booking.place.days) for one in others for days in one.run_over(self.today()))
        return run_over or any(one.asked is booking and one.status in OPEN for one in self.proposals)

    def open_proposals_in(self, slot: Slot) -> list[Proposal]:
        return [one for one in self.proposals if one.slot is slot and one.status == "proposed"]

    def unplaced_to(self, booking: Booking) -> list[Proposal]:
        """What slips could not ask of a booking."""
        return [one for one in self.proposals if one.asked is booking and one.status == "unplaced"]

    def open_to(self, booking: Booking) -> list[Proposal]:
        """What slips ask of a booking, or would if there were a place."""
        return [one for one in self.proposals if one.asked is booking and one.status in OPEN]

    def published_on(self, unit: str, days: Days, but: Slot | None = None) -> bool:
        return any(
            one.unit == unit and one is not but and one.status == "published" and one.days.meets(days)
            for one in self.slots
        )

    def free(self, slot: Slot, but: Booking | None = None) -> list[Days]:
        """What may still be booked of a slot from today on, by whoever gives up one booking if any."""
        taken = [one.occupies for one in self.live_in(slot) if one is not but]
        if slot.status == "published":
            taken += [days for days in self.kept_on(slot.unit, but) if days.meets(slot.days)]
        if slot.whole:
            return [slot.days] if not taken and self.today() <= slot.days.start else []
        left = Days(max(slot.days.start, self.today()), slot.days.end)
        return left.without(taken) if left.number > 0 else []

    def place(self, slot: Slot, start: int, batches: int) -> Place:
        """A campaign in a slot, whether or not it can be there; a slot that cannot be divided is taken whole."""
        number = slot.days.number if slot.whole else campaign_days(batches)
        each = LINE_PRICE_CENTS if slot.price_cents is None else slot.price_cents
        return Place(
            slot=slot,
            days=Days(start, start + number),
            delivery=start + production_days(batches) + RELEASE_DAYS,
            batches=batches,
            price_cents=each * batches,
            instant=slot.instant,
            reserve=slot.reserve_on(self.today()),
            cdmo_percent=self.cdmo_percents[slot.unit],
        )

    # What time does.

    def lapse(self) -> None:
        """End what has run out, whether or not the service has noted it: a move first, which has ended by itself."""
        at = self.now()
        over = [one for one in self.bookings if one.live and one.deadline is not None and one.deadline <= at]
        unnoted = [one for one in self.bookings if one.unswept] + over
        for one in sorted(over, key=lambda each: each.moves is None):
            held = one.status == "held"
            self.end(one, "expired" if held else "declined", "hold_expired" if held else "approval_overdue")
        for one in unnoted:
            one.unswept = True

    def pass_time(self, days: int, instants: timedelta) -> None:
        """Let everything lie so much earlier, which is the same as time that passes."""
        for booking in self.bookings:
            place = booking.place
            booking.place = place._replace(days=place.days.earlier(days), delivery=place.delivery - days)
            booking.made -= days
            booking.held_days = booking.held_days and booking.held_days.earlier(days)
            booking.deadline = booking.deadline and booking.deadline - instants
            for name in ("expected_end", "actual_start", "actual_end"):
                if (day := getattr(booking, name)) is not None:
                    setattr(booking, name, day - days)
        for slot in self.slots:
            slot.days = slot.days.earlier(days)
            slot.releases_on = None if slot.releases_on is None else slot.releases_on - days
        for request in self.requests:
            request.earliest, request.latest = request.earliest - days, request.latest - days
        for proposal in self.proposals:
            proposal.days = proposal.days and proposal.days.earlier(days)

    # What becomes of a booking.

    def add(self, booking: Booking) -> None:
        self.bookings.append(booking)

    def end(self, booking: Booking, status: str, reason: str) -> None:
        """End a booking, and what hangs on it."""
        booking.status, booking.ended, booking.deadline, booking.unswept = status, reason, None, False
        if booking.moves is not None:
            return
        self._end_pending(booking, f"booking_{status}")
        self._withdraw(lambda one: booking in {one.asked, one.slipped})
        request = booking.request
        if request.status == "booked":
            if status == "completed":
                request.status = "fulfilled"
            elif self.live_of(request) is None:
                request.status = "submitted"

    def ask_cdmo(self, booking: Booking, until: datetime) -> None:
        booking.status, booking.deadline = "awaiting_cdmo", until
        booking.request.status = "booked"

    def confirm(self, booking: Booking) -> None:
        """Bind both sides: the reservation fee is charged, and whoever had given up the days at a fee is credited."""
        booking.status, booking.deadline = "confirmed", None
        booking.request.status = "booked"
        booking.fees_cents = reservation_fee(booking.place.price_cents)
        self._sell_again(booking)

    def relocate(self, booking: Booking, place: Place) -> None:
        """Put a booking in another place on its own terms."""
        booking.place, booking.expected_end = place, None
        self._withdraw(lambda one: booking in {one.asked, one.slipped} and one.status != "accepted")
        self._moved_away(booking)

    def make_way(self, booking: Booking, place: Place) -> None:
        """Go where a slip asks to, on one's own terms."""
        self.make_room(booking)
        self.relocate(booking, place)
        if booking.status == "confirmed":
            self._sell_again(booking)

    def move(self, booking: Booking, place: Place, fee_cents: int, *, free: bool) -> None:
        """Move at the price and terms of the new place; one that was not approved yet is confirmed by it."""
        self.relocate(booking, place)
        booking.free_moves += int(free)
        if booking.status != "confirmed":
            self.confirm(booking)
            return
        booking.moves_cents += fee_cents
        booking.fees_cents = reservation_fee(place.price_cents)
        self._sell_again(booking)

    def make_room(self, booking: Booking) -> None:
        self._end_pending(booking, "booking_moved")

    def slip(self, booking: Booking, end: int) -> None:
        """Another end is expected; what was asked before for its sake is asked no more."""
        booking.expected_end = end
        self._withdraw(lambda one: one.slipped is booking)

    def place_of_repeat(self, booking: Booking, slot: Slot, start: int) -> Place:
        """The same campaign once more, at its own price; nobody has to approve what its CDMO offers."""
        planned = booking.place
        days = slot.days if slot.whole else Days(start, start + campaign_days(planned.batches))
        delivery = start + planned.delivery - planned.days.start
        reserve = slot.reserve_on(self.today())
        return planned._replace(slot=slot, days=days, delivery=delivery, instant=True, reserve=reserve)

    def start(self, booking: Booking, day: int) -> None:
        self._end_pending(booking, "booking_in_production")
        self._withdraw(lambda one: one.asked is booking)
        booking.status, booking.actual_start = "in_production", day

    def complete(self, booking: Booking, day: int, released: int) -> None:
        booking.actual_end, booking.released = day, released
        self._invoice(booking)
        self.end(booking, "completed", "")
        booking.ended = None

    def fail(self, booking: Booking, day: int, cause: str, reason: str) -> None:
        """Nothing is owed where the CDMO is the cause; otherwise it has worked, and is paid."""
        booking.actual_end, booking.released, booking.cause = day, 0, cause
        if cause == "cdmo":
            booking.fees_cents = booking.moves_cents = 0
        else:
            self._invoice(booking)
        self.end(booking, "failed", reason)

    def cancel(self, booking: Booking, *, by_cdmo: bool, reason: str) -> None:
        """Nothing is owed where the CDMO is the cause: it cancels itself, or another campaign of its slips.

        Where it cancels itself, it owes the share of the price that it had accepted.
        """
        bound = booking.status == "confirmed"
        caused = by_cdmo or self.in_a_slips_way(booking)
        self.end(booking, "cancelled", reason)
        if bound and by_cdmo:
            booking.owed_cents = share(booking.place.price_cents, booking.place.cdmo_percent)
        if bound and caused:
            booking.fees_cents = booking.moves_cents = 0
        elif bound:
            notice = booking.place.days.start - self.today()
            booking.fees_cents = cancellation_fee(booking.place.price_cents, notice)
            self._moved_away(booking)

    @staticmethod
    def _invoice(booking: Booking) -> None:
        booking.price_cents, booking.fees_cents = booking.place.price_cents, 0

    def _end_pending(self, booking: Booking, reason: str) -> None:
        """End a move that is asked for; one that has run out has been declined, and that is noted at the latest now."""
        for one in self.bookings:
            if one.moves is booking and one.live:
                one.status, one.ended, one.deadline = "released", reason, None
            elif one.moves is booking:
                one.unswept = False

    def _withdraw(self, about: Callable[[Proposal], bool]) -> None:
        for one in self.proposals:
            if one.status in OPEN and about(one):
                one.status = "withdrawn"

    # What is sold again.

    def _cancelled_under(self, booking: Booking) -> Iterator[Booking]:
        for one in self.bookings:
            given_up = one.status == "cancelled" and one.fees_cents > 0 and one is not booking
            if given_up and one.unit == booking.unit and one.place.days.meets(booking.place.days):
                yield one

    def _sell_again(self, booking: Booking) -> None:
        for one in self._cancelled_under(booking):
            mine, theirs = booking.place.days, one.place.days
            days = min(mine.end, theirs.end) - max(mine.start, theirs.start)
            one.resold_unclearly |= any(sale.by is booking for sale in one.sales)
            one.sales.append(Sale(booking, days, Fraction(booking.place.price_cents, mine.number)))

    def _moved_away(self, booking: Booking) -> None:
        for one in self.bookings:
            one.resold_unclearly |= any(sale.by is booking for sale in one.sales)
