"""What holds of any request, unit and slots whatever: options fit, reasons are complete, and each has its cause."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.capacity.rules import effective_reserve
from app.core.vocabulary import GmpPhase, Reserve
from app.matching.facts import FeasibilityFacts, QualificationFacts, RequestFacts, SlotFacts, Span, UnitFacts
from app.matching.match import match, match_line, options
from app.matching.outcome import Match, Reason, ReasonCode
from app.matching.policy import DIRECT, ROUND, MatchPolicy
from app.matching.wording import sentence
from tests.app.matching.made import A_REQUEST, LINE, SITE, TODAY, UNIT, day, unit_with

pytestmark = pytest.mark.random

EXAMPLES = 1000 if os.environ.get("CRENEAU_PROVE") else 60
thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
offsets = st.integers(-60, 400)
policies = st.sampled_from([DIRECT, ROUND])
phases = st.sampled_from([(), ("unknown",), ("phase_1",), ("phase_1", "phase_3")])
platforms = st.sampled_from([(), ("unknown",), ("CHO",), ("unknown", "CHO"), ("Vero",)])
containments = st.sampled_from([(), ("gmo",), ("bsl_1",), ("bsl_2", "gmo"), ("bsl_3",), ("unknown",)])
modalities = st.sampled_from([("monoclonal_antibody",), ("adc",), ("monoclonal_antibody", "adc")])
volumes = st.none() | st.floats(1, 4000)


@st.composite
def spans(draw: st.DrawFn, longest: int = 200) -> Span:
    start = draw(offsets)
    return Span(day(start), day(start + draw(st.integers(1, longest))))


@st.composite
def requests(draw: st.DrawFn) -> RequestFacts:
    start = draw(offsets)
    low, high = sorted([draw(st.floats(1, 3000)), draw(st.floats(1, 3000))])
    counted = draw(st.booleans())
    answer = draw(st.none() | st.sampled_from([True, False, None]))
    return replace(
        A_REQUEST,
        earliest_on=day(start),
        latest_delivery_on=day(start + draw(st.integers(1, 500))),
        gmp_phase=draw(st.sampled_from([GmpPhase.PHASE_1, GmpPhase.PHASE_3])),
        platform=draw(st.sampled_from([None, "CHO"])),
        containment=draw(st.sampled_from([(), ("gmo",), ("bsl_2",)])),
        batches=draw(st.integers(1, 5)) if counted else None,
        quantity=None if counted else draw(st.floats(1, 30_000)),
        quantity_unit=None if counted else draw(st.sampled_from(["g", "vg"])),
        volume_min_l=draw(st.sampled_from([None, low])),
        volume_max_l=draw(st.sampled_from([None, high])),
        budget_cents=draw(st.none() | st.integers(0, 10**9)),
        french_startup=draw(st.booleans()),
        accepts_europe=draw(st.booleans()),
        accepts_recallable=draw(st.booleans()),
        sites_excluded=draw(st.sampled_from([frozenset(), frozenset({SITE})])),
        qualifications=draw(
            st.sampled_from([(), (QualificationFacts(SITE),), (QualificationFacts(SITE, 900.0, engineered=True),)])
        ),
        feasibilities={LINE: FeasibilityFacts(LINE, answer, valid_until_on=draw(st.none() | offsets.map(day)))}
        if draw(st.booleans())
        else {},
    )


@st.composite
def units(draw: st.DrawFn) -> UnitFacts:
    return unit_with(
        {
            "release_days": draw(st.integers(0, 90)),
            "price_cents": draw(st.none() | st.integers(0, 10**9)),
            "yield_per_batch": draw(st.none() | st.floats(1, 10_000)),
            "is_standard": draw(st.booleans()),
        },
        modalities=draw(modalities),
        platforms=draw(platforms),
        gmp_phases=draw(phases),
        containment=draw(containments),
        site_modalities=draw(st.sampled_from([(), ("adc",)])),
        working_volume_l=draw(volumes),
        country=draw(st.sampled_from(["FR", "BE"])),
        first_batch_days=draw(st.integers(1, 60)),
        cadence_days=draw(st.none() | st.integers(1, 30)),
        changeover_days=draw(st.integers(0, 10)),
        transfer_days=draw(st.sampled_from([0, 0, 90])),
        engineering_batch_required=draw(st.booleans()),
        batches_in_parallel=draw(st.integers(1, 3)),
        commissioned_on=draw(st.none() | offsets.map(day)),
        not_bookable_reason=draw(st.sampled_from([None, None, None, "captive"])),
    )


@st.composite
def slots(draw: st.DrawFn, number: int = 1) -> SlotFacts:
    reserve = draw(st.sampled_from(list(Reserve)))
    return SlotFacts(
        slot_id=UUID(int=100 + number),
        unit_id=UNIT,
        period=draw(spans()),
        reserve=reserve,
        releases_on=draw(st.none() | offsets.map(day)) if reserve is Reserve.STARTUP else None,
        lendable=reserve is Reserve.CRISIS and draw(st.booleans()),
        max_lent_days=draw(st.none() | st.integers(1, 100)),
        divisible=draw(st.booleans()),
        price_cents=draw(st.none() | st.integers(0, 10**9)),
        capped_price_cents=draw(st.none() | st.integers(0, 10**8)),
        busy=tuple(draw(st.lists(spans(longest=40), max_size=3))),
    )


@st.composite
def likely(draw: st.DrawFn) -> tuple[RequestFacts, UnitFacts, SlotFacts]:
    """A case against which little stands, so that dates, reserve and what is busy decide."""
    request = replace(
        A_REQUEST,
        earliest_on=day(draw(st.integers(-30, 60))),
        latest_delivery_on=day(draw(st.integers(250, 700))),
        batches=draw(st.integers(1, 4)),
        budget_cents=draw(st.none() | st.integers(10**8, 10**9)),
        french_startup=True,
        accepts_recallable=True,
        qualifications=draw(st.sampled_from([(), (QualificationFacts(SITE, engineered=True),)])),
    )
    unit = unit_with(
        {"release_days": draw(st.integers(0, 60)), "price_cents": draw(st.integers(0, 10**8))},
        first_batch_days=draw(st.integers(1, 30)),
        cadence_days=draw(st.none() | st.integers(1, 20)),
        changeover_days=draw(st.integers(0, 10)),
        transfer_days=draw(st.sampled_from([0, 60])),
        engineering_batch_required=draw(st.booleans()),
        batches_in_parallel=draw(st.integers(1, 3)),
        commissioned_on=draw(st.none() | st.integers(0, 90).map(day)),
    )
    start = draw(st.integers(-20, 100))
    slot = replace(
        draw(slots()),
        period=Span(day(start), day(start + draw(st.integers(100, 300)))),
        divisible=draw(st.sampled_from([True, True, True, False])),
        lendable=True,
        max_lent_days=draw(st.none() | st.integers(40, 300)),
    )
    return request, unit, slot


@thorough
@given(requests(), units(), st.tuples(slots(1), slots(2)), policies)
def test_every_slot_gives_an_option_or_reasons(
    request: RequestFacts, unit: UnitFacts, offered: tuple[SlotFacts, ...], policy: MatchPolicy
) -> None:
    found = match(request, unit, offered, TODAY, policy)
    given_by = {option.slot_id for option in found.options}
    against = {reason.slot_id for reason in found.reasons if reason.slot_id}
    assert not given_by & against
    for slot in offered:
        assert found.line_reasons or (slot.slot_id in given_by) != (slot.slot_id in against)
    assert not (found.line_reasons and found.options)
    assert bool(found.options) != bool(found.nearest)
    assert len(set(found.reasons)) == len(found.reasons)
    assert options(request, unit, offered, TODAY, policy) == found.options
    for reason in found.reasons:
        assert "{" not in sentence(reason, "en") + sentence(reason, "fr")


@thorough
@given(likely(), st.data())
def test_any_start_of_an_option_fits_and_delivers(
    case: tuple[RequestFacts, UnitFacts, SlotFacts], data: st.DataObject
) -> None:
    request, unit, slot = case
    found = match(request, unit, [slot], TODAY)
    assume(found.options)
    (option,) = found.options
    window = data.draw(st.sampled_from(option.start_windows))
    start = data.draw(st.dates(window.first_on, window.last_on))
    end = start + timedelta(days=option.duration_days)
    made = start + timedelta(days=option.terms.production_days)
    delivery = made + timedelta(days=option.terms.release_days)
    assert start >= max(TODAY, request.earliest_on)
    assert start >= (unit.commissioned_on or start)
    assert start >= TODAY + timedelta(days=option.terms.transfer_days)
    assert slot.period.start_on <= start
    assert end <= slot.period.end_on
    assert made <= end
    assert not any(start < busy.end_on and busy.start_on < end for busy in slot.busy)
    assert delivery <= request.latest_delivery_on
    assert delivery == end + timedelta(days=option.lag_days)
    assert request.budget_cents is None or option.price.package_cents <= request.budget_cents
    if not slot.divisible:
        assert (start, end) == slot.period
    if effective_reserve(slot.reserve, slot.releases_on, TODAY) is Reserve.CRISIS:
        assert slot.lendable
        assert request.accepts_recallable
        assert option.duration_days <= (slot.max_lent_days or option.duration_days)
    if effective_reserve(slot.reserve, slot.releases_on, TODAY) is Reserve.STARTUP:
        assert request.french_startup


@thorough
@given(likely())
def test_no_start_outside_the_windows_would_do(case: tuple[RequestFacts, UnitFacts, SlotFacts]) -> None:
    request, unit, slot = case
    found = match(request, unit, [slot], TODAY)
    assume(found.options)
    (option,) = found.options
    starts = {
        window.first_on + timedelta(days=offset)
        for window in option.start_windows
        for offset in range((window.last_on - window.first_on).days + 1)
    }
    for offset in range(slot.period.days if slot.divisible else 1):
        start = slot.period.start_on + timedelta(days=offset)
        end = start + timedelta(days=option.duration_days)
        fits = (
            option.terms.earliest_start_on <= start <= option.terms.latest_start_on
            and end <= slot.period.end_on
            and not any(start < busy.end_on and busy.start_on < end for busy in slot.busy)
        )
        assert fits == (start in starts)


Cure = Callable[[RequestFacts, UnitFacts, Reason], tuple[RequestFacts, UnitFacts]]


def _request(**change: Any) -> Cure:
    return lambda request, unit, _: (replace(request, **change), unit)


def _unit(**change: Any) -> Cure:
    return lambda request, unit, _: (request, replace(unit, **change))


def _leaving(request: RequestFacts, days: int) -> RequestFacts:
    """Let a request start earlier, so that what it leaves is what the line takes: of years that there are."""
    assume(days < request.earliest_on.toordinal())
    return replace(request, earliest_on=request.earliest_on - timedelta(days=days))


CURES: dict[ReasonCode, Cure] = {
    ReasonCode.NOT_BOOKABLE: _unit(not_bookable_reason=None),
    ReasonCode.GMP_PHASE: _unit(gmp_phases=("phase_1", "phase_3")),
    ReasonCode.GMP_PHASE_UNKNOWN: _unit(gmp_phases=("phase_1", "phase_3")),
    ReasonCode.AUTHORISATION_MODALITY: _unit(site_modalities=()),
    ReasonCode.PLATFORM: _request(platform=None),
    ReasonCode.PLATFORM_UNKNOWN: _request(platform=None),
    ReasonCode.CONTAINMENT: _request(containment=()),
    ReasonCode.CONTAINMENT_UNKNOWN: _request(containment=()),
    ReasonCode.VOLUME_TOO_SMALL: _request(volume_min_l=None),
    ReasonCode.VOLUME_TOO_LARGE: _request(volume_max_l=None),
    ReasonCode.COUNTRY: _request(accepts_europe=True),
    ReasonCode.SITE_EXCLUDED: _request(sites_excluded=frozenset()),
    ReasonCode.NOT_FEASIBLE: _request(feasibilities={LINE: FeasibilityFacts(LINE, feasible=True)}),
    ReasonCode.FEASIBILITY_MISSING: _request(feasibilities={LINE: FeasibilityFacts(LINE, feasible=True)}),
    ReasonCode.FEASIBILITY_EXPIRED: _request(feasibilities={LINE: FeasibilityFacts(LINE, feasible=True)}),
    ReasonCode.COMMISSIONING: _unit(commissioned_on=None),
    ReasonCode.TRANSFER: _unit(transfer_days=0),
    ReasonCode.TIME_TOO_SHORT: lambda request, unit, reason: (_leaving(request, int(str(reason.offered))), unit),
}


@thorough
@given(requests(), units(), policies)
def test_taking_a_cause_away_takes_exactly_its_reason(
    request: RequestFacts, unit: UnitFacts, policy: MatchPolicy
) -> None:
    before = match_line(request, unit, TODAY, policy).reasons
    for reason in before:
        cure = CURES.get(reason.code)
        if cure is None:
            continue
        after = match_line(*cure(request, unit, reason), TODAY, policy).reasons
        assert [one for one in before if one != reason] == list(after)


@thorough
@given(likely(), st.integers(1, 60))
def test_more_room_never_takes_an_option_away(case: tuple[RequestFacts, UnitFacts, SlotFacts], days: int) -> None:
    request, unit, slot = case
    slot = replace(slot, divisible=True)

    def served(found: Match) -> bool:
        return bool(found.options)

    narrow = match(request, unit, [slot], TODAY)
    later = replace(request, latest_delivery_on=request.latest_delivery_on + timedelta(days=days))
    wider = replace(slot, period=Span(slot.period.start_on, slot.period.end_on + timedelta(days=days)))
    assert served(narrow) <= served(match(later, unit, [slot], TODAY))
    assert served(narrow) <= served(match(request, unit, [wider], TODAY))
    assert served(narrow) <= served(match(request, unit, [replace(slot, busy=())], TODAY))
