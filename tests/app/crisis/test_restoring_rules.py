"""Who is offered a place back first, and which days of it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capacity.supply import Span
from app.crisis.declaration import CrisisRules, Turn
from app.crisis.restoring_rules import Displaced, Unavailable, in_turn, place_back, why_none
from tests.support.world import day

SLOT = Span(day(0), day(120))
spans = st.builds(lambda start, days: Span(day(start), day(start + days)), st.integers(-10, 120), st.integers(1, 40))
own_days = st.builds(lambda start, days: Span(day(start), day(start + days)), st.integers(0, 80), st.integers(1, 40))


@given(own_days, st.lists(spans, max_size=4), st.integers(-20, 130), st.booleans())
def test_what_is_offered_is_free_inside_the_slot_as_long_as_before_and_none_of_it_past(
    own: Span, busy: list[Span], today: int, divisible: bool
) -> None:
    found = place_back(own, SLOT, busy, day(today), divisible=divisible)
    if found is None:
        return
    assert found.days == own.days
    assert SLOT.start_on <= found.start_on < own.end_on
    assert found.end_on <= SLOT.end_on
    assert max(own.start_on, day(today)) <= found.start_on
    assert not any(span.start_on < found.end_on and found.start_on < span.end_on for span in busy)
    assert divisible or found == own


@given(own_days, st.lists(spans, max_size=4), st.integers(-20, 130))
def test_own_days_come_first_and_then_the_earliest_rest_of_them(own: Span, busy: list[Span], today: int) -> None:
    def is_free(start: int) -> bool:
        end = day(start) + timedelta(days=own.days)
        clear = not any(span.start_on < end and day(start) < span.end_on for span in busy)
        return clear and end <= SLOT.end_on

    first, last = max((own.start_on - day(0)).days, today), (own.end_on - day(0)).days
    earliest = next((start for start in range(first, last) if is_free(start)), None)
    found = place_back(own, SLOT, busy, day(today), divisible=True)
    assert (found.start_on if found else None) == (None if earliest is None else day(earliest))


OTHERS = [Span(day(0), day(100))]


@pytest.mark.parametrize(
    ("own", "busy", "today", "divisible", "reason"),
    [
        (Span(day(10), day(50)), OTHERS, 20, True, Unavailable.DAYS_TAKEN),
        (Span(day(10), day(50)), OTHERS, 50, True, Unavailable.DAYS_PAST),
        (Span(day(80), day(120)), [], 81, True, Unavailable.DAYS_PAST),
        (SLOT, [], 1, False, Unavailable.DAYS_PAST),
        (SLOT, OTHERS, 1, False, Unavailable.DAYS_TAKEN),
    ],
)
def test_who_has_no_days_back_is_told_whether_others_have_them_or_they_have_passed(
    own: Span, busy: list[Span], today: int, reason: Unavailable, *, divisible: bool
) -> None:
    """What is made in one go, or takes a slot whole, has no room any more before its last day has passed."""
    assert place_back(own, SLOT, busy, day(today), divisible=divisible) is None
    assert why_none(own, SLOT, busy, day(today), divisible=divisible) is reason


@given(st.permutations(range(4)), st.permutations(list(Turn)))
def test_the_turn_is_the_policys_and_the_same_whoever_asks(order: list[int], by: list[Turn]) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    listed = [
        Displaced(UUID(int=0), 1, at + timedelta(days=3), day(9)),
        Displaced(UUID(int=1), 2, at, day(20)),
        Displaced(UUID(int=2), 2, at + timedelta(days=1), day(5)),
        Displaced(UUID(int=3), 2, at + timedelta(days=1), day(5)),
    ]
    found = in_turn([listed[number] for number in order], CrisisRules())
    assert [one.displacement_id.int for one in found] == [0, 1, 2, 3]
    other = in_turn(listed, CrisisRules(restoration_order=tuple(by)))
    first = {Turn.PRIORITY_TIER: 0, Turn.DISPLACED_AT: 1, Turn.START: 2}[by[0]]
    assert other[0].displacement_id.int == first
