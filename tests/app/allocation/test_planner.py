"""From facts to a problem: pure, without a database."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.allocation.planner import Entry, PlanRefused, Supply, build_problem, with_placed, without
from app.allocation.policy import RoundPolicy
from app.capacity.supply import ModalityTerms, SlotFacts, Span, UnitFacts
from app.core.vocabulary import GmpPhase, Reserve
from app.matching.facts import RequestFacts

ORIGIN = date(2030, 1, 1)


def day(number: int) -> date:
    return ORIGIN + timedelta(days=number)


def unit_of(release_days: int = 42) -> UnitFacts:
    """A standard antibody line: 40 days a batch, 17 between, 3 to change over."""
    terms = ModalityTerms("monoclonal_antibody", release_days, 100, is_standard=True)
    return UnitFacts(
        unit_id=uuid4(),
        line_id=uuid4(),
        site_id=uuid4(),
        organisation_id=uuid4(),
        first_batch_days=40,
        cadence_days=17,
        changeover_days=3,
        modalities=("monoclonal_antibody",),
        platforms=("CHO",),
        gmp_phases=("phase_1",),
        working_volume_l=2000.0,
        terms={"monoclonal_antibody": terms},
    )


def slot_of(unit: UnitFacts, start: int, end: int, *busy: tuple[int, int]) -> SlotFacts:
    taken = tuple(Span(day(first), day(last)) for first, last in busy)
    period = Span(day(start), day(end))
    return SlotFacts(slot_id=uuid4(), unit_id=unit.unit_id, period=period, reserve=Reserve.STARTUP, busy=taken)


def request_of(earliest: int = 0, latest: int = 365, batches: int = 1) -> RequestFacts:
    return RequestFacts(
        request_id=uuid4(),
        organisation_id=uuid4(),
        modality="monoclonal_antibody",
        gmp_phase=GmpPhase.PHASE_1,
        earliest_on=day(earliest),
        latest_delivery_on=day(latest),
        french_startup=True,
        batches=batches,
    )


def supply_of(unit: UnitFacts, *slots: SlotFacts) -> Supply:
    return Supply({unit.unit_id: unit}, {unit.unit_id: slots})


POLICY = RoundPolicy(per_party=2)


def test_a_slot_becomes_a_window_and_what_is_busy_in_it_is_fixed_once() -> None:
    unit = unit_of()
    slot = slot_of(unit, 10, 200, (30, 60), (50, 70), (150, 200))
    built = build_problem([Entry(request_of(), 2, 5)], supply_of(unit, slot), POLICY, ORIGIN)
    [window] = built.problem.windows
    assert (window.id, window.line) == (str(slot.slot_id), str(unit.unit_id))
    assert (window.start, window.end, window.reserve) == (10, 200, "startup")
    assert [(fixed.start, fixed.end) for fixed in built.problem.fixed] == [(30, 70), (150, 200)]
    assert built.problem.caps.per_party == 2
    assert built.problem.objectives == POLICY.objectives


def test_an_option_counts_the_changeover_in_its_duration_and_not_in_its_lag() -> None:
    unit = unit_of(release_days=42)
    request = request_of(earliest=5, latest=150, batches=2)
    built = build_problem([Entry(request, 2, 5)], supply_of(unit, slot_of(unit, 0, 200)), POLICY, ORIGIN)
    [demand] = built.problem.demands
    [option] = demand.options
    assert (demand.tier, demand.weight, demand.party) == (2, 5, str(request.organisation_id))
    assert option.duration == 40 + 17 + 3
    assert option.lag == 42 - 3
    assert option.earliest == 5
    assert option.latest + option.duration + option.lag == 150


def test_a_release_shorter_than_the_changeover_has_no_negative_lag() -> None:
    unit = unit_of(release_days=1)
    built = build_problem([Entry(request_of(), 1, 1)], supply_of(unit, slot_of(unit, 0, 200)), POLICY, ORIGIN)
    assert built.problem.demands[0].options[0].lag == 0


def test_campaigns_start_inside_the_horizon() -> None:
    unit = unit_of()
    slots = supply_of(unit, slot_of(unit, 0, 200))
    entries = [Entry(request_of(), 1, 1)]
    built = build_problem(entries, slots, POLICY, ORIGIN, Span(day(20), day(50)))
    option = built.problem.demands[0].options[0]
    assert (option.earliest, option.latest) == (20, 49)
    none = build_problem(entries, slots, POLICY, ORIGIN, Span(day(190), day(300)))
    assert none.problem.demands[0].options == ()
    assert none.references["without_option"] == {none.problem.demands[0].id: [{"code": "horizon"}]}


def test_the_nearest_reason_is_kept_with_both_sides() -> None:
    unit = unit_of()
    request = replace(request_of(), platform="HEK293")
    built = build_problem([Entry(request, 1, 1)], supply_of(unit, slot_of(unit, 0, 200)), POLICY, ORIGIN)
    [reason] = built.references["without_option"][str(request.request_id)]
    assert reason == {"code": "platform", "asked": "HEK293", "offered": ["CHO"]}


def plan_of_one() -> tuple[dict[str, Any], dict[str, Any], str, UUID]:
    unit = unit_of()
    slot = slot_of(unit, 0, 200)
    request = request_of()
    built = build_problem([Entry(request, 3, 5)], supply_of(unit, slot), POLICY, ORIGIN)
    levels = [
        {"objective": name, "value": 0, "bound": 5 if name == "weight:1" else 0, "proven": name != "weight:1"}
        for name in POLICY.objectives
    ]
    empty: dict[str, Any] = {
        "format": "creneau-solution/1",
        "status": "feasible",
        "unplaced": [str(request.request_id)],
        "levels": levels,
        "engine": "cp-sat",
    }
    return built.document, empty, str(request.request_id), slot.slot_id


def test_a_request_is_placed_and_taken_out_again_by_hand() -> None:
    problem, empty, demand, slot_id = plan_of_one()
    placed = with_placed(problem, empty, demand, str(slot_id), 7)
    [item] = placed["placed"]
    assert (item["start"], item["end"]) == (7, 50)
    assert placed["engine"] == "cp-sat, adjusted"
    reached = {level["objective"]: (level["value"], level["bound"]) for level in placed["levels"]}
    assert reached["weight:3"] == (5, 5)
    assert reached["delay"] == (7 * 5, 0)
    taken_out = without(problem, placed, demand)
    assert taken_out["placed"] == []
    assert taken_out["engine"] == "cp-sat, adjusted"


@pytest.mark.parametrize("start", [-1, 170])
def test_a_place_outside_the_option_is_refused_by_the_checker(start: int) -> None:
    problem, empty, demand, slot_id = plan_of_one()
    with pytest.raises(PlanRefused, match="start: "):
        with_placed(problem, empty, demand, str(slot_id), start)


def test_what_is_not_placed_cannot_be_taken_out_and_no_other_window_be_taken() -> None:
    problem, empty, demand, _ = plan_of_one()
    with pytest.raises(PlanRefused, match="is not placed"):
        without(problem, empty, demand)
    with pytest.raises(PlanRefused, match="has none in window"):
        with_placed(problem, empty, demand, str(uuid4()), 7)
