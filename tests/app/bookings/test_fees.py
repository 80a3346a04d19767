"""Fees: worked examples by hand, and what holds for every price and every day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bookings.fees import (
    DEFAULT_POLICY,
    BookingTerms,
    cancellation_fee_cents,
    cancellation_schedule,
    cdmo_cancellation_cents,
    share_cents,
    terms_of,
)
from app.core.schemas import MAX_CENTS
from app.matching.outcome import Price

START = date(2030, 6, 1)
ANTIBODY, CELLS = "monoclonal_antibody", "cell_therapy_autologous"

prices = st.integers(0, MAX_CENTS)
modalities = st.sampled_from([ANTIBODY, CELLS])
notices = st.integers(-400, 800)


def quoted(price_cents: int, modality: str = ANTIBODY) -> BookingTerms:
    return terms_of(Price(batches_cents=price_cents), modality, instant=True)


@pytest.mark.parametrize(
    ("modality", "notice_days", "euros"),
    [
        # 1,000 EUR of antibody: the reservation fee of 15 %, then 25, 55 and 100 %.
        (ANTIBODY, 400, 150),
        (ANTIBODY, 181, 150),
        (ANTIBODY, 180, 250),
        (ANTIBODY, 91, 250),
        (ANTIBODY, 90, 550),
        (ANTIBODY, 31, 550),
        (ANTIBODY, 30, 1000),
        (ANTIBODY, 0, 1000),
        (ANTIBODY, -3, 1000),
        # Autologous cells: nothing, then 25, 50 and 100 %.
        (CELLS, 31, 0),
        (CELLS, 30, 250),
        (CELLS, 15, 250),
        (CELLS, 14, 500),
        (CELLS, 7, 500),
        (CELLS, 6, 1000),
    ],
)
def test_the_fee_follows_the_bands(modality: str, notice_days: int, euros: int) -> None:
    assert cancellation_fee_cents(quoted(100_000, modality), notice_days, by_cdmo=False) == euros * 100


@given(prices, modalities, notices)
def test_the_fee_lies_between_nothing_and_the_price(price: int, modality: str, notice: int) -> None:
    assert 0 <= cancellation_fee_cents(quoted(price, modality), notice, by_cdmo=False) <= price


@given(prices, modalities, notices)
def test_less_notice_never_costs_less(price: int, modality: str, notice: int) -> None:
    terms = quoted(price, modality)
    later = cancellation_fee_cents(terms, notice - 1, by_cdmo=False)
    assert cancellation_fee_cents(terms, notice, by_cdmo=False) <= later


@given(prices, modalities, notices)
def test_nothing_is_due_when_the_cdmo_cancels(price: int, modality: str, notice: int) -> None:
    assert cancellation_fee_cents(quoted(price, modality), notice, by_cdmo=True) == 0


@given(prices, modalities, st.integers(0, 100))
def test_a_cdmo_owes_its_share_of_the_price_when_it_cancels(price: int, modality: str, percent: int) -> None:
    terms = terms_of(Price(batches_cents=price), modality, instant=True, cdmo_cancellation_percent=percent)
    assert BookingTerms.model_validate(terms.model_dump(mode="json")) == terms
    owed = cdmo_cancellation_cents(terms)
    assert abs(100 * owed - price * percent) <= 50, "to the nearest cent"
    assert 0 <= owed <= price


def test_a_cdmo_owes_nothing_by_terms_that_were_stored_before_there_was_such_a_term() -> None:
    stored = quoted(100_000, ANTIBODY).model_dump(mode="json")
    del stored["cdmo_cancellation_percent"]
    assert cdmo_cancellation_cents(BookingTerms.model_validate(stored)) == 0


@given(prices, modalities, notices, st.integers(0, MAX_CENTS))
def test_the_schedule_says_of_every_day_what_a_cancellation_on_it_costs(
    price: int, modality: str, notice: int, charged: int
) -> None:
    terms = quoted(price, modality)
    day = START - timedelta(days=notice)
    costs = cancellation_schedule(terms, START, charged)
    that_day = [one for one in costs if (one.start is None or one.start <= day) and (one.end is None or day < one.end)]
    assert len(that_day) == 1, "the periods are a partition of all days"
    assert that_day[0].total_cents == cancellation_fee_cents(terms, notice, by_cdmo=False)
    assert that_day[0].due_cents == that_day[0].total_cents - charged


@given(prices, modalities)
def test_terms_survive_their_storage(price: int, modality: str) -> None:
    terms = quoted(price, modality)
    assert BookingTerms.model_validate(terms.model_dump(mode="json")) == terms


@given(prices)
def test_the_lines_add_up_to_the_price(price: int) -> None:
    package = Price(
        batches_cents=price, engineering_cents=price // 2, lending_discount_cents=price // 10, transfer_cents=None
    )
    terms = terms_of(package, ANTIBODY, instant=False)
    assert sum(line.amount_cents or 0 for line in terms.price_lines) == terms.price_cents == package.package_cents
    assert terms.reservation_fee_cents == share_cents(package.package_cents, DEFAULT_POLICY.reservation_percent)


def test_half_a_cent_is_rounded_up() -> None:
    assert share_cents(10, 15) == 2  # 1.5 cents
    assert share_cents(9, 15) == 1  # 1.35 cents
