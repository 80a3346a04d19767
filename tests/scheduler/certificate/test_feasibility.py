"""A good plan passes every property, and each way to break its schedule is found and named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.certificate.certify import certify
from scheduler.problem import Caps, Fixed
from scheduler.solution import Conflict, Placed, Solution
from tests.scheduler.certificate.plans import PLAN, PROBLEM, certified, solved, verdicts

GOOD = solved(PROBLEM, PLAN)
CHECKED_LATER = ("non_wasteful", "no_justified_envy", "monotone")


def test_every_property_of_the_good_plan_holds() -> None:
    certificate = certified(PROBLEM, PLAN)
    assert set(verdicts(certificate).values()) == {"holds"}
    assert certificate.verdict == "holds"
    assert not any(item.counterexamples for item in certificate.properties)


def test_every_property_states_what_it_means_in_both_languages() -> None:
    for item in certified(PROBLEM, PLAN).properties:
        texts = (item.title, item.definition, item.method, item.not_covered, item.summary)
        assert all(text.en and text.fr and text.en != text.fr for text in texts if text.en != "eligible"), item.name


def test_a_start_outside_the_options_days_is_not_eligible() -> None:
    # r3 may start on days 0 to 4; on day 5 it would take [5, 11), past the window's end as well.
    wrong = replace(GOOD, placed=(*GOOD.placed[:2], Placed("r3", 0, "v", 5, 11)))
    certificate = certify(PROBLEM, wrong)
    found = certificate.property("eligible").counterexamples
    assert {(item.demands, item.windows) for item in found} == {(("r3",), ("v",))}
    assert verdicts(certificate) == {
        "eligible": "fails",
        **dict.fromkeys(("feasible", "caps", "bounds", *CHECKED_LATER), "not_checked"),
    }


def test_an_overlap_of_demands_names_both_and_their_window() -> None:
    # r2 on [9, 14) is within its days, but r1 holds [4, 10).
    wrong = replace(GOOD, placed=(GOOD.placed[0], Placed("r2", 0, "w", 9, 14), GOOD.placed[2]))
    certificate = certify(PROBLEM, wrong)
    (found,) = certificate.property("feasible").counterexamples
    assert (found.demands, found.bookings, found.windows) == (("r1", "r2"), (), ("w",))
    assert verdicts(certificate) == {
        "eligible": "holds",
        "feasible": "fails",
        "caps": "holds",
        "bounds": "holds",
        **dict.fromkeys(CHECKED_LATER, "not_checked"),
    }


def test_an_overlap_of_bookings_names_both() -> None:
    certificate = certify(PROBLEM, solved(PROBLEM, replace(PLAN, displaced=frozenset())))
    (found,) = certificate.property("feasible").counterexamples
    assert (found.demands, found.bookings, found.windows) == ((), ("k", "x"), ("w",))


def test_a_party_above_its_cap_is_named_with_its_demands() -> None:
    # o1 has r1 and r2: two campaigns, 6 + 5 = 11 days.
    for caps in (Caps(per_party=1), Caps(days_per_party=10)):
        certificate = certify(replace(PROBLEM, caps=caps), GOOD)
        (found,) = certificate.property("caps").counterexamples
        assert (found.parties, found.demands) == (("o1",), ("r1", "r2"))
        assert verdicts(certificate)["non_wasteful"] == "not_checked"
    assert verdicts(certify(replace(PROBLEM, caps=Caps(2, 11)), GOOD, samples=0))["caps"] == "holds"


@pytest.mark.parametrize(("most", "verdict"), [(9, "fails"), (10, "holds")])
def test_a_limit_is_checked(most: int, verdict: str) -> None:
    certificate = certified(replace(PROBLEM, limits={"displacement": most}), PLAN)
    assert verdicts(certificate)["caps"] == verdict


def test_a_wrong_value_is_dishonest_and_nothing_else() -> None:
    wrong = replace(GOOD, levels=(*GOOD.levels[:3], replace(GOOD.levels[3], value=8, bound=8)))
    certificate = certify(PROBLEM, wrong, samples=0)
    assert [name for name, verdict in verdicts(certificate).items() if verdict != "holds"] == ["bounds"]
    assert "weight:3" in certificate.property("bounds").counterexamples[0].text.en


def test_the_gap_and_the_trivial_bound_of_each_level_are_given() -> None:
    # weight:2 is 3 of a bound of 4: a gap of 1/3. Trivially r2 and r3 have an option each: 2 + 1.
    certificate = certify(PROBLEM, solved(PROBLEM, PLAN, {"weight:2": 4}), samples=0)
    level = certificate.levels[2]
    assert (level.objective, level.value, level.bound, level.trivial_bound, level.proven) == (
        "weight:2",
        3,
        4,
        3,
        False,
    )
    assert level.gap == pytest.approx(1 / 3, abs=1e-6)


def test_without_a_plan_only_the_contradiction_is_checked() -> None:
    problem = replace(PROBLEM, fixed=(Fixed("f", "w", 0, 4), Fixed("g", "w", 3, 5)))
    certificate = certify(problem, Solution("infeasible", conflicts=(Conflict("w", ("f", "g")),)))
    assert certificate.verdict == "holds"
    assert [name for name, verdict in verdicts(certificate).items() if verdict != "not_checked"] == ["feasible"]
    assert certificate.outcomes == ()
    claimed = certify(PROBLEM, Solution("infeasible", conflicts=(Conflict("w", ("f", "g")),)))
    assert verdicts(claimed)["feasible"] == "fails"
