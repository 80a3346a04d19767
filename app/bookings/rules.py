"""Pure rules of bookings: the table of transitions and who makes them, deadlines, and the nearest free period."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from app.bookings.models import LIVE, BookingStatus, ContractStatus
from app.bookings.schemas import CancelReason
from app.capacity.supply import Span
from app.core.clock import SITE_ZONE
from app.core.errors import StateConflict

S = BookingStatus


class Party(StrEnum):
    """On whose behalf a booking changes."""

    STARTUP = "startup"
    CDMO = "cdmo"
    CRISIS = "crisis"
    SERVICE = "service"


class Change(NamedTuple):
    """One way from a status to another: by which verb, by whom, and whether a coded reason goes with it."""

    verb: str
    by: frozenset[Party]
    coded: bool = False


def _change(verb: str, *by: Party, coded: bool = False) -> Change:
    return Change(verb, frozenset(by), coded)


STARTUP, CDMO, CRISIS, SERVICE = Party.STARTUP, Party.CDMO, Party.CRISIS, Party.SERVICE
CANCEL = _change("cancel", STARTUP, CDMO, CRISIS, coded=True)
# A crisis may take the period of a booking that its CDMO has not yet approved.
DISPLACE = _change("displace", CRISIS, coded=True)

TRANSITIONS: Mapping[BookingStatus, Mapping[BookingStatus, tuple[Change, ...]]] = {
    S.HELD: {
        S.AWAITING_CDMO: (_change("confirm", STARTUP, CRISIS),),
        S.CONFIRMED: (_change("confirm", STARTUP, CRISIS),),
        S.RELEASED: (_change("release", STARTUP, CRISIS, coded=True),),
        S.EXPIRED: (_change("expire", SERVICE, coded=True),),
    },
    S.AWAITING_CDMO: {
        # Moved to an instant place on a standard line, it awaits nobody any more.
        S.CONFIRMED: (_change("approve", CDMO, CRISIS), _change("move", STARTUP)),
        S.DECLINED: (_change("decline", CDMO, CRISIS, coded=True), _change("expire", SERVICE, coded=True)),
        S.CANCELLED: (CANCEL,),
        S.DISPLACED: (DISPLACE,),
        # The place that a move asked for, once the booking has it, or needs it no more.
        S.RELEASED: (_change("end_move", SERVICE, coded=True),),
    },
    S.CONFIRMED: {
        S.IN_PRODUCTION: (_change("start", CDMO),),
        S.CANCELLED: (CANCEL,),
        S.DISPLACED: (DISPLACE,),
    },
    S.IN_PRODUCTION: {
        S.COMPLETED: (_change("complete", CDMO),),
        S.FAILED: (_change("fail", CDMO, coded=True),),
    },
    S.COMPLETED: {},
    S.FAILED: {},
    S.RELEASED: {},
    S.EXPIRED: {},
    S.DECLINED: {},
    S.CANCELLED: {},
    S.DISPLACED: {},
}
"""Every change of status there is, and who may make it; what has ended stays as it ended."""


class Amendment(NamedTuple):
    """What changes a booking and leaves its status: in which, by whom."""

    statuses: frozenset[BookingStatus]
    by: frozenset[Party]


AMENDMENTS: Mapping[str, Amendment] = {
    "move": Amendment(frozenset({S.AWAITING_CDMO, S.CONFIRMED}), frozenset({STARTUP})),
    "make_way": Amendment(frozenset({S.AWAITING_CDMO, S.CONFIRMED}), frozenset({STARTUP})),
    "contract": Amendment(frozenset({S.AWAITING_CDMO, S.CONFIRMED, S.IN_PRODUCTION}), frozenset({CDMO})),
    "slip": Amendment(frozenset({S.CONFIRMED, S.IN_PRODUCTION}), frozenset({CDMO})),
}
"""The same for what leaves the status as it is."""

CONTRACT_STEPS: Mapping[ContractStatus, frozenset[ContractStatus]] = {
    ContractStatus.NONE: frozenset({ContractStatus.TERM_SHEET, ContractStatus.SIGNED}),
    ContractStatus.TERM_SHEET: frozenset({ContractStatus.SIGNED}),
    ContractStatus.SIGNED: frozenset(),
}
"""A contract only ever gets further."""

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


def who_may(verb: str) -> frozenset[Party]:
    """Return the parties that a verb is open to, whatever the status."""
    changes = (change for after in TRANSITIONS.values() for ways in after.values() for change in ways)
    found = frozenset(party for change in changes if change.verb == verb for party in change.by)
    return found | (AMENDMENTS[verb].by if verb in AMENDMENTS else frozenset())


def require_transition(before: BookingStatus, after: BookingStatus, *, coded: bool = True) -> None:
    """Let pass only a change of status that the table knows.

    Parameters
    ----------
    coded
        Whether a coded reason is given.

    Raises
    ------
    StateConflict
        For any other; its facts name the status and those that may follow.
    ValueError
        If the change needs a coded reason, and has none.
    """
    ways = TRANSITIONS[before].get(after)
    if ways is None:
        raise StateConflict(
            f"A booking that is {before.value} cannot become {after.value}.",
            facts={"booking_status": before.value, "allowed": sorted(TRANSITIONS[before])},
        )
    if not coded and all(way.coded for way in ways):
        raise ValueError(f"a booking becomes {after.value} for a coded reason")


def require_way(verb: str, before: BookingStatus) -> None:
    """Let pass only a verb that leads somewhere from a status.

    Raises
    ------
    StateConflict
        For any other; its facts name the status, and those from which the verb leads on.
    """
    allowed = sorted(
        status
        for status, after in TRANSITIONS.items()
        if any(way.verb == verb for ways in after.values() for way in ways)
    )
    if before not in allowed:
        raise StateConflict(
            f"This takes a booking that is {' or '.join(allowed)}; this one is {before.value}.",
            facts={"booking_status": before.value, "allowed_in": allowed},
        )


def require_amendable(verb: str, status: BookingStatus) -> None:
    """Let pass only what a booking's status allows to be changed about it.

    Raises
    ------
    StateConflict
        For any other; its facts name the status and those that allow it.
    """
    allowed = AMENDMENTS[verb].statuses
    if status not in allowed:
        told = " or ".join(sorted(allowed))
        raise StateConflict(
            f"This takes a booking that is {told}; this one is {status.value}.",
            facts={"booking_status": status.value, "allowed_in": sorted(allowed)},
        )


def require_contract_step(before: ContractStatus, after: ContractStatus) -> None:
    """Let pass only a step forward of the contract.

    Raises
    ------
    StateConflict
        For any other; its facts name those that may follow.
    """
    if after not in CONTRACT_STEPS[before]:
        raise StateConflict(
            f"A contract that stands at {before.value} cannot go to {after.value}: it only gets further.",
            facts={"contract_status": before.value, "allowed": sorted(CONTRACT_STEPS[before])},
        )


def approval_deadline(start_on: date, asked_at: datetime, hours: int) -> datetime:
    """Return until when a CDMO may approve: so many hours from the question, and never once the period has begun."""
    return min(asked_at + timedelta(hours=hours), _begin_of(start_on))


def answer_deadline(start_on: date, *, instant: bool) -> datetime:
    """Return until when a place that is held can be taken at the latest, however long it is held for.

    Where the start-up's word is enough, until the midnight at the sites with which the first day of the period ends:
    what begins today may be booked today. Where its CDMO has to approve it then, until that with which the day begins.
    """
    return _begin_of(start_on + timedelta(days=1) if instant else start_on)


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time.min, SITE_ZONE).astimezone(UTC)


def free_from(ended_on: date, told_until_on: date, changeover_days: int) -> date:
    """Return the day from which a unit is free of a campaign that has ended: the day after its changeover.

    A changeover is taken to be over by the day that was told before. Once production has run past that, nothing told is
    to be believed of the changeover either: it is counted in full.

    Parameters
    ----------
    ended_on
        The day on which production ended.
    told_until_on
        The end of the planned period, or of the one that the last slip told if that is later: half-open.
    """
    clean_on = ended_on + timedelta(days=1 + changeover_days)
    return clean_on if ended_on >= told_until_on else min(told_until_on, clean_on)


def part_outside(wanted: Span, own: Span) -> Span | None:
    """Return the days of a wanted period that lie outside one's own, or None if they are not one period."""
    before = Span(wanted.start_on, min(wanted.end_on, own.start_on))
    after = Span(max(wanted.start_on, own.end_on), wanted.end_on)
    parts = [part for part in (before, after) if part.days > 0]
    return parts[0] if len(parts) == 1 else None


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
