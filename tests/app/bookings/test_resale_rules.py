"""The credit of a resale: worked by hand, and what holds for every history of sales and cancellations."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.bookings.resale_rules import Credited, Sold, common_days, resale_credit, taken_back
from app.capacity.supply import Span

ORIGIN = date(2030, 1, 1)


def sold(start: int, end: int, price_cents: int) -> Sold:
    return Sold(Span(ORIGIN + timedelta(days=start), ORIGIN + timedelta(days=end)), price_cents)


def credit(fee_cents: int, cancelled: Sold, resale: Sold, *before: Credited) -> int:
    found = resale_credit(fee_cents, cancelled, resale, before)
    return found.credit_cents if found else 0


def test_the_whole_fee_comes_back_for_all_days_at_the_same_price() -> None:
    assert credit(550, sold(0, 40, 1_000), sold(0, 40, 1_000)) == 550
    assert credit(550, sold(0, 40, 1_000), sold(0, 40, 9_000)) == 550, "dearer gives no more"


def test_half_the_days_or_half_the_price_give_half_the_fee() -> None:
    assert credit(550, sold(0, 40, 1_000), sold(20, 60, 1_000)) == 275
    assert credit(550, sold(0, 40, 1_000), sold(0, 40, 500)) == 275
    assert credit(550, sold(0, 40, 1_000), sold(40, 80, 1_000)) == 0, "no day is sold again"


def test_days_that_were_sold_again_before_give_back_only_what_is_missing() -> None:
    first, cancelled = sold(0, 40, 500), sold(0, 40, 1_000)
    assert credit(550, cancelled, sold(0, 40, 1_000), Credited(first.days, 275)) == 275
    assert credit(550, cancelled, sold(0, 40, 400), Credited(first.days, 275)) == 0


def test_what_a_resale_gave_is_taken_back_beyond_its_own_fee() -> None:
    one, other = UUID(int=1), UUID(int=2)
    assert taken_back({one: 100}, 55) == {one: 45}
    assert taken_back({one: 100}, 100) == {one: 0}
    # 45 and 55 were given, 55 are covered: 45 of 100 are taken back, in proportion.
    assert taken_back({one: 45, other: 55}, 55) == {one: 20, other: 25}


fees = st.integers(0, 10**9)


@given(st.dictionaries(st.uuids(), fees, max_size=5), fees)
def test_what_is_taken_back_adds_up_and_is_never_more_than_was_given(given_cents: dict[UUID, int], fee: int) -> None:
    back = taken_back(given_cents, fee)
    assert sum(back.values()) == max(0, sum(given_cents.values()) - fee)
    assert all(0 <= back[key] <= cents for key, cents in given_cents.items())


@dataclass
class Booked:
    """A booking in a history that is followed by hand."""

    what: Sold
    fee_cents: int = 0
    live: bool = True
    given: dict[int, int] = field(default_factory=dict)


spells = st.tuples(st.integers(0, 12), st.integers(1, 12), st.integers(0, 100), st.integers(0, 100), st.booleans())


@given(st.lists(spells, min_size=1, max_size=9))
def test_no_history_of_sales_pays_a_canceller_or_costs_it_more_than_its_fee(
    history: list[tuple[int, int, int, int, bool]],
) -> None:
    """Sell days, cancel at a share of the price, sell again: every canceller pays within [0, its fee].

    And the CDMO has, for all that was ever sold, at least the dearest fee, and no more than what the terms say.
    """
    made: list[Booked] = []
    for start, days, day_price, percent, by_startup in history:
        new = Booked(sold(start, start + days, day_price * days))
        if any(one.live and common_days(one.what.days, new.what.days) for one in made):
            continue
        for number, one in enumerate(made):
            if one.live or not one.fee_cents:
                continue
            before = [
                Credited(shared, other.given[number])
                for other in made
                if other.given.get(number) and (shared := common_days(one.what.days, other.what.days))
            ]
            found = resale_credit(one.fee_cents, one.what, new.what, before)
            if found:
                new.given[number] = found.credit_cents
        income = _income(made)
        made.append(new)
        new.live = False
        if by_startup:
            new.fee_cents = new.what.price_cents * percent // 100
            keys = {UUID(int=number): cents for number, cents in new.given.items()}
            back = taken_back(keys, new.fee_cents)
            new.given = {number: cents - back[UUID(int=number)] for number, cents in new.given.items()}
            assert _income(made) >= income, "the CDMO loses nothing by a sale that was called off"
        for number, one in enumerate(made):
            credited = sum(other.given.get(number, 0) for other in made)
            assert 0 <= one.fee_cents - credited <= one.fee_cents, "what a canceller pays lies within [0, fee]"
    if made:
        fees_due = sum(one.fee_cents for one in made)
        assert 0 <= _income(made) <= fees_due


def _income(made: list[Booked]) -> int:
    """What the CDMO has: prices of what is live, and fees of what is not, less what it gave back."""
    earned = sum(one.what.price_cents if one.live else one.fee_cents for one in made)
    return earned - sum(cents for one in made for cents in one.given.values())


@given(st.integers(1, 40), st.integers(0, 10**6), st.integers(0, 100), st.integers(0, 10**6), st.integers(0, 100))
def test_a_sham_resale_gains_nothing(days: int, price: int, percent: int, sham_price: int, sham_percent: int) -> None:
    """A canceller and a friend who books its days and cancels again pay together no less than the fee alone."""
    first, fee = sold(0, days, price), price * percent // 100
    given_cents = credit(fee, first, sold(0, days, sham_price))
    own_fee = sham_price * sham_percent // 100
    back = taken_back({UUID(int=1): given_cents}, own_fee)[UUID(int=1)]
    assert fee - given_cents + back + own_fee >= fee
