"""What a move costs: its fee, and what the new place's own price changes; pure functions over the terms."""

from datetime import date

from pydantic import Field

from app.bookings.fees import BookingTerms, Frozen, share_cents


class MoveOffer(Frozen):
    """A move as it was asked for and quoted: what is charged at most when it takes effect, whenever that is."""

    start: date = Field(description="First day at the new place")
    end: date = Field(description="Day after the last one there, changeover included")
    notice_days: int = Field(description="Days from the question to the present start")
    free: bool = Field(description="A free move is used, and nothing is charged for moving")
    by_cdmo: bool = Field(default=False, description="The CDMO is the cause: nothing is charged, no free move used")
    fee_cents: int = Field(description="What moving costs")
    price_difference_cents: int = Field(description="New price less the present one")
    reservation_difference_cents: int = Field(description="Charged with the move; negative: credited")


def free_moves_left(terms: BookingTerms, used: int) -> int:
    """Return how many moves are still free, if asked for in time."""
    return max(0, terms.moves.free - used)


def move_offer(
    present: BookingTerms,
    new: BookingTerms,
    start: date,
    end: date,
    *,
    notice_days: int,
    free_used: int,
    bound: bool,
    by_cdmo: bool = False,
) -> MoveOffer:
    """Return what a move to a place with terms of its own costs.

    Parameters
    ----------
    free_used
        Free moves made before.
    bound
        Whether the booking is confirmed: one that its CDMO has not approved is as free to move as it is to leave.
    by_cdmo
        Whether a slip of its CDMO is in its way: moving costs nothing then, and leaves the free moves as they are. The
        new place is at its own price all the same.
    """
    rule = present.moves
    pays = bound and not by_cdmo
    free = pays and notice_days >= rule.free_notice_days and free_moves_left(present, free_used) > 0
    return MoveOffer(
        start=start,
        end=end,
        notice_days=notice_days,
        free=free,
        by_cdmo=by_cdmo,
        fee_cents=share_cents(present.price_cents, rule.percent) if pays and not free else 0,
        price_difference_cents=new.price_cents - present.price_cents,
        reservation_difference_cents=new.reservation_fee_cents - present.reservation_fee_cents if bound else 0,
    )
