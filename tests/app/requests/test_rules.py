"""Tables and priority, without a database: tiers are strict, points are the sum of their steps."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.vocabulary import GmpPhase
from app.requests.models import RequestStatus
from app.requests.priority import Ground, PriorityFacts, PriorityPolicy, derive_priority
from app.requests.rules import TRANSITIONS, WAITING

TODAY = date(2030, 1, 1)
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
BASE = PriorityFacts(gmp_phase=GmpPhase.PHASE_2)

facts = st.builds(
    PriorityFacts,
    gmp_phase=st.sampled_from(GmpPhase),
    continuity=st.booleans(),
    orphan=st.booleans(),
    unmet_need=st.booleans(),
    labels=st.sampled_from([(), ("Laureate",), ("A", "B")]),
    french_startup=st.booleans(),
    waiting_since_on=st.none() | st.dates(TODAY - timedelta(days=900), TODAY + timedelta(days=5)),
)


def test_every_status_has_its_row_and_the_ended_ones_lead_nowhere() -> None:
    assert TRANSITIONS.keys() == set(RequestStatus)
    ended = {status for status, following in TRANSITIONS.items() if not following}
    assert ended == {RequestStatus.WITHDRAWN, RequestStatus.FULFILLED}
    assert not any(status in following for status, following in TRANSITIONS.items())


def test_what_waits_can_be_withdrawn_and_nothing_else_can() -> None:
    withdrawable = {status for status, following in TRANSITIONS.items() if RequestStatus.WITHDRAWN in following}
    assert withdrawable == WAITING


def test_tiers_are_strict() -> None:
    assert derive_priority(BASE, TODAY).tier == 3
    assert derive_priority(replace(BASE, labels=("Laureate",)), TODAY).tier == 2
    assert derive_priority(replace(BASE, labels=("Laureate",), continuity=True), TODAY).tier == 1


def test_points_worked_out_by_hand() -> None:
    case = PriorityFacts(
        gmp_phase=GmpPhase.PHASE_2,
        orphan=True,
        labels=("Laureate",),
        french_startup=True,
        waiting_since_on=TODAY - timedelta(days=130),
    )
    # Phase 2: 2; label: 2; orphan: 2; French start-up: 1; 130 days at one point for 60: 2.
    assert derive_priority(case, TODAY).points == 9


def test_waiting_is_capped() -> None:
    long = replace(BASE, waiting_since_on=TODAY - timedelta(days=5000))
    waiting = [step.points for step in derive_priority(long, TODAY).steps if step.ground is Ground.WAITING]
    assert waiting == [3]


@patient
@given(facts)
def test_points_are_the_sum_of_their_steps_and_never_nothing(case: PriorityFacts) -> None:
    priority = derive_priority(case, TODAY)
    assert priority.points == sum(step.points for step in priority.steps) >= 1
    assert all(step.points > 0 and step.because for step in priority.steps)


@patient
@given(facts, st.integers(1, 400))
def test_waiting_longer_never_costs_points(case: PriorityFacts, days: int) -> None:
    assert derive_priority(case, TODAY + timedelta(days=days)).points >= derive_priority(case, TODAY).points


@patient
@given(facts)
def test_a_policy_is_data_and_survives_storage(case: PriorityFacts) -> None:
    policy = PriorityPolicy(version="priority/test", orphan_points=7, waiting_days_per_point=30)
    stored = PriorityPolicy.model_validate_json(policy.model_dump_json())
    assert stored == policy
    assert derive_priority(case, TODAY, stored) == derive_priority(case, TODAY, policy)
