"""The table of transitions, and the nearest free period."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bookings.models import LIVE, BookingStatus, ContractStatus
from app.bookings.rules import (
    AMENDMENTS,
    ENDED,
    INITIAL,
    TRANSITIONS,
    Party,
    nearest_free,
    require_amendable,
    require_contract_step,
    require_transition,
    who_may,
)
from app.capacity.supply import Span
from app.core.errors import StateConflict
from app.matching.slots import gaps

STATUSES = st.sampled_from(BookingStatus)
ORIGIN = date(2030, 1, 1)


def span(start: int, end: int) -> Span:
    return Span(ORIGIN + timedelta(days=start), ORIGIN + timedelta(days=end))


spans = st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda pair: span(pair[0], pair[0] + pair[1]))


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(BookingStatus)


@given(STATUSES, STATUSES)
def test_what_has_ended_never_lives_again(before: BookingStatus, after: BookingStatus) -> None:
    if before in ENDED:
        with pytest.raises(StateConflict):
            require_transition(before, after)


@given(st.lists(STATUSES, max_size=12))
def test_any_walk_of_allowed_steps_starts_alive_and_passes_through_confirmation(steps: list[BookingStatus]) -> None:
    status, seen = BookingStatus.HELD, [BookingStatus.HELD]
    for step in steps:
        if step in TRANSITIONS[status]:
            require_transition(status, step)
            status = step
            seen.append(step)
    assert all(one in LIVE for one in seen[:-1])
    assert len(set(seen)) == len(seen), "no status is taken twice"
    if BookingStatus.IN_PRODUCTION in seen:
        assert BookingStatus.CONFIRMED in seen


def test_what_each_side_may_do() -> None:
    by_startup = {"confirm", "release", "cancel", "move", "make_way"}
    by_cdmo = {"approve", "decline", "cancel", "contract", "start", "complete", "fail", "slip"}
    verbs = {way.verb for after in TRANSITIONS.values() for ways in after.values() for way in ways} | set(AMENDMENTS)
    assert {verb for verb in verbs if Party.STARTUP in who_may(verb)} == by_startup
    assert {verb for verb in verbs if Party.CDMO in who_may(verb)} == by_cdmo
    assert {verb for verb in verbs if Party.SERVICE in who_may(verb)} == {"expire", "end_move"}


@given(STATUSES, STATUSES, st.booleans())
def test_a_change_is_refused_with_those_that_are_allowed_and_never_made_without_its_reason(
    before: BookingStatus, after: BookingStatus, coded: bool
) -> None:
    ways = TRANSITIONS[before].get(after)
    if ways is None:
        with pytest.raises(StateConflict) as refused:
            require_transition(before, after, coded=coded)
        assert refused.value.facts == {"booking_status": before.value, "allowed": sorted(TRANSITIONS[before])}
    elif not coded and all(way.coded for way in ways):
        with pytest.raises(ValueError, match="coded reason"):
            require_transition(before, after, coded=coded)
    else:
        require_transition(before, after, coded=coded)


@given(st.sampled_from(sorted(AMENDMENTS)), STATUSES)
def test_what_leaves_the_status_is_refused_with_those_that_allow_it(verb: str, status: BookingStatus) -> None:
    if status in AMENDMENTS[verb].statuses:
        require_amendable(verb, status)
        return
    with pytest.raises(StateConflict) as refused:
        require_amendable(verb, status)
    assert refused.value.facts["allowed_in"] == sorted(AMENDMENTS[verb].statuses)


@given(st.lists(st.sampled_from(ContractStatus), max_size=6))
def test_a_contract_never_gets_back(steps: list[ContractStatus]) -> None:
    order, status = list(ContractStatus), ContractStatus.NONE
    for step in steps:
        if order.index(step) > order.index(status):
            require_contract_step(status, step)
            status = step
        else:
            with pytest.raises(StateConflict):
                require_contract_step(status, step)


def test_production_is_never_displaced_nor_cancelled() -> None:
    assert set(TRANSITIONS[BookingStatus.IN_PRODUCTION]) == {BookingStatus.COMPLETED, BookingStatus.FAILED}


def test_only_what_occupies_its_period_can_be_made() -> None:
    assert set(LIVE) >= INITIAL
    assert BookingStatus.IN_PRODUCTION not in INITIAL


@given(spans, st.lists(spans, max_size=6), st.integers(1, 20), st.integers(0, 90), st.none() | spans)
def test_the_nearest_free_period_is_what_looking_at_every_day_finds(
    slot: Span, busy: list[Span], days: int, start: int, starts: Span | None
) -> None:
    found = nearest_free(span(start, start + days), gaps(slot, busy), starts)
    possible = [
        one
        for offset in range(-5, 120)
        for one in [span(offset, offset + days)]
        if slot.start_on <= one.start_on and one.end_on <= slot.end_on
        if all(one.end_on <= taken.start_on or taken.end_on <= one.start_on for taken in busy)
        if starts is None or starts.start_on <= one.start_on < starts.end_on
    ]
    wanted = ORIGIN + timedelta(days=start)
    assert found == min(possible, key=lambda one: (abs((one.start_on - wanted).days), one.start_on), default=None)
