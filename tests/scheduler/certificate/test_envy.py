"""An unplaced demand that could replace one of lower priority is found, and only such a one."""

from __future__ import annotations

from dataclasses import replace

from scheduler.certificate.certify import certify
from scheduler.certificate.envy import priority
from scheduler.certificate.report import Change
from scheduler.plan import Choice, Plan
from scheduler.problem import Caps, Demand, Option, Problem, Window
from tests.scheduler.certificate.plans import PLAN, PROBLEM, certified, solved, verdicts
from tests.scheduler.problems import ORIGIN

TWO = (Window("w", "l1", 0, 5), Window("v", "l2", 0, 5))
BY_WEIGHT = replace(PROBLEM, objectives=("displacement", "weight"))


def of(
    demands: tuple[Demand, ...], *objectives: str, caps: Caps | None = None, limits: dict[str, int] | None = None
) -> Problem:
    return Problem(ORIGIN, TWO, objectives or ("weight",), demands=demands, caps=caps or Caps(), limits=limits or {})


def test_weight_alone_lets_the_heavier_demand_envy_the_lighter() -> None:
    # r4 (weight 8) needs 6 days: those of r1 (weight 3), [4, 10). Those of r2 are 5.
    (found,) = certified(BY_WEIGHT, PLAN).property("no_justified_envy").counterexamples
    assert (found.demands, found.windows, found.option) == (("r4", "r1"), ("w",), 0)
    assert (found.start, found.end) == (4, 10)
    assert found.effect == (Change("weight", 6, 11),)  # 3 + 2 + 1, and 8 instead of 3


def test_tiers_go_before_weights() -> None:
    assert verdicts(certified(PROBLEM, PLAN))["no_justified_envy"] == "holds"


def test_an_optimum_by_weight_cannot_be_envious() -> None:
    # The plan was called optimal: the exchange that gives 11 contradicts the bound of 6.
    (found,) = certified(BY_WEIGHT, PLAN).property("bounds").counterexamples
    assert found.demands == ("r4", "r1")
    assert found.text.en.endswith("That gives weight 11, which the bound 6 excludes.")


def test_free_days_beside_the_place_count() -> None:
    # r2's [10, 15) and, k displaced, [15, 20) beside it: room for the 6 days of r4, which are not free without r2's.
    problem = replace(
        BY_WEIGHT, demands=(*PROBLEM.demands[:3], replace(PROBLEM.demands[3], options=(Option("w", 6, 14, 14),)))
    )
    plan = replace(PLAN, displaced=frozenset({"k", "x"}))
    (found,) = certified(problem, plan).property("no_justified_envy").counterexamples
    assert (found.demands, found.start, found.end) == (("r4", "r2"), 14, 20)


def test_a_place_that_begins_before_the_one_taken_counts() -> None:
    # b takes [2, 5); a, 4 days from day 0 or 1, needs its day 2 or 3 as well as the free [0, 2).
    a = Demand("a", "o", 1, 2, (Option("w", 4, 0, 1),))
    b = Demand("b", "p", 1, 1, (Option("w", 3, 2, 2),))
    (found,) = certified(of((a, b)), Plan({"b": Choice(0, 2)})).property("no_justified_envy").counterexamples
    assert (found.demands, found.start, found.end) == (("a", "b"), 0, 4)


def test_a_place_beside_the_one_taken_is_waste_and_no_envy() -> None:
    # b takes [0, 2), and a fits on [2, 5), from day 2 on.
    a = Demand("a", "o", 1, 2, (Option("w", 3, 2, 2),))
    b = Demand("b", "p", 1, 1, (Option("w", 2, 0, 0),))
    found = verdicts(certified(of((a, b)), Plan({"b": Choice(0, 0)})))
    assert (found["non_wasteful"], found["no_justified_envy"]) == ("fails", "holds")


def test_equal_priority_is_no_reason() -> None:
    equal = replace(BY_WEIGHT, demands=(*PROBLEM.demands[:3], replace(PROBLEM.demands[3], weight=3)))
    assert verdicts(certified(equal, PLAN))["no_justified_envy"] == "holds"


