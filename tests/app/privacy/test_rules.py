"""An erasure waits for the duties that need to know who it was, and for no longer."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from app.privacy.rules import Deeds, Duty, Periods, Rule, duties, years_after

PERIODS = Periods(crisis_years=10, batch_years=5)
TODAY = date(2030, 6, 1)

days = st.dates(date(2000, 1, 1), date(2060, 1, 1))


def test_who_did_nothing_of_that_kind_is_needed_by_nobody() -> None:
    assert list(duties(Deeds(), PERIODS, TODAY)) == []


def test_each_deed_has_its_rule_and_its_end() -> None:
    deeds = Deeds(in_live_crisis=True, signed_on=TODAY, on_live_booking=True, produced_on=TODAY)
    assert list(duties(deeds, PERIODS, TODAY)) == [
        Duty(Rule.LIVE_CRISIS, None),
        Duty(Rule.CRISIS_RECORD, date(2040, 6, 1)),
        Duty(Rule.LIVE_PRODUCTION, None),
        Duty(Rule.BATCH_RECORD, date(2035, 6, 1)),
    ]


@given(days, days)
def test_a_duty_ends_on_the_day_that_it_names(done_on: date, day: date) -> None:
    found = list(duties(Deeds(produced_on=done_on), PERIODS, day))
    assert bool(found) == (day < years_after(done_on, 5))
    if found and found[0].until_on is not None:
        assert not list(duties(Deeds(produced_on=done_on), PERIODS, found[0].until_on))


def test_a_leap_day_ends_on_the_first_of_march() -> None:
    assert years_after(date(2028, 2, 29), 5) == date(2033, 3, 1)
    assert years_after(date(2028, 2, 29), 4) == date(2032, 2, 29)
