"""What a start-up that cancelled at a fee gets back when its days are sold again: pure functions, in whole cents.

Each day of the cancelled period carries an equal share of the fee. A day that is sold again gives its share back, in
the ratio of the two prices of a day, capped at 1; a day that was sold again before gives back no more than is missing.
So the credits of one fee never exceed it, however often its days are sold, and the CDMO never has the price of a
day twice but through fees that the terms say.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from app.capacity.supply import Span


class Sold(NamedTuple):
    """Days on a unit, and what all of them were sold for."""

    days: Span
    price_cents: int

    @property
    def price_of_a_day(self) -> Fraction:
        """The price of one of its days."""
        return Fraction(self.price_cents, self.days.days)


class Credited(NamedTuple):
    """What was given back for some days that had been sold again, and still is."""

    days: Span
    cents: int


class Resale(NamedTuple):
    """The credit that a resale gives, with the figures it comes from."""

    days: int
    of_days: int
    fee_cents: int
    price_of_a_day_cents: int
    sold_at_a_day_cents: int
    credit_cents: int


def common_days(one: Span, other: Span) -> Span | None:
    """Return the days that two periods share, or None."""
    days = Span(max(one.start_on, other.start_on), min(one.end_on, other.end_on))
    return days if days.days > 0 else None


def resale_credit(fee_cents: int, cancelled: Sold, resale: Sold, before: Sequence[Credited] = ()) -> Resale | None:
    """Return what of a cancellation fee a resale of its days gives back, rounded down; None if no day is sold again.

    Parameters
    ----------
    fee_cents
        What the cancellation cost in all.
    before
        What other resales have given back and leave so.
    """
    days = common_days(cancelled.days, resale.days)
    if days is None:
        return None
    share = Fraction(fee_cents, cancelled.days.days)
    ratio = Fraction(1)
    if resale.price_of_a_day < cancelled.price_of_a_day:
        ratio = resale.price_of_a_day / cancelled.price_of_a_day
    exact = sum((max(Fraction(0), share * ratio - _given_back(before, day)) for day in _each(days)), Fraction(0))
    left = fee_cents - sum(one.cents for one in before)
    return Resale(
        days=days.days,
        of_days=cancelled.days.days,
        fee_cents=fee_cents,
        price_of_a_day_cents=int(cancelled.price_of_a_day),
        sold_at_a_day_cents=int(resale.price_of_a_day),
        credit_cents=max(0, min(int(exact), left)),
    )


def _each(days: Span) -> list[date]:
    return [days.start_on + timedelta(days=number) for number in range(days.days)]


def _given_back(before: Sequence[Credited], day: date) -> Fraction:
    """Return what was given back for one day."""
    shares = (Fraction(one.cents, one.days.days) for one in before if one.days.start_on <= day < one.days.end_on)
    return sum(shares, Fraction(0))


def taken_back(credits_cents: Mapping[UUID, int], own_fee_cents: int) -> dict[UUID, int]:
    """Return what is taken back of the credits that a resale gave, when its own start-up cancels it.

    Its own fee covers them as far as it goes; the rest is taken from each in proportion, and adds up to the cent.
    """
    total = sum(credits_cents.values())
    uncovered = max(0, total - own_fee_cents)
    back: dict[UUID, int] = {}
    seen = 0
    for booking_id, cents in sorted(credits_cents.items()):
        before = seen * uncovered // total if total else 0
        seen += cents
        back[booking_id] = seen * uncovered // total - before if total else 0
    return back
