"""What is paid in a simulated year, in cents, by the fee rules of bookings."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from app.bookings.fees import cancellation_fee_cents
from app.bookings.models import FailureCause
from app.bookings.resale_rules import Credited, Sold, common_days, resale_credit
from seed.simulation.calendar import Place


@dataclass(slots=True)
class _Cancelled:
    """A booking that was left at a fee, and what resales of its days have given back."""

    fee_cents: int
    sold: Sold
    credits: list[Credited] = field(default_factory=list)


@dataclass(slots=True)
class Money:
    """Amounts so far: those of bookings made from `since` on, and of what happens from then on."""

    since: date
    prices_cents: int = 0
    capped_cents: int = 0
    lent_cents: int = 0
    cancellation_fees_cents: int = 0
    resale_credits_cents: int = 0
    lost_batches_cents: int = 0
    crisis_orders_cents: int = 0
    compensation_cents: int = 0
    _left: defaultdict[UUID, list[_Cancelled]] = field(default_factory=lambda: defaultdict(list))

    def booked(self, place: Place, day: date) -> None:
        """Count a booking: its price, what a cap or a loan took off, and what it gives back to who left its days."""
        if place.terms is None:
            return
        price = place.terms.price_cents
        discount = sum(line.amount_cents or 0 for line in place.terms.price_lines if line.kind == "lending_discount")
        if day >= self.since:
            self.prices_cents += price
            self.lent_cents -= discount
            self.capped_cents += place.listed_cents + discount - price
        for left in self._left[place.slot_id]:
            self._resell(left, Sold(place.span, price), day)

    def _resell(self, left: _Cancelled, resale: Sold, day: date) -> None:
        found = resale_credit(left.fee_cents, left.sold, resale, left.credits)
        days = common_days(left.sold.days, resale.days)
        if found is None or days is None or not found.credit_cents:
            return
        left.credits.append(Credited(days, found.credit_cents))
        if day >= self.since:
            self.resale_credits_cents += found.credit_cents

    def cancelled(self, place: Place, day: date) -> None:
        """Count what a start-up owes for leaving its place on a day."""
        if place.terms is None:
            return
        fee = cancellation_fee_cents(place.terms, (place.start_on - day).days, by_cdmo=False)
        self._left[place.slot_id].append(_Cancelled(fee, Sold(place.span, place.terms.price_cents)))
        if day >= self.since:
            self.cancellation_fees_cents += fee

    def failed(self, place: Place, batches: int, cause: FailureCause, day: date) -> None:
        """Count what is due for batches that failed, and so buys nothing."""
        if place.terms is None or day < self.since:
            return
        share = place.terms.price_cents * batches // max(1, place.batches)
        self.lost_batches_cents += share * place.terms.failures.percent(cause) // 100
