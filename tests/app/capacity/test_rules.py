"""Pure rules of slots and agreements, on random input."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.capacity.agreement_rules import Recorded, compliance, promised_over, quarter_of, quarters, shared
from app.capacity.models import SlotStatus
from app.capacity.rules import TRANSITIONS, BatchPrice, SlotDraft, batch_price, effective_reserve, in_the_way, lowest
from app.capacity.supply import Claim, Span
from app.core.vocabulary import Basis, Reserve

days = st.dates(date(2028, 1, 1), date(2034, 12, 31))
spans = st.tuples(days, st.integers(1, 700)).map(lambda made: Span(made[0], made[0] + timedelta(days=made[1])))
cents = st.none() | st.integers(0, 1000)


@given(days)
def test_a_quarter_is_three_whole_months_around_its_day(day: date) -> None:
    quarter = quarter_of(day)
    assert quarter.start_on <= day < quarter.end_on
    assert (quarter.start_on.day, quarter.end_on.day) == (1, 1)
    assert quarter.start_on.month in {1, 4, 7, 10}
    assert quarter_of(quarter.end_on - timedelta(days=1)) == quarter
    assert quarter_of(quarter.end_on) != quarter


@given(spans)
def test_quarters_cut_a_span_into_all_of_its_days(span: Span) -> None:
    parts = list(quarters(span))
    assert parts[0].start_on == span.start_on
    assert parts[-1].end_on == span.end_on
    assert all(one.end_on == following.start_on for one, following in pairwise(parts))


@given(spans, st.integers(1, 500), st.lists(spans, max_size=6))
def test_every_published_day_counts_in_one_quarter(covered: Span, promised: int, published: list[Span]) -> None:
    found = compliance(covered, promised, published, {})
    counted = sum(common.days for one in published if (common := shared(covered, one)))
    assert sum(one.published_batch_days for one in found) == counted


def test_days_that_are_recorded_count_as_recorded_and_the_others_as_published() -> None:
    covered = Span(date(2030, 1, 1), date(2030, 7, 1))
    # 20 days at the end of March, 10 of which were not ready, and 5 at the end of January that were: of one unit.
    published = [Span(date(2030, 3, 12), date(2030, 4, 11))]
    recorded = {date(2030, 1, 1): Recorded(Span(date(2030, 1, 1), date(2030, 3, 22)), 5)}
    first, second = compliance(covered, 10, published, recorded)
    assert (first.published_batch_days, second.published_batch_days) == (5 + 10, 10)


@given(spans, st.integers(1, 500), st.lists(spans, max_size=6))
def test_recorded_as_published_changes_nothing(covered: Span, promised: int, published: list[Span]) -> None:
    told = compliance(covered, promised, published, {})
    recorded = {quarter_of(one.span.start_on).start_on: Recorded(one.span, one.published_batch_days) for one in told}
    assert compliance(covered, promised, published, recorded) == told
    assert compliance(covered, promised, [], recorded) == told


@given(spans, st.integers(1, 500))
def test_parts_of_a_quarter_promise_in_proportion_rounded_up(span: Span, promised: int) -> None:
    for part in quarters(span):
        exact = Fraction(promised * part.days, quarter_of(part.start_on).days)
        assert 0 <= promised_over(part, promised) - exact < 1


@given(spans, st.integers(1, 500))
def test_a_whole_quarter_promises_the_whole_and_no_part_promises_nothing(covered: Span, promised: int) -> None:
    for one in compliance(covered, promised, [], {}):
        whole = one.span == quarter_of(one.span.start_on)
        assert (one.promised_batch_days == promised) if whole else (0 < one.promised_batch_days <= promised)
        assert not one.is_met


drafts = st.builds(
    lambda span, status, reserve, divisible: SlotDraft(
        start=span.start_on, end=span.end_on, reserve=reserve, status=status, divisible=divisible
    ),
    spans,
    st.sampled_from(SlotStatus),
    st.sampled_from(Reserve),
    st.booleans(),
)


@given(drafts, drafts, st.lists(spans, max_size=4))
def test_a_change_is_free_exactly_when_every_booking_still_fits(
    before: SlotDraft, after: SlotDraft, booked: list[Span]
) -> None:
    inside = [one for one in booked if shared(one, before.span) == one]
    contradicted = in_the_way(before, after, [Claim(one, before.reserve) for one in inside], date(2030, 1, 1))
    kept = (
        (before.status is not SlotStatus.PUBLISHED or after.status is SlotStatus.PUBLISHED)
        and before.reserve is after.reserve
        and (after.divisible or not before.divisible or len(inside) < 2)
        and all(shared(one, after.span) == one for one in inside)
    )
    assert (not contradicted) == (kept or not inside)
    assert set(contradicted) <= set(inside)
    assert in_the_way(before, before, [Claim(one, before.reserve) for one in inside], date(2030, 1, 1)) == []


def test_a_published_slot_only_ever_leaves_the_market_whole() -> None:
    assert TRANSITIONS[SlotStatus.PUBLISHED] == {SlotStatus.WITHDRAWN}
    assert set(TRANSITIONS) == set(SlotStatus)


@given(cents, cents, cents)
def test_a_batch_never_costs_more_than_its_cap_nor_less_than_anybody_said(
    line: int | None, own: int | None, cap: int | None
) -> None:
    made = batch_price(
        BatchPrice("x", line, Basis.ILLUSTRATIVE),
        own_cents=own,
        own_basis=Basis.DECLARED,
        cap_cents=cap,
        cap_basis=Basis.SOURCED,
    )
    listed = own if own is not None else line
    assert made.price_cents == min((one for one in (listed, cap) if one is not None), default=None)
    if made.basis is Basis.DECLARED:
        assert made.price_cents == own


@given(st.lists(cents, max_size=5))
def test_the_lowest_price_is_the_lowest_known(amounts: list[int | None]) -> None:
    found = lowest(BatchPrice("x", one, Basis.DECLARED) for one in amounts)
    known = [one for one in amounts if one is not None]
    assert (found.price_cents if found else None) == min(known, default=None)


@given(st.sampled_from(Reserve), st.none() | days, days)
def test_only_a_released_startup_slot_changes_its_reserve(
    reserve: Reserve, releases_on: date | None, day: date
) -> None:
    released = reserve is Reserve.STARTUP and releases_on is not None and releases_on <= day
    assert effective_reserve(reserve, releases_on, day) is (Reserve.OPEN if released else reserve)
