"""Pure rules of bookings: the table of transitions, and the nearest free period."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from app.bookings.models import LIVE, BookingStatus
from app.bookings.schemas import CancelReason
from app.capacity.supply import Span
from app.core.errors import StateConflict

S = BookingStatus

TRANSITIONS: Mapping[BookingStatus, frozenset[BookingStatus]] = {
    S.HELD: frozenset({S.AWAITING_CDMO, S.CONFIRMED, S.RELEASED, S.EXPIRED}),
    # A crisis may take the period of a booking that its CDMO has not yet approved.
    S.AWAITING_CDMO: frozenset({S.CONFIRMED, S.DECLINED, S.CANCELLED, S.DISPLACED}),
    S.CONFIRMED: frozenset({S.IN_PRODUCTION, S.CANCELLED, S.DISPLACED}),
    S.IN_PRODUCTION: frozenset({S.COMPLETED, S.FAILED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset(),
    S.RELEASED: frozenset(),
    S.EXPIRED: frozenset(),
    S.DECLINED: frozenset(),
    S.CANCELLED: frozenset(),
    S.DISPLACED: frozenset(),
}
"""Every change of status there is; what has ended stays as it ended."""

INITIAL = frozenset({S.HELD, S.AWAITING_CDMO, S.CONFIRMED})
"""The statuses in which a booking may be made."""

ENDED = frozenset(S) - frozenset(LIVE)
"""The statuses that no longer occupy the period."""

CDMO_REASONS = frozenset(
    {
        CancelReason.EQUIPMENT_FAILURE,
        CancelReason.QUALITY_EVENT,
        CancelReason.STAFFING,
        CancelReason.REGULATORY,
        CancelReason.PLANNING,
        CancelReason.OTHER,
    }
)
"""Why a CDMO may cancel."""

STARTUP_REASONS = frozenset(
    {
        CancelReason.FUNDING,
        CancelReason.CLINICAL_HOLD,
        CancelReason.PROGRAMME_STOPPED,
        CancelReason.PRODUCT_CHANGED,
        CancelReason.FOUND_ELSEWHERE,
        CancelReason.REGULATORY,
        CancelReason.PLANNING,
        CancelReason.OTHER,
    }
)
"""Why a start-up may cancel."""


def require_transition(before: BookingStatus, after: BookingStatus) -> None:
    """Let pass only a change of status that the table knows.

    Raises
    ------
    StateConflict
        For any other; its facts name the status and those that may follow.
    """
    allowed = TRANSITIONS[before]
    if after not in allowed:
        raise StateConflict(
            f"A booking that is {before.value} cannot become {after.value}.",
            facts={"booking_status": before.value, "allowed": sorted(allowed)},
        )


def nearest_free(wanted: Span, stretches: Iterable[Span], starts: Span | None = None) -> Span | None:
    """Return the free period of the wanted length whose start is nearest to the wanted one, the earlier of two.

    Parameters
    ----------
    stretches
        Free stretches, half-open.
    starts
        Days on which it may start, half-open; None leaves them open.
    """
    best: tuple[int, Span] | None = None
    for free in stretches:
        first, last = free.start_on, free.end_on - timedelta(days=wanted.days)
        if starts is not None:
            first, last = max(first, starts.start_on), min(last, starts.end_on - timedelta(days=1))
        if first > last:
            continue
        start_on = min(max(wanted.start_on, first), last)
        found = (abs((start_on - wanted.start_on).days), Span(start_on, start_on + timedelta(days=wanted.days)))
        best = found if best is None else min(best, found)
    return best[1] if best else None
