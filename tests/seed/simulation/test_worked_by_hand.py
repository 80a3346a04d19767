"""Years of one line and a few requests, whose outcome can be worked out on paper."""

import pytest

from app.crisis.rules import Tier
from seed.simulation import play as playing
from seed.simulation.demand import Fate
from seed.simulation.measures import measures_of, run
from seed.simulation.play import Play, State
from seed.simulation.policies import ReservePolicy
from seed.simulation.setting import Setting
from tests.seed.simulation.build import PRICE_CENTS, arrival, crisis, on, setting, slot

OPEN = ReservePolicy(0, 0, lending=False)
FOR_STARTUPS = ReservePolicy(100, 0, lending=False)
FOR_CRISES = ReservePolicy(0, 100, lending=False)
LENT = ReservePolicy(0, 100, lending=True)


@pytest.fixture(autouse=True)
def no_batch_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "failed_share", lambda *_, **__: 0.0)
    monkeypatch.setattr("seed.simulation.measures.failed_share", lambda *_, **__: 0.0)


def played(year: Setting, policy: ReservePolicy = OPEN) -> Play:
    play = Play(year, policy)
    play.finish()
    return play


def test_the_second_of_two_requests_waits_for_the_first_one_to_end() -> None:
    # 30 days each, both wish day 10: one runs on [10, 40), the other on [40, 70). 60 of 100 published days are used.
    measures = run(setting([slot(0, 100)], [arrival(0), arrival(1)]), OPEN).measures
    assert (measures.delay_median_days, measures.delay_p90_days) == (0, 30)
    assert (measures.startup_placed, measures.startup_unmet_weight) == (100.0, 0.0)
    assert measures.idle == 40.0


def test_who_finds_no_place_gives_up_when_its_patience_ends() -> None:
    impatient = Fate(patience_days=50, cancels=False, cancels_at=0.0)
    play = played(setting([slot(0, 60)], [arrival(0), arrival(1, fate=impatient), arrival(2)]))
    assert [case.state for case in play.cases.values()] == [State.PLACED, State.UNMET, State.UNMET]
    # The third is patient until day 400, but no line could deliver to it after day 338.
    in_time = played(setting([slot(0, 60)], [arrival(0), arrival(1, fate=impatient), arrival(2)], days=200))
    assert [case.state for case in in_time.cases.values()] == [State.PLACED, State.UNMET, State.WAITING]


def test_the_startup_reserve_is_given_out_in_a_round_and_falls_to_others_when_it_is_released() -> None:
    year = setting([slot(200, 260)], [arrival(0, startup=False, wished=150), arrival(1, day=5, wished=150)])
    reserved = played(year, FOR_STARTUPS)
    # The round of day 30 gives the start-up [200, 230); the other gets [230, 260) in the round after the release on
    # day 110, which is that of day 120.
    places = {place.number: place for place in reserved.calendar.bookings.values()}
    assert (places[1].start_on, places[1].booked_on) == (on(200), on(30))
    assert (places[0].start_on, places[0].booked_on) == (on(230), on(120))
    open_to_all = played(year, OPEN)
    assert {place.number: place.booked_on for place in open_to_all.calendar.bookings.values()} == {0: on(0), 1: on(5)}


