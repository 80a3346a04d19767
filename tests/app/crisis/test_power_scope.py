"""A power opens capacity of its own scope, while it is in force; what it does not open is not planned at all."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.capacity.supply import Span, UnitFacts
from app.crisis.campaigns import BatchDoses, CampaignOption
from app.crisis.declaration import CrisisScope
from app.crisis.models import PowerKind
from app.crisis.power_scope import (
    days_opened,
    grounds,
    joined,
    lawful_campaigns,
    opened_campaigns,
    uncovered,
)
from app.crisis.rules import TIERS_OPENED, Power, Tier
from tests.support.world import day

HERE, THERE = UUID(int=1), UUID(int=2)
UNIT = UnitFacts(
    unit_id=HERE,
    line_id=HERE,
    site_id=HERE,
    organisation_id=HERE,
    first_batch_days=40,
    region="Bretagne",
    modalities=("monoclonal_antibody",),
)
DURATION = 40
OPTION = CampaignOption(
    slot_id=HERE,
    tier=Tier.FREE_OPEN,
    batches=1,
    engineering_batches=0,
    duration_days=DURATION,
    earliest_on=day(0),
    latest_on=day(100),
    releases=((50, 1),),
    doses=BatchDoses(1, 2, 3),
    price_cents=1,
)
BOOKED = Span(day(60), day(90))


def a_power(kind: PowerKind, start: int, end: int, **scope: object) -> Power:
    return Power(kind, day(start), day(end), "Act", CrisisScope.model_validate(scope))


powers = st.lists(
    st.builds(
        lambda kind, start, days, region: a_power(kind, start, start + days, regions=region),
        st.sampled_from(PowerKind),
        st.integers(-20, 120),
        st.integers(1, 80),
        st.sampled_from([[], ["Bretagne"], ["Occitanie"]]),
    ),
    max_size=6,
)


def starts(options: list[CampaignOption]) -> set[date]:
    return {
        one.earliest_on + timedelta(days=number)
        for one in options
        for number in range((one.latest_on - one.earliest_on).days + 1)
    }


def test_a_scope_leaves_other_lines_closed() -> None:
    for scope in ({"regions": ["Occitanie"]}, {"site_ids": [str(THERE)]}, {"modalities": ["phage"]}):
        power = a_power(PowerKind.REQUISITION_OR_ORDER, 0, 100, **scope)
        assert days_opened([power], UNIT, Tier.CONFIRMED) == ()
        assert opened_campaigns([power], UNIT, [OPTION]) == []
    for scope in ({"regions": ["Bretagne"]}, {"site_ids": [str(HERE)]}, {"modalities": ["monoclonal_antibody"]}, {}):
        power = a_power(PowerKind.REQUISITION_OR_ORDER, 0, 100, **scope)
        assert days_opened([power], UNIT, Tier.CONFIRMED) == (Span(day(0), day(100)),)


@given(powers)
def test_a_campaign_starts_on_the_days_on_which_some_power_opens_its_place_and_on_no_other(given: list[Power]) -> None:
    found = opened_campaigns(given, UNIT, [OPTION])
    expected = {on for on in starts([OPTION]) if grounds(given, UNIT, OPTION.tier, on)}
    assert starts(found) == expected
    assert all(replace(one, earliest_on=day(0), latest_on=day(100)) == OPTION for one in found)


@given(powers)
def test_nobody_gives_way_to_a_start_on_a_day_that_no_power_opens_to_that(given: list[Power]) -> None:
    opened = opened_campaigns(given, UNIT, [OPTION])
    days = days_opened(given, UNIT, Tier.CONFIRMED)
    found = starts(list(lawful_campaigns(opened, {HERE: [(BOOKED, days)]})))
    for on in starts(opened):
        over = on < BOOKED.end_on and BOOKED.start_on < on + timedelta(days=DURATION)
        assert (on in found) == (not over or bool(grounds(given, UNIT, Tier.CONFIRMED, on)))


@given(powers)
def test_a_ground_opens_the_tier_there_and_then(given: list[Power]) -> None:
    for tier in Tier:
        for power in grounds(given, UNIT, tier, day(10)):
            assert tier in TIERS_OPENED[power.kind]
            assert power.start_on <= day(10) < power.end_on
            assert power.scope.regions in ([], ["Bretagne"])


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=8))
def test_what_no_act_covers_is_found_day_by_day(acts: list[tuple[int, int]]) -> None:
    spans = [Span(day(start), day(start + days)) for start, days in acts]
    covered = {on for start, days in acts for on in range(start, start + days)}
    gaps = uncovered(Span(day(0), day(90)), spans)
    found = {(gap.start_on - day(0)).days + number for gap in gaps for number in range(gap.days)}
    assert found == set(range(90)) - covered
    assert list(joined(spans)) == sorted(joined(spans))
