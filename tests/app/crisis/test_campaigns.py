"""What a line could run of a countermeasure: batches, days and doses, worked out by hand."""

from dataclasses import replace

import pytest

from app.allocation.escalation import is_met, steps_of
from app.capacity.supply import ModalityTerms, SlotFacts, Span
from app.core.vocabulary import Reserve
from app.crisis.campaigns import Brief, CampaignOption, campaigns_of_unit
from app.matching.outcome import Reason
from tests.app.crisis.planned_anew import SLOT, UNIT, unit
from tests.app.crisis.planned_anew import brief as planned
from tests.support.world import day


def brief(by: int, **made: object) -> Brief:
    return replace(planned((by, 1), **made), powers=())


def slot(end: int, **given: object) -> SlotFacts:
    facts: dict[str, object] = {
        "slot_id": SLOT,
        "unit_id": UNIT,
        "period": Span(day(0), day(end)),
        "reserve": Reserve.CRISIS,
    }
    return SlotFacts(**(facts | given))  # type: ignore[arg-type]


def options(found: tuple[list[CampaignOption], list[Reason]]) -> list[CampaignOption]:
    made, reasons = found
    assert reasons == []
    return made


def test_there_is_one_option_for_each_length_that_fits_and_counts() -> None:
    """80 days hold 43 and 60 and 77 days; the third batch leaves on day 2 + 74 + 10 = 86, one day after the target."""
    made = options(campaigns_of_unit(brief(85), unit(), [slot(80)]))
    assert [(one.batches, one.duration_days) for one in made] == [(1, 43), (2, 60)]
    assert [(one.earliest_on, one.latest_on) for one in made] == [(day(2), day(35)), (day(2), day(18))]
    assert made[1].releases == ((50, 1), (67, 1))
    assert [one.price_cents for one in made] == [100, 200]
    assert (made[0].doses.low, made[0].doses.expected, made[0].doses.high) == (10_000, 20_000, 40_000)


def test_a_whole_slot_is_taken_whole_with_the_longest_campaign() -> None:
    [made] = options(campaigns_of_unit(brief(150), unit(), [slot(80, divisible=False, period=Span(day(5), day(85)))]))
    assert (made.batches, made.duration_days) == (3, 80)
    assert (made.earliest_on, made.latest_on) == (day(5), day(5))


def test_batches_in_parallel_are_released_together() -> None:
    made = options(campaigns_of_unit(brief(70), unit(batches_in_parallel=4), [slot(80)]))
    assert [one.batches for one in made] == [4, 8]
    assert made[1].releases == ((50, 4), (67, 4))


def test_the_countermeasures_own_days_stand_before_the_lines() -> None:
    [made] = options(
        campaigns_of_unit(brief(30, first_batch_days=10, cadence_days=10, release_days=5), unit(), [slot(20)])
    )
    assert (made.duration_days, made.releases) == (13, ((15, 1),))


@pytest.mark.parametrize(
    ("given", "offered", "code"),
    [
        ({"modalities": ()}, slot(80), "modality"),
        ({"working_volume_l": None}, slot(80), "volume_unknown"),
        ({"gmp_phases": ("phase_1",)}, slot(80), "gmp_phase"),
        ({}, slot(42), "slot_too_short"),
        ({}, slot(160, period=Span(day(60), day(160))), "slot_too_late"),
        ({}, slot(45, period=Span(day(-20), day(45))), None),
        ({}, slot(44, period=Span(day(-20), day(30))), "slot_too_early"),
        ({"terms": {"monoclonal_antibody": ModalityTerms("monoclonal_antibody", 42)}}, slot(80), "price_unknown"),
    ],
)
def test_what_cannot_run_says_why(given: dict[str, object], offered: SlotFacts, code: str | None) -> None:
    made, reasons = campaigns_of_unit(brief(85), unit(**given), [offered])
    if code is None:
        assert made
    else:
        assert made == []
        assert code in {reason.code for reason in reasons}


def test_a_line_without_a_slot_says_so() -> None:
    _, [reason] = campaigns_of_unit(brief(85), unit(), [])
    assert reason.code == "no_slot"


def test_a_run_stops_at_the_first_problem_that_meets_its_targets() -> None:
    first, second = {"surges": [{"targets": [{"by": 1, "quantity": 5}, {"by": 2, "quantity": 7}]}]}, {"second": True}
    assert steps_of(first, {"further_problems": [second]}) == [first, second]
    assert steps_of(first, {}) == [first]
    for reached, met in ((11, False), (12, True)):
        assert is_met(first, {"levels": [{"objective": "surge_output", "value": reached}]}) is met