def test_a_cap_lets_a_demand_envy_its_own_partys() -> None:
    # v is free for b, but o may have one only, and a has that.
    a = Demand("a", "o", 1, 1, (Option("w", 5, 0, 0),))
    b = Demand("b", "o", 1, 2, (Option("v", 5, 0, 0),))
    capped = of((a, b), "parties", "weight", caps=Caps(per_party=1))
    certificate = certified(capped, Plan({"a": Choice(0, 0)}))
    (found,) = certificate.property("no_justified_envy").counterexamples
    assert (found.demands, found.windows) == (("b", "a"), ("v", "w"))
    assert found.effect == (Change("weight", 1, 2),)  # and still one party
    assert verdicts(certificate)["non_wasteful"] == "holds"
    # By days: 5 each, 9 for the party.
    by_days = of((a, b), caps=Caps(days_per_party=9))
    assert verdicts(certified(by_days, Plan({"a": Choice(0, 0)})))["no_justified_envy"] == "fails"
    others = of((replace(a, party="p"), b, replace(b, id="c", weight=3, options=())), caps=Caps(per_party=0))
    assert verdicts(certified(others, Plan()))["no_justified_envy"] == "holds"


def test_a_limit_lets_a_demand_envy_whoever_spends_it() -> None:
    # a costs 6 and b 8: 14 is above 10, 8 alone is not.
    a = Demand("a", "o", 1, 1, (Option("w", 5, 0, 0, cost=6),))
    b = Demand("b", "p", 1, 2, (Option("v", 5, 0, 0, cost=8),))
    for most, verdict in ((10, "fails"), (7, "holds")):
        limited = of((a, b), limits={"cost": most})
        certificate = certified(limited, Plan({"a": Choice(0, 0)}))
        assert verdicts(certificate)["no_justified_envy"] == verdict
        assert verdicts(certificate)["non_wasteful"] == "holds"


def test_the_demand_of_lowest_priority_is_named() -> None:
    a = Demand("a", "o", 1, 2, (Option("w", 5, 0, 0),))
    b = Demand("b", "p", 1, 1, (Option("v", 5, 0, 0),))
    c = Demand("c", "q", 1, 3, (Option("w", 5, 0, 0, rank=1), Option("v", 5, 0, 0, rank=2)))
    certificate = certified(of((a, b, c)), Plan({"a": Choice(0, 0), "b": Choice(0, 0)}))
    (found,) = certificate.property("no_justified_envy").counterexamples
    assert (found.demands, found.windows, found.option) == (("c", "b"), ("v",), 1)


def test_an_objective_before_the_weights_can_make_the_best_plan_envious() -> None:
    # b is o2's only one. c would raise the weight from 2 to 3, and bring the parties served from 2 to 1.
    a = Demand("a", "o1", 1, 1, (Option("w", 5, 0, 0),))
    b = Demand("b", "o2", 1, 1, (Option("v", 5, 0, 0),))
    c = Demand("c", "o1", 1, 2, (Option("v", 5, 0, 0),))
    certificate = certified(of((a, b, c), "parties", "weight"), Plan({"a": Choice(0, 0), "b": Choice(0, 0)}))
    (found,) = certificate.property("no_justified_envy").counterexamples
    assert found.demands == ("c", "b")
    assert found.effect == (Change("parties", 2, 1), Change("weight", 2, 3))
    assert verdicts(certificate)["bounds"] == "holds"


def test_priority_is_what_a_demand_adds_to_the_weights_in_their_order() -> None:
    first, second = Demand("a", "o", 1, 1, (Option("w", 5, 0, 0),)), Demand("b", "o", 2, 9, (Option("w", 5, 0, 0),))
    by_tier, by_weight, unweighed = of((), "weight:1", "weight:2"), of((), "weight"), of((), "delay")
    assert priority(by_tier, first) > priority(by_tier, second)
    assert priority(by_weight, first) < priority(by_weight, second)
    assert priority(unweighed, first) > priority(unweighed, second)
    only_second = of((), "weight:2")
    assert priority(only_second, first) < priority(only_second, second)


def test_an_exchange_within_the_bound_leaves_it_honest() -> None:
    solution = solved(BY_WEIGHT, PLAN, {"weight": 11})
    assert verdicts(certify(BY_WEIGHT, solution, samples=0))["bounds"] == "holds"
