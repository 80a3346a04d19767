"""A placed demand that weighs more keeps a place, or the certificate says that it does not, or that nobody knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

import scheduler.solve
from scheduler.certificate.certify import certify
from scheduler.certificate.monotone import LEAST_SECONDS
from scheduler.certificate.report import Certificate, Property
from scheduler.plan import Choice, Plan
from scheduler.problem import Demand, Fixed, Option, Problem, Window
from scheduler.solution import Solution
from tests.scheduler.certificate.plans import PLAN, PROBLEM, solved
from tests.scheduler.problems import ORIGIN

WINDOWS = (Window("w", "l1", 0, 5), Window("v", "l2", 0, 5))
LIGHT = Demand("light", "o1", 1, 1, (Option("w", 5, 0, 0),))
HEAVY = Demand("heavy", "o2", 1, 3, (Option("w", 5, 0, 0),))
ALONE = Demand("alone", "o1", 1, 2, (Option("v", 4, 0, 1),))
ONE_PLACE = Problem(ORIGIN, WINDOWS, ("weight",), demands=(LIGHT, HEAVY, ALONE))


def monotone(problem: Problem, solution: Solution, *, seconds: float = 10.0, samples: int = 20) -> Property:
    certificate: Certificate = certify(problem, solution, seconds=seconds, samples=samples)
    return certificate.property("monotone")


def test_a_place_that_the_best_plan_gives_to_another_is_lost() -> None:
    # light at weight 2 is still below heavy's 3, which has no other place than w; alone has v for itself.
    plan = Plan({"light": Choice(0, 0), "alone": Choice(0, 0)})
    found = monotone(ONE_PLACE, solved(ONE_PLACE, plan, {"weight": 6}))
    assert found.verdict == "fails"
    assert [item.demands for item in found.counterexamples] == [("light",)]
    assert "unplaced in a proven plan at weight 2" in found.counterexamples[0].text.en
    assert found.counts == {
        "placed": 2, "follows_for": 0, "sampled": 2, "kept": 1, "lost": 1, "unproven": 0, "out_of_time": 0,
    }  # fmt: skip


def test_the_best_plan_keeps_every_place_and_its_proof_says_so_for_all() -> None:
    found = monotone(PROBLEM, solved(PROBLEM, PLAN), samples=2)
    assert found.verdict == "holds"
    assert (found.counts["placed"], found.counts["follows_for"]) == (3, 3)
    assert (found.counts["sampled"], found.counts["kept"]) == (2, 2)


def test_without_a_proof_nothing_follows() -> None:
    # weight:2 is open: it follows for r1 of tier 1 only.
    found = monotone(PROBLEM, solved(PROBLEM, PLAN, {"weight:2": 4}), samples=0)
    assert found.counts["follows_for"] == 1


def test_without_time_the_sample_is_inconclusive() -> None:
    plan = Plan({"heavy": Choice(0, 0), "alone": Choice(0, 0)})
    found = monotone(ONE_PLACE, solved(ONE_PLACE, plan, {"weight": 6}), seconds=LEAST_SECONDS)
    assert found.verdict == "not_checked"
    assert (found.counts["sampled"], found.counts["out_of_time"]) == (2, 2)


def test_a_plan_that_is_not_proven_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unproven(problem: Problem, **_: object) -> Solution:
        return solved(problem, Plan({"heavy": Choice(0, 0)}), {"weight": 99})

    monkeypatch.setattr(scheduler.solve, "solve", unproven)
    plan = Plan({"heavy": Choice(0, 0), "alone": Choice(0, 0)})
    found = monotone(ONE_PLACE, solved(ONE_PLACE, plan, {"weight": 6}))
    assert found.verdict == "not_checked"
    assert (found.counts["sampled"], found.counts["unproven"]) == (2, 2)


def test_a_limited_delay_can_cost_a_heavier_demand_its_place() -> None:
    # late starts on day 2, when f is over, 2 days after its first: 1 x 2 is within the limit, 2 x 2 is not.
    late = Demand("late", "o", 1, 1, (Option("w", 3, 0, 2),))
    problem = Problem(ORIGIN, WINDOWS, ("weight",), (Fixed("f", "w", 0, 2),), (late,), limits={"delay": 2})
    found = monotone(problem, solved(problem, Plan({"late": Choice(0, 2)})))
    assert found.verdict == "fails"
    assert (found.counts["follows_for"], found.counts["lost"]) == (0, 1)


def test_parties_that_come_first_are_counted_over_all_their_windows() -> None:
    # light and heavy share w. o1 has alone in v as well, so serving both parties means heavy in w, whatever light
    # weighs: raised from 4 to 5 it is still lost, though by itself its window would keep it, one party either way.
    problem = replace(ONE_PLACE, objectives=("parties", "weight"), demands=(replace(LIGHT, weight=4), HEAVY, ALONE))
    plan = Plan({"light": Choice(0, 0), "alone": Choice(0, 0)})
    found = monotone(problem, solved(problem, plan, {"parties": 2, "weight": 9}))
    assert [item.demands for item in found.counterexamples] == [("light",)]


def test_demands_whose_weight_no_objective_counts_are_not_drawn() -> None:
    problem = replace(ONE_PLACE, objectives=("weight:2",))
    found = monotone(problem, solved(problem, Plan({"heavy": Choice(0, 0), "alone": Choice(0, 0)})))
    assert (found.verdict, found.counts["placed"]) == ("not_checked", 0)
    assert found.summary.en.startswith("Not checked")
