"""The readiness fee of a quarter: worked by hand, and what holds for every promise."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bookings.readiness_rules import Kept, readiness_fee
from app.capacity.agreement_rules import QuarterCompliance, compliance, quarter_of
from app.capacity.supply import Span

FIRST = Span(date(2030, 1, 1), date(2030, 4, 1))
"""Ninety days."""


def cents(fee_cents: int, promised: int, published: int, span: Span = FIRST) -> int:
    return readiness_fee(fee_cents, QuarterCompliance(span, promised, published)).amount_cents


@pytest.mark.parametrize(
    ("published", "owed", "code"),
    [
        (0, 0, Kept.NOT_AT_ALL),
        (1, 33, Kept.IN_PART),
        (2, 67, Kept.IN_PART),
        (3, 100, Kept.WHOLLY),
        (4, 100, Kept.WHOLLY),
    ],
)
def test_the_fee_is_owed_as_far_as_the_promise_was_kept(published: int, owed: int, code: Kept) -> None:
    fee = readiness_fee(100, QuarterCompliance(FIRST, 3, published))
    assert (fee.amount_cents, fee.figures.code) == (owed, code)
    assert fee.figures.model_dump(mode="json") == {
        "code": code.value,
        "policy_version": "readiness/1",
        "readiness_fee_cents": 100,
        "start": "2030-01-01",
        "end": "2030-04-01",
        "quarter_days": 90,
        "promised_batch_days": 3,
        "published_batch_days": published,
    }


def test_half_a_cent_is_rounded_up_once() -> None:
    assert cents(1, 2, 1) == 1
    assert cents(3, 2, 1) == 2
    # A third of the quarter and half of the promise are a sixth of 9: 1.5, not half of 3 rounded twice.
    assert cents(9, 2, 1, Span(date(2030, 1, 1), date(2030, 1, 31))) == 2


def test_a_part_of_a_quarter_is_charged_in_proportion_to_its_days() -> None:
    # From 16 August: 46 of 92 days, in which half of 91 batch-days are promised, rounded up.
    (part,) = compliance(Span(date(2030, 8, 16), date(2030, 10, 1)), 91, [Span(date(2030, 8, 1), date(2030, 9, 8))], {})
    assert (part.promised_batch_days, part.published_batch_days) == (46, 23)
    fee = readiness_fee(1_000_000, part)
    assert (fee.quarter_on, fee.amount_cents) == (date(2030, 7, 1), 250_000)
    assert (fee.figures.start, fee.figures.end) == (date(2030, 8, 16), date(2030, 10, 1))


fees, counts = st.integers(0, 10**13), st.integers(1, 10**6)


@st.composite
def parts(draw: st.DrawFn) -> Span:
    """The first days of a quarter, or all of them."""
    quarter = quarter_of(draw(st.dates(date(2000, 1, 1), date(2099, 1, 1))))
    return Span(quarter.start_on, quarter.start_on + timedelta(days=draw(st.integers(1, quarter.days))))


@given(fees, counts, st.integers(0, 2 * 10**6), parts())
def test_it_is_within_half_a_cent_of_the_share_and_never_beyond_the_fee(
    fee_cents: int, promised: int, published: int, part: Span
) -> None:
    exact = Fraction(fee_cents * min(published, promised) * part.days, promised * quarter_of(part.start_on).days)
    found = cents(fee_cents, promised, published, part)
    assert 0 <= found <= fee_cents
    assert abs(found - exact) <= Fraction(1, 2)
    assert found <= cents(fee_cents, promised, published + 1, part)


@given(fees, counts, st.integers(0, 10**6), st.integers(0, 10**6))
def test_parts_of_a_promise_add_up_to_the_whole_to_the_cent(
    fee_cents: int, promised: int, one: int, other: int
) -> None:
    kept = min(one, promised), min(other, promised - min(one, promised))
    apart = sum(cents(fee_cents, promised, published) for published in kept)
    assert abs(apart - cents(fee_cents, promised, sum(kept))) <= 1
