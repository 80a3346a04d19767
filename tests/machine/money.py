"""What things cost, in cents, as the design says it; nothing here is taken from the service."""

from fractions import Fraction

from tests.machine.things import Booking, Offer, Sale

RESERVATION_PERCENT = 15
BANDS = ((181, None), (91, 25), (31, 55))
"""Least days of notice, and what leaving costs then: the reservation fee, or a share of the price; below, all of it."""
FREE_MOVES = 1
FREE_MOVE_NOTICE_DAYS = 60
MOVE_PERCENT = 10


def share(cents: int, percent: int) -> int:
    """A share of an amount, to the nearest cent."""
    return (cents * percent + 50) // 100


def reservation_fee(price_cents: int) -> int:
    return share(price_cents, RESERVATION_PERCENT)


def cancellation_fee(price_cents: int, notice_days: int) -> int:
    """What leaving costs in all."""
    for least, percent in BANDS:
        if notice_days >= least:
            return reservation_fee(price_cents) if percent is None else share(price_cents, percent)
    return price_cents


def move_offer(booking: Booking, notice_days: int, *, by_cdmo: bool) -> Offer:
    """What a move costs: nothing before its CDMO has approved it or where it is the cause, once in time, else a tenth.

    Where the CDMO is the cause, the move in time is still to come.
    """
    if booking.status != "confirmed" or by_cdmo:
        return Offer(0, free=False)
    if notice_days >= FREE_MOVE_NOTICE_DAYS and booking.free_moves < FREE_MOVES:
        return Offer(0, free=True)
    return Offer(share(booking.place.price_cents, MOVE_PERCENT), free=False)


def resale_credit_bounds(cancelled: Booking) -> tuple[int, int]:
    """The least and the most that a canceller has back: in proportion to what is sold again, never beyond its fee.

    Where its days have been sold again more than once, or a sale has moved or ended, the design says no figure.
    """
    if not cancelled.sales:
        return 0, 0
    if cancelled.resold_unclearly or len(cancelled.sales) > 1:
        return 0, cancelled.fees_cents
    credit = _credit(cancelled, cancelled.sales[0])
    return credit, credit


def _credit(cancelled: Booking, sale: Sale) -> int:
    place = cancelled.place
    ratio = min(Fraction(1), sale.price_of_a_day / Fraction(place.price_cents, place.days.number))
    return int(Fraction(cancelled.fees_cents * sale.days, place.days.number) * ratio)