def test_the_capped_price_of_the_reserve_is_what_a_startup_pays() -> None:
    reserved = run(setting([slot(200, 260)], [arrival(0, wished=150)]), FOR_STARTUPS).measures
    assert (reserved.prices_cents, reserved.capped_cents) == (PRICE_CENTS * 85 // 100, PRICE_CENTS * 15 // 100)


def test_a_cancelled_place_costs_the_fee_of_its_notice_and_goes_to_who_waits() -> None:
    # Booked on day 0 for day 100, left half way: 50 days of notice cost 55 percent. The other waits for the slot, gets
    # all of its days in the round of day 60 at the same price, and so the whole fee is given back.
    leaves = Fate(patience_days=400, cancels=True, cancels_at=0.5)
    year = setting([slot(100, 130)], [arrival(0, wished=100, fate=leaves), arrival(1, wished=100)])
    play = played(year)
    assert [case.state for case in play.cases.values()] == [State.WITHDRAWN, State.PLACED]
    assert [place.booked_on for place in play.calendar.bookings.values()] == [on(60)]
    assert play.money.cancellation_fees_cents == PRICE_CENTS * 55 // 100
    assert play.money.resale_credits_cents == PRICE_CENTS * 55 // 100


def test_failed_batches_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fails = iter([1.0, 0.0])
    monkeypatch.setattr(playing, "failed_share", lambda *_, **__: next(fails))
    play = played(setting([slot(0, 100)], [arrival(0)]))
    assert play.failed_batches == 1
    # [10, 40) fails at the end of production, on day 38; the repeat runs as soon as the changeover is over.
    assert sorted(place.start_on for place in play.calendar.bookings.values()) == [on(10), on(40)]
    assert play.cases[1].arrival.repeats == 0
    assert measures_of(play).startup_requests == 1


def test_the_idle_crisis_reserve_gives_its_doses_and_displaces_nobody() -> None:
    # Day 100, two days for the answer: [102, 130) and ten days of release make 100,000 doses on day 140.
    brief = crisis(tiers=[Tier.IDLE_CRISIS, Tier.LENT_CRISIS])
    measures = run(setting([slot(90, 150)], [arrival(0, wished=90)], brief=brief), FOR_CRISES).measures
    assert (measures.doses_30, measures.doses_60, measures.doses_90) == (0, 100_000, 100_000)
    assert (measures.reserve_doses_90, measures.ready_90, measures.ready_60) == (100_000, 100.0, None)
    assert (measures.campaigns, measures.displaced, measures.moved) == (1, 0, 0)
    assert measures.crisis_cents == PRICE_CENTS
    assert measures.readiness_cents == 60 * 120_000
    assert (measures.startup_placed, measures.idle) == (0.0, 50.0)


def test_what_is_lent_is_recalled_with_its_notice_and_without_compensation() -> None:
    # Two on loan on [100, 130) and [130, 160). Notice is 14 days: the first is frozen, the second gives way.
    brief = crisis(day=95, tiers=[Tier.IDLE_CRISIS, Tier.LENT_CRISIS])
    lent = [arrival(number, wished=100, recallable=True) for number in range(2)]
    play = played(setting([slot(100, 160)], lent, brief=brief), LENT)
    assert [case.displaced for case in play.cases.values()] == [False, True]
    assert play.money.compensation_cents == 0
    assert measures_of(play).reserve_doses_90 == 100_000
    assert measures_of(play).lent_cents == 2 * PRICE_CENTS // 10


def test_an_order_displaces_a_confirmed_booking_against_compensation_and_protects_who_is_near() -> None:
    brief = crisis(day=95, tiers=list(Tier))
    play = played(setting([slot(100, 160)], [arrival(number, wished=100) for number in range(2)], brief=brief))
    assert [case.displaced for case in play.cases.values()] == [False, True]
    assert play.money.compensation_cents == PRICE_CENTS * 30 // 100


def test_a_booking_in_the_way_moves_to_a_later_place_where_there_is_one() -> None:
    # Only [100, 130) delivers by day 160; the booking there moves to the first day of the other slot.
    brief = crisis(day=70, tiers=list(Tier))
    play = played(setting([slot(100, 130), slot(130, 200, 101)], [arrival(0, wished=100)], brief=brief))
    (case,) = play.cases.values()
    assert (case.moved, case.displaced, case.state, case.start_on) == (True, False, State.PLACED, on(130))
    assert play.money.compensation_cents == PRICE_CENTS * 10 // 100
    assert run(setting([slot(100, 130), slot(130, 200, 101)], [arrival(0, wished=100)], brief=brief), OPEN).delays == {
        0: 30
    }


@pytest.mark.parametrize("policy", [OPEN, FOR_CRISES, LENT])
def test_without_powers_there_is_no_plan(policy: ReservePolicy) -> None:
    measures = run(setting([slot(90, 150)], [arrival(0)], brief=crisis()), policy).measures
    assert (measures.campaigns, measures.doses_90, measures.crisis_cents, measures.compensation_cents) == (0, 0, 0, 0)


def test_without_a_crisis_reserve_its_contract_calls_nothing() -> None:
    brief = crisis(tiers=[Tier.IDLE_CRISIS, Tier.LENT_CRISIS])
    measures = run(setting([slot(90, 150)], [], brief=brief), OPEN).measures
    assert (measures.doses_90, measures.readiness_cents) == (0, 0)
