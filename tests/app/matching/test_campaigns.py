"""Days, batches, delivery and price of a campaign, worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from app.core.vocabulary import Basis, Reserve
from app.matching.facts import FeasibilityFacts, QualificationFacts, SlotFacts
from app.matching.match import match
from app.matching.outcome import CautionCode, ReasonCode, StartWindow
from app.matching.slots import gaps
from app.matching.wording import caution_sentence, sentence
from tests.app.matching.made import (
    A_REQUEST,
    A_SLOT,
    LINE,
    OTHER_SITE,
    OTHER_SLOT,
    SITE,
    TODAY,
    UNIT,
    day,
    judged,
    only_option,
    span,
    unit_with,
)


@pytest.mark.parametrize(
    ("batches", "unit", "production_days"),
    [
        (1, {}, 40),
        (3, {}, 40 + 2 * 17),
        (3, {"cadence_days": None}, 3 * 40),
        (4, {"batches_in_parallel": 2}, 40 + 17),
        (5, {"batches_in_parallel": 2}, 40 + 2 * 17),
        # The engineering batch proves the process alone, before the others.
        (4, {"batches_in_parallel": 2, "engineering_batch_required": True}, 40 + 2 * 17),
        (2, {"engineering_batch_required": True}, 40 + 2 * 17),
    ],
)
def test_production(batches: int, unit: dict[str, Any], production_days: int) -> None:
    terms = judged(replace(A_REQUEST, batches=batches), unit_with(**unit)).terms
    assert terms is not None
    assert terms.production_days == production_days
    assert terms.duration_days == production_days + 3


@pytest.mark.parametrize(
    ("quantity", "per_batch", "batches"),
    [(1.0, 5_000.0, 1), (5_000.0, 5_000.0, 1), (5_000.1, 5_000.0, 2), (0.3, 0.1, 3), (3e16, 1e16, 3), (0.7, 0.1, 7)],
)
def test_a_quantity_becomes_batches(quantity: float, per_batch: float, batches: int) -> None:
    request = replace(A_REQUEST, batches=None, quantity=quantity, quantity_unit="g")
    terms = judged(request, unit_with({"yield_per_batch": per_batch})).terms
    assert terms is not None
    assert terms.batches == batches


@pytest.mark.parametrize(("quantity", "per_batch"), [(1e300, 5_000.0), (1e300, 1e-10), (100.0, 1e-310)])
def test_an_absurd_quantity_is_refused_with_numbers_not_an_overflow(quantity: float, per_batch: float) -> None:
    request = replace(A_REQUEST, batches=None, quantity=quantity, quantity_unit="g")
    found = judged(request, unit_with({"yield_per_batch": per_batch}))
    assert ReasonCode.TIME_TOO_SHORT in {reason.code for reason in found.reasons}
    assert not found.options


def test_delivery_counts_production_and_release_but_not_changeover() -> None:
    option = only_option(judged())
    assert option.duration_days == 43
    assert option.delivery_on == day(40 + 42)
    assert option.lag_days == 42 - 3


def test_the_latest_delivery_is_itself_in_time() -> None:
    option = only_option(judged(replace(A_REQUEST, latest_delivery_on=day(82))))
    assert option.start_windows == (StartWindow(day(0), day(0)),)


def test_starts_lie_in_the_free_stretches() -> None:
    option = only_option(judged(slot=replace(A_SLOT, busy=(span(44, 50), span(46, 60), span(-9, 0)))))
    # Free: [0, 44) and [60, 120); 43 days fit from 0 or 1, and from 60 to 77.
    assert option.start_windows == (StartWindow(day(0), day(1)), StartWindow(day(60), day(77)))
    assert (option.earliest_start_on, option.latest_start_on) == (day(0), day(77))


def test_a_whole_slot_is_taken_from_its_first_day_to_its_last() -> None:
    option = only_option(judged(slot=replace(A_SLOT, divisible=False)))
    assert option.start_windows == (StartWindow(day(0), day(0)),)
    assert option.duration_days == 120
    assert option.delivery_on == day(82)
    assert option.duration_days + option.lag_days == 82


def test_a_whole_slot_that_begins_too_early_is_not_taken_in_part() -> None:
    found = judged(replace(A_REQUEST, earliest_on=day(1)), slot=replace(A_SLOT, divisible=False))
    assert [reason.code for reason in found.reasons] == [ReasonCode.SLOT_TOO_EARLY]


def test_transfer_delays_the_start_and_is_named_as_unpriced() -> None:
    option = only_option(judged(unit=unit_with(transfer_days=30)))
    assert option.earliest_start_on == day(30)
    assert option.price.transfer_cents is None
    assert CautionCode.TRANSFER_NOT_PRICED in {caution.code for caution in option.cautions}


@pytest.mark.parametrize(("engineered", "package_cents"), [(False, 300_000_000), (True, 200_000_000)])
def test_the_engineering_batch_is_paid_for_until_one_exists(engineered: bool, package_cents: int) -> None:
    request = replace(A_REQUEST, batches=2, qualifications=(QualificationFacts(SITE, engineered=engineered),))
    option = only_option(judged(request, unit_with(engineering_batch_required=True)))
    assert option.price.package_cents == package_cents


@pytest.mark.parametrize(
    ("reserve", "slot_cents", "cap_cents", "paid"),
    [
        (Reserve.OPEN, None, None, 100_000_000),
        (Reserve.OPEN, 80_000_000, 60_000_000, 80_000_000),
        (Reserve.STARTUP, None, 60_000_000, 60_000_000),
        (Reserve.STARTUP, 50_000_000, 60_000_000, 50_000_000),
        (Reserve.STARTUP, None, None, 100_000_000),
    ],
)
def test_the_cap_binds_in_the_startup_reserve_alone(
    reserve: Reserve, slot_cents: int | None, cap_cents: int | None, paid: int
) -> None:
    slot = replace(A_SLOT, reserve=reserve, price_cents=slot_cents, capped_price_cents=cap_cents)
    option = only_option(judged(replace(A_REQUEST, french_startup=True), slot=slot))
    assert option.price.package_cents == paid


def test_the_cap_is_the_price_where_none_is_published() -> None:
    slot = replace(A_SLOT, reserve=Reserve.STARTUP, capped_price_cents=70_000_000)
    request = replace(A_REQUEST, french_startup=True, budget_cents=70_000_000)
    assert only_option(judged(request, unit_with({"price_cents": None}), slot)).price.package_cents == 70_000_000


def test_options_come_best_first() -> None:
    cheap = SlotFacts(slot_id=OTHER_SLOT, unit_id=UNIT, period=span(120, 240), price_cents=1)
    found = match(A_REQUEST, unit_with(), [A_SLOT, cheap], TODAY)
    assert [(option.slot_id, option.rank) for option in found.options] == [(OTHER_SLOT, 1), (A_SLOT.slot_id, 2)]


def test_preference_is_the_position_among_preferred_sites() -> None:
    request = replace(A_REQUEST, sites_preferred=(OTHER_SITE, SITE))
    assert only_option(judged(request)).preference == 1
    assert only_option(judged(replace(request, sites_preferred=(OTHER_SITE,)))).preference == 1
    assert only_option(judged(replace(request, sites_preferred=(SITE,)))).preference == 0


def test_nearest_is_the_slot_against_which_the_fewest_reasons_stand() -> None:
    short_and_dear = SlotFacts(slot_id=OTHER_SLOT, unit_id=UNIT, period=span(120, 130), price_cents=10**12)
    request = replace(A_REQUEST, budget_cents=1)
    found = match(request, unit_with(), [short_and_dear, A_SLOT], TODAY)
    assert [(reason.code, reason.slot_id) for reason in found.nearest] == [(ReasonCode.OVER_BUDGET, A_SLOT.slot_id)]
    assert sentence(found.nearest[0]) == "Your budget is 0.01 EUR; the package costs 1,000,000.00 EUR."
    assert sentence(found.nearest[0], "fr") == "Votre budget est de 0,01 EUR ; l'ensemble coûte 1 000 000,00 EUR."


def test_a_unit_without_slots_says_so() -> None:
    found = match(A_REQUEST, unit_with(), [replace(A_SLOT, unit_id=OTHER_SLOT)], TODAY)
    assert [reason.code for reason in found.nearest] == [ReasonCode.NO_SLOT]


class TestCautions:
    def codes(self, **given: Any) -> set[CautionCode]:
        return {caution.code for caution in only_option(judged(**given)).cautions}

    def test_a_certificate_that_ends_before_production_is_no_refusal(self) -> None:
        ends = CautionCode.GMP_CERTIFICATE_ENDS
        assert ends in self.codes(unit=unit_with(gmp_certificate_until_on=day(39)))
        assert ends not in self.codes(unit=unit_with(gmp_certificate_until_on=day(40)))

    def test_what_the_cdmo_has_not_looked_at_is_confirmed_by_nobody_at_once(self) -> None:
        slot, unit = replace(A_SLOT, instant=True), unit_with({"is_standard": False})
        unseen = only_option(judged(unit=unit, slot=slot))
        assert not unseen.instant
        assert CautionCode.REVIEW_PENDING in {caution.code for caution in unseen.cautions}
        request = replace(A_REQUEST, feasibilities={LINE: FeasibilityFacts(LINE, feasible=True)})
        assert only_option(judged(request, unit, slot)).instant
        assert only_option(judged(slot=slot)).instant

    def test_a_condition_is_told_and_confirmed_by_nobody_at_once(self) -> None:
        answer = FeasibilityFacts(LINE, feasible=True, condition="below 5 g/L")
        option = only_option(
            judged(
                replace(A_REQUEST, feasibilities={LINE: answer}),
                unit_with({"is_standard": False}),
                replace(A_SLOT, instant=True),
            )
        )
        assert not option.instant
        told = [caution for caution in option.cautions if caution.code is CautionCode.FEASIBLE_IF]
        assert [caution_sentence(one) for one in told] == ["Feasible if: below 5 g/L."]

    def test_an_illustrative_figure_is_never_shown_as_the_cdmos_own(self) -> None:
        assert self.codes() == set()
        unit = unit_with({"basis": Basis.ILLUSTRATIVE}, continuity_at_risk=True)
        assert self.codes(unit=unit) == {CautionCode.ILLUSTRATIVE_FIGURES, CautionCode.CONTINUITY_AT_RISK}


def test_gaps_of_a_period_that_is_busy_throughout() -> None:
    assert list(gaps(span(0, 10), [span(0, 4), span(3, 10)])) == []
    assert list(gaps(span(0, 10), [span(20, 30), span(-5, 0)])) == [span(0, 10)]
