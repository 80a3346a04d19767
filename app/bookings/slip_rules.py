"""Where the bookings behind a slip could go: a pure plan, in their order, none earlier than it was planned."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from app.capacity.supply import Span
from app.core.vocabulary import Reserve
from app.matching.slots import gaps

NO_PLACE = "no_place"


@dataclass(frozen=True, slots=True)
class Follower:
    """A live booking behind the one that slips.

    Attributes
    ----------
    reserves
        What reserves it may lie in.
    fixed_code
        Why nobody can propose a move to it, coded; None if it can be moved.
    kept
        Days that it keeps after its own by a slip of its own: in the way of all others if it stays.
    proposed
        Days that other slips propose to it: it alone may go there.
    """

    booking_id: UUID
    days: Span
    reserves: frozenset[Reserve] = frozenset({Reserve.OPEN})
    fixed_code: str | None = None
    kept: Span | None = None
    proposed: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """A published slot of the unit that can be divided."""

    slot_id: UUID
    days: Span
    reserve: Reserve = Reserve.OPEN


class Proposal(NamedTuple):
    """Where a booking could go."""

    booking_id: UUID
    slot_id: UUID
    days: Span


class Unplaced(NamedTuple):
    """A booking in the way for which there is nothing to propose, and why, coded."""

    booking_id: UUID
    code: str


class SlipPlan(NamedTuple):
    """What a slip asks of those behind it."""

    proposals: tuple[Proposal, ...]
    unplaced: tuple[Unplaced, ...]


def plan_slip(
    expected: Span, followers: Sequence[Follower], stretches: Iterable[Stretch], taken: Sequence[Span] = ()
) -> SlipPlan:
    """Return where the bookings that a slip runs into could go, and which of them have no place to go to.

    A booking that nothing runs into stays. One that is in the way goes to the first place that is long enough, in a
    slot of a reserve open to it, after those before it; it may push the next in turn. What cannot move is gone round.

    Parameters
    ----------
    expected
        The unit's occupancy by the campaign that slips, as it is now expected.
    followers
        Live bookings of the unit that end after the campaign's start, itself left out; they do not overlap.
    taken
        Further days that are nobody's to go to.
    """
    ordered = sorted(followers, key=lambda one: one.days)
    slots = sorted(stretches, key=lambda one: one.days)
    fixed = {one.booking_id: one.fixed_code for one in ordered if one.fixed_code is not None}
    while True:
        plan = list(_place(expected, ordered, slots, fixed.keys(), taken))
        stuck = [one.booking_id for one in plan if isinstance(one, Unplaced)]
        if not stuck:
            break
        # It stays where it is, and the others go round it: plan again.
        fixed |= dict.fromkeys(stuck, NO_PLACE)
    unplaced = tuple(
        Unplaced(one.booking_id, code)
        for one in ordered
        if (code := fixed.get(one.booking_id)) is not None and _meet(one.days, expected)
    )
    return SlipPlan(tuple(one for one in plan if isinstance(one, Proposal)), unplaced)


def _place(
    expected: Span, ordered: Sequence[Follower], slots: Sequence[Stretch], fixed: Iterable[UUID], taken: Sequence[Span]
) -> Iterator[Proposal | Unplaced]:
    """Yield what becomes of each booking that has to move, if some stay where they are."""
    fixed = set(fixed)
    stay = [one for one in ordered if one.booking_id in fixed]
    busy = [expected, *taken, *(one.days for one in stay), *(one.kept for one in stay if one.kept is not None)]
    free_from = expected.end_on
    for one in ordered:
        if one.booking_id in fixed:
            continue
        if one.days.start_on >= free_from:
            free_from = one.days.end_on
            continue
        others = [days for other in ordered if other is not one for days in other.proposed]
        place = _first_place(one, max(free_from, one.days.start_on), slots, [*busy, *others])
        if place is None:
            yield Unplaced(one.booking_id, NO_PLACE)
            continue
        free_from = place.days.end_on
        yield place


def _first_place(one: Follower, from_on: date, slots: Sequence[Stretch], busy: Sequence[Span]) -> Proposal | None:
    for slot in slots:
        if slot.reserve not in one.reserves:
            continue
        for free in gaps(slot.days, busy):
            start_on = max(free.start_on, from_on)
            days = Span(start_on, start_on + timedelta(days=one.days.days))
            if days.end_on <= free.end_on:
                return Proposal(one.booking_id, slot.slot_id, days)
    return None


def _meet(one: Span, other: Span) -> bool:
    return one.start_on < other.end_on and other.start_on < one.end_on
