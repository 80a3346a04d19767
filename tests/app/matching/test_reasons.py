"""Each cause of refusal gives its own reason, alone, with the numbers on both sides; taken away, there is an option."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

import pytest

from app.core.vocabulary import Containment, GmpPhase, Reserve
from app.matching.facts import FeasibilityFacts, QualificationFacts
from app.matching.names import CONTAINMENTS, NAMES, PHASES, REFUSALS, Phrase
from app.matching.outcome import Reason, ReasonCode, Value
from app.matching.policy import DIRECT, ROUND
from app.matching.wording import REASONS, sentence
from app.requests.models import FeasibilityRefusal
from tests.app.matching.made import A_REQUEST, A_SLOT, LINE, SITE, codes, day, judged, span, unit_with

Case = tuple[ReasonCode, dict[str, Any], dict[str, Any], dict[str, Any], Value, Value]

CASES: list[Case] = [
    # code, what the request, the unit and the slot are given, asked, offered
    (ReasonCode.NOT_BOOKABLE, {}, {"not_bookable_reason": "captive"}, {}, None, "captive"),
    (
        ReasonCode.MODALITY,
        {},
        {"modalities": ("adc",)},
        {},
        "monoclonal_antibody",
        ("adc",),
    ),
    (ReasonCode.TERMS_UNKNOWN, {}, {"terms": {}}, {}, "monoclonal_antibody", None),
    (ReasonCode.AUTHORISATION_MODALITY, {}, {"site_modalities": ("adc",)}, {}, "monoclonal_antibody", ("adc",)),
    (ReasonCode.AUTHORISATION_PHASE, {}, {"site_gmp_phases": ("tox",)}, {}, "phase_1", ("tox",)),
    (ReasonCode.GMP_PHASE, {"gmp_phase": GmpPhase.PHASE_3}, {}, {}, "phase_3", ("phase_1", "phase_2")),
    (ReasonCode.GMP_PHASE_UNKNOWN, {}, {"gmp_phases": ("unknown",)}, {}, "phase_1", None),
    (ReasonCode.PLATFORM, {"platform": "Vero"}, {}, {}, "Vero", ("CHO",)),
    (ReasonCode.PLATFORM_UNKNOWN, {"platform": "CHO"}, {"platforms": ("unknown",)}, {}, "CHO", None),
    (ReasonCode.PLATFORM_UNKNOWN, {"platform": "CHO"}, {"platforms": ()}, {}, "CHO", None),
    (ReasonCode.CONTAINMENT, {"containment": ("gmo",)}, {"containment": ("bsl_2",)}, {}, ("gmo",), ("bsl_2",)),
    (ReasonCode.CONTAINMENT, {"containment": ("bsl_3",)}, {"containment": ("bsl_2",)}, {}, ("bsl_3",), ("bsl_2",)),
    (ReasonCode.CONTAINMENT_UNKNOWN, {"containment": ("gmo",)}, {}, {}, ("gmo",), None),
    (ReasonCode.VOLUME_TOO_SMALL, {"volume_min_l": 2000.5}, {}, {}, 2000.5, 2000.0),
    (ReasonCode.VOLUME_TOO_LARGE, {"volume_max_l": 1999.5}, {}, {}, 1999.5, 2000.0),
    (ReasonCode.VOLUME_UNKNOWN, {"volume_max_l": 10.0}, {"working_volume_l": None}, {}, 10.0, None),
    (ReasonCode.COUNTRY, {}, {"country": "BE"}, {}, "FR", "BE"),
    (ReasonCode.SITE_EXCLUDED, {"sites_excluded": frozenset({SITE})}, {"site_name": "Here"}, {}, None, "Here"),
    # 40 days of production and 42 of release do not go into 81.
    (ReasonCode.TIME_TOO_SHORT, {"earliest_on": day(9), "latest_delivery_on": day(90)}, {}, {}, 81, 82),
    # To deliver on day 283, the campaign must start by day 201.
    (ReasonCode.COMMISSIONING, {"latest_delivery_on": day(283)}, {"commissioned_on": day(202)}, {}, day(201), day(202)),
    (ReasonCode.TRANSFER, {"latest_delivery_on": day(283)}, {"transfer_days": 202}, {}, day(201), day(202)),
    (ReasonCode.RESERVED_FOR_STARTUPS, {}, {}, {"reserve": Reserve.STARTUP}, "FR", None),
    (ReasonCode.RESERVED_FOR_CRISES, {}, {}, {"reserve": Reserve.CRISIS}, None, None),
    (
        ReasonCode.RECALLABLE_NOT_ACCEPTED,
        {},
        {},
        {"reserve": Reserve.CRISIS, "lendable": True, "recall_notice_days": 14},
        None,
        14,
    ),
    (
        ReasonCode.LENT_TOO_LONG,
        {"accepts_recallable": True},
        {},
        {"reserve": Reserve.CRISIS, "lendable": True, "max_lent_days": 42},
        43,
        42,
    ),
    (ReasonCode.SLOT_TOO_SHORT, {}, {}, {"period": span(0, 42)}, 43, 42),
    (ReasonCode.SLOT_TOO_EARLY, {"earliest_on": day(78)}, {}, {}, day(78), day(77)),
    (ReasonCode.SLOT_TOO_LATE, {"latest_delivery_on": day(90)}, {}, {"period": span(9, 90)}, day(8), day(9)),
    (ReasonCode.SLOT_TAKEN, {}, {}, {"busy": (span(78, 80), span(42, 77))}, 43, 42),
    (ReasonCode.SLOT_TAKEN, {}, {}, {"divisible": False, "busy": (span(100, 101),)}, 120, 100),
    (ReasonCode.PRICE_UNKNOWN, {}, {"offer": {"price_cents": None}}, {}, "monoclonal_antibody", None),
    (ReasonCode.OVER_BUDGET, {"budget_cents": 99_999_999}, {}, {}, 99_999_999, 100_000_000),
]


@pytest.mark.parametrize(
    ("code", "request_", "unit", "slot", "asked", "offered"),
    CASES,
    ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)],
)
def test_one_cause_one_reason(
    code: ReasonCode,
    request_: dict[str, Any],
    unit: dict[str, Any],
    slot: dict[str, Any],
    asked: Value,
    offered: Value,
) -> None:
    found = judged(replace(A_REQUEST, **request_), unit_with(**unit), replace(A_SLOT, **slot))
    assert found.options == ()
    (reason,) = found.reasons
    assert (reason.code, reason.asked, reason.offered) == (code, asked, offered)
    assert "{" not in sentence(reason, "en") + sentence(reason, "fr")


def test_without_a_cause_there_is_an_option() -> None:
    found = judged()
    assert found.reasons == ()
    assert len(found.options) == 1


def test_every_code_is_tried_somewhere() -> None:
    elsewhere = {
        ReasonCode.YIELD_UNIT,
        ReasonCode.YIELD_UNKNOWN,
        ReasonCode.NO_SLOT,
        ReasonCode.TOO_LATE,
        ReasonCode.NOT_FEASIBLE,
        ReasonCode.FEASIBILITY_MISSING,
        ReasonCode.FEASIBILITY_EXPIRED,
    }
    assert {case[0] for case in CASES} | elsewhere == set(ReasonCode)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ({"offer": {"yield_per_batch": None}}, ReasonCode.YIELD_UNKNOWN),
        ({"offer": {"yield_unit": "vg"}}, ReasonCode.YIELD_UNIT),
    ],
)
def test_a_quantity_needs_a_yield_in_its_unit(unit: dict[str, Any], expected: ReasonCode) -> None:
    request = replace(A_REQUEST, batches=None, quantity=12_000.0, quantity_unit="g")
    assert codes(judged(request, unit_with(**unit))) == [expected]


def test_a_day_that_has_gone_by_is_too_late() -> None:
    # Earliest start and delivery lie before TODAY: nothing but the calendar stands against it.
    request = replace(A_REQUEST, earliest_on=day(-100), latest_delivery_on=day(81))
    assert codes(judged(request)) == [ReasonCode.TOO_LATE]


def test_a_platform_that_is_stated_is_known_beside_an_unknown_one() -> None:
    unit = unit_with(platforms=("unknown", "CHO"))
    assert judged(replace(A_REQUEST, platform="CHO"), unit).options


def test_a_higher_biosafety_level_holds_a_lower_one() -> None:
    unit = unit_with(containment=("bsl_3", "gmo"))
    assert judged(replace(A_REQUEST, containment=("bsl_2", "gmo")), unit).options


def test_europe_is_open_to_those_who_accept_it() -> None:
    assert judged(replace(A_REQUEST, accepts_europe=True), unit_with(country="BE")).options


class TestFeasibility:
    reviewed = unit_with({"is_standard": False})

    def request(self, **given: Any) -> Any:
        answer = FeasibilityFacts(LINE, **given)
        return replace(A_REQUEST, feasibilities={LINE: answer})

    def test_a_round_needs_an_answer_and_a_direct_booking_does_not(self) -> None:
        assert codes(judged(A_REQUEST, self.reviewed, policy=ROUND)) == [ReasonCode.FEASIBILITY_MISSING]
        assert judged(A_REQUEST, self.reviewed, policy=DIRECT).options

    def test_a_question_without_answer_counts_for_nothing_in_a_round(self) -> None:
        found = judged(self.request(feasible=None), self.reviewed, policy=ROUND)
        assert [(one.code, one.offered) for one in found.reasons] == [(ReasonCode.FEASIBILITY_MISSING, "asked")]

    def test_a_standard_line_needs_none(self) -> None:
        assert judged(policy=ROUND).options

    @pytest.mark.parametrize("policy", [DIRECT, ROUND])
    def test_no_means_no_until_it_ends(self, policy: Any) -> None:
        standing = self.request(feasible=False, refusal_code="scale", valid_until_on=day(0))
        assert codes(judged(standing, self.reviewed, policy=policy)) == [ReasonCode.NOT_FEASIBLE]
        ended = self.request(feasible=False, refusal_code="scale", valid_until_on=day(-1))
        assert ReasonCode.NOT_FEASIBLE not in codes(judged(ended, self.reviewed, policy=policy))

    def test_yes_holds_to_its_last_day(self) -> None:
        assert judged(self.request(feasible=True, valid_until_on=day(0)), self.reviewed, policy=ROUND).options
        ended = judged(self.request(feasible=True, valid_until_on=day(-1)), self.reviewed, policy=ROUND)
        assert codes(ended) == [ReasonCode.FEASIBILITY_EXPIRED]


class TestReserves:
    kept = replace(A_SLOT, reserve=Reserve.STARTUP, releases_on=day(1))

    def test_a_french_startup_takes_a_startup_slot(self) -> None:
        found = judged(replace(A_REQUEST, french_startup=True), slot=self.kept)
        assert [option.reserve for option in found.options] == [Reserve.STARTUP]

    def test_a_released_slot_is_open_to_all(self) -> None:
        assert codes(judged(slot=self.kept)) == [ReasonCode.RESERVED_FOR_STARTUPS]
        released = judged(slot=replace(self.kept, releases_on=day(0)))
        assert [option.reserve for option in released.options] == [Reserve.OPEN]

    def test_a_lent_slot_goes_to_who_accepts_its_recall(self) -> None:
        slot = replace(A_SLOT, reserve=Reserve.CRISIS, lendable=True, max_lent_days=43)
        (option,) = judged(replace(A_REQUEST, accepts_recallable=True), slot=slot).options
        assert option.recallable
        assert option.price.package_cents == 90_000_000


class TestTransfer:
    far = unit_with(transfer_days=400, engineering_batch_required=True)

    def test_a_product_established_here_waits_for_no_transfer(self) -> None:
        assert codes(judged(unit=self.far))[:1] == [ReasonCode.TRANSFER]
        request = replace(A_REQUEST, qualifications=(QualificationFacts(SITE),))
        assert judged(request, self.far).options

    def test_a_smaller_scale_qualifies_nothing_larger(self) -> None:
        request = replace(A_REQUEST, qualifications=(QualificationFacts(SITE, volume_l=500.0),))
        assert ReasonCode.TRANSFER in codes(judged(request, self.far))


@pytest.mark.parametrize(
    ("names", "codes"),
    [(PHASES, GmpPhase), (CONTAINMENTS, Containment), (REFUSALS, FeasibilityRefusal)],
    ids=["phases", "containments", "refusals"],
)
def test_every_code_of_a_closed_vocabulary_has_a_name(names: Mapping[str, Phrase], codes: type[StrEnum]) -> None:
    assert set(names) == {code.value for code in codes}


@pytest.mark.parametrize("code", NAMES)
def test_a_name_stands_for_its_code_on_both_sides(code: ReasonCode) -> None:
    for coded, name in NAMES[code].items():
        for asked, offered in ((coded, None), (None, coded), (None, ("other", coded))):
            reason = Reason(code, asked, offered)
            if f"{{{'asked' if asked else 'offered'}}}" in REASONS[code].en:
                assert name.en in sentence(reason)
                assert name.fr in sentence(reason, "fr")
            assert "_" not in sentence(reason) + sentence(reason, "fr")


def test_codes_are_said_in_words() -> None:
    phase = Reason(ReasonCode.GMP_PHASE, "tox", ("phase_2", "commercial"))
    assert sentence(phase) == "You ask for a lot for toxicology; this line makes lots for phase 2, commercial supply."
    assert sentence(phase, "fr") == (
        "Vous demandez un lot de toxicologie ; cette ligne produit des lots de phase 2, phase commerciale."
    )
    platform = Reason(ReasonCode.PLATFORM, "CHO", ("none",))
    assert sentence(platform) == "Platform needed: CHO; platforms of this line: none."
    assert sentence(platform, "fr") == "Plateforme requise : CHO ; plateformes de cette ligne : aucune."
    refused = Reason(ReasonCode.NOT_FEASIBLE, offered="raw_material")
    assert sentence(refused, "fr") == "Le CDMO indique que ce n'est pas faisable ici : matières premières."
