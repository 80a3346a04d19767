"""What must hold of every simulated year, whatever is drawn."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.crisis.models import PowerKind
from seed.catalogue import Catalogue
from seed.simulation.calendar import OverBooked
from seed.simulation.measures import measures_of
from seed.simulation.plan import ALL_POWERS, SimulationPlan
from seed.simulation.play import Play, State
from seed.simulation.policies import ReservePolicy
from seed.simulation.setting import setting_of

plans = st.builds(
    SimulationPlan,
    days=st.integers(180, 300),
    lines=st.integers(1, 12),
    requests=st.integers(0, 150),
    countermeasure=st.sampled_from(["vector", "protein", "random"]),
    powers=st.lists(st.sampled_from(ALL_POWERS), unique=True).map(tuple),
    budget=st.just(0.02),
)
reserves = st.builds(ReservePolicy, st.integers(0, 50), st.integers(0, 50), st.booleans())
few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(plan=plans, policy=reserves, seed=st.integers(0, 1_000))
@example(plan=SimulationPlan(days=200, lines=12, requests=400), policy=ReservePolicy(20, 30, lending=True), seed=4)
def test_every_request_ends_in_one_state_and_no_unit_is_booked_twice(
    catalogue: Catalogue, plan: SimulationPlan, policy: ReservePolicy, seed: int
) -> None:
    year = setting_of(catalogue, plan, seed)
    play = Play(year, policy)
    play.finish()  # which has the engine's checker look for overlaps
    assert {number for number, case in play.cases.items() if case.arrival.repeats is None} == {
        arrival.number for arrival in year.arrivals
    }
    booked = Counter(place.number for place in play.calendar.bookings.values() if place.number is not None)
    for number, case in play.cases.items():
        assert booked[number] == (case.state is State.PLACED)
    measures = measures_of(play)
    ended = (
        measures.startup_placed, measures.startup_waiting, measures.startup_unmet, measures.startup_withdrawn,
    )  # fmt: skip
    assert sum(ended) == pytest.approx(100 if measures.startup_requests else 0, abs=0.21)
    assert 0 <= measures.idle <= 100
    assert measures.doses_30 <= measures.doses_60 <= measures.doses_90
    assert measures.reserve_doses_90 <= measures.doses_90
    if not plan.powers:
        assert (measures.campaigns, measures.displaced, measures.moved) == (0, 0, 0)
    if plan.powers == (PowerKind.RESERVE_CONTRACT,):
        assert measures.doses_90 == measures.reserve_doses_90
    if not policy.crisis_percent:
        assert (measures.reserve_doses_90, measures.readiness_cents, measures.crisis_idle) == (0, 0, None)


@few
@given(seed=st.integers(0, 1_000))
def test_the_same_requests_and_the_same_crisis_meet_every_policy(catalogue: Catalogue, seed: int) -> None:
    plan = SimulationPlan(days=180, lines=8, requests=60)
    year, again = setting_of(catalogue, plan, seed), setting_of(catalogue, plan, seed)
    assert year == again
    plays = [Play(year, policy) for policy in (ReservePolicy(0, 0, lending=False), ReservePolicy(30, 20, lending=True))]
    for play in plays:
        play.finish()
    asked = [[case.arrival.request.request_id for case in play.measured()] for play in plays]
    assert asked[0] == asked[1]
    assert all(plan.opens_on <= arrival.arrived_on < plan.ends_on for arrival in year.arrivals)


def test_a_unit_that_is_booked_twice_is_found(catalogue: Catalogue) -> None:
    plan = SimulationPlan(days=180, lines=8, requests=100)
    play = Play(setting_of(catalogue, plan, 1), ReservePolicy(0, 0, lending=False))
    play.finish()
    place = next(iter(play.calendar.bookings.values()))
    play.calendar.book(replace(place, booking_id=play.setting.crisis.crisis_id))
    with pytest.raises(OverBooked, match="overlap"):
        play.calendar.check(plan.opens_on)
