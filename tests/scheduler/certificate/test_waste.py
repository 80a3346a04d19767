"""Free room that someone left out could use is found, and named with who and where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.certificate.report import Change
from scheduler.plan import Choice, Plan, Run
from scheduler.problem import Caps, Movable, Option, Problem, Surge, SurgeOption, Target
from tests.scheduler.certificate.plans import PLAN, PROBLEM, certified, verdicts, without


def test_an_unplaced_demand_that_fits_is_waste() -> None:
    # Without r3, all of v is free: it fits on [0, 6) and adds its weight of 1 to the 2 of r2.
    certificate = certified(PROBLEM, without("r3"))
    (found,) = certificate.property("non_wasteful").counterexamples
    assert (found.demands, found.windows, found.option, found.start, found.end) == (("r3",), ("v",), 0, 0, 6)
    assert found.effect == (Change("weight:2", 2, 3),)
    assert certificate.verdict == "fails"


def test_a_proven_bound_that_a_find_passes_is_dishonest() -> None:
    # weight:2 was called proven at 2, and placing r3 gives 3.
    found = certified(PROBLEM, without("r3")).property("bounds").counterexamples
    assert [(item.demands, "weight:2 3" in item.text.en) for item in found] == [(("r3",), True)]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"caps": Caps(per_party=2)}, "fails"),
        ({"caps": Caps(days_per_party=11)}, "fails"),  # o1 has 6 + 5; o2 would have 6
        ({"limits": {"cost": 15}}, "fails"),  # 5 each for r1, r2, and r3
        ({"limits": {"cost": 14}}, "holds"),
        ({"limits": {"delay": 12}}, "fails"),  # r2, 6 days late, takes 2 x 6; r3 would be on its first day
    ],
)
def test_room_that_caps_and_limits_forbid_is_not_waste(changes: dict[str, object], verdict: str) -> None:
    certificate = certified(replace(PROBLEM, **changes), without("r3"))  # type: ignore[arg-type]
    assert verdicts(certificate)["non_wasteful"] == verdict


def test_a_cap_forbids_a_second_demand_of_its_party() -> None:
    # Without r2, [10, 15) is free for it, but r1 is o1's one.
    assert verdicts(certified(PROBLEM, without("r2")))["non_wasteful"] == "fails"
    capped = replace(PROBLEM, caps=Caps(per_party=1))
    assert verdicts(certified(capped, without("r2")))["non_wasteful"] == "holds"


def test_a_displaced_booking_whose_place_is_free_is_waste() -> None:
    # With k and x both displaced, either could go back: k to [15, 18), x to [16, 20).
    certificate = certified(PROBLEM, replace(PLAN, displaced=frozenset({"k", "x"})))
    found = certificate.property("non_wasteful").counterexamples
    assert [(item.bookings, item.windows, item.option, item.start, item.end) for item in found] == [
        (("k",), ("w",), None, 15, 18),
        (("x",), ("w",), None, 16, 20),
    ]
    assert [item.effect for item in found] == [(Change("displacement", 30, 10),), (Change("displacement", 30, 20),)]


def test_a_displaced_booking_that_fits_on_its_option_is_waste() -> None:
    # x, 4 days, fits in v on [6, 10): moved costs 1 x 2 instead of 1 x 10.
    k, x = PROBLEM.movable
    problem = replace(PROBLEM, movable=(k, replace(x, options=(Option("v", 4, 0, 8, cost=3),))))
    (found,) = certified(problem, PLAN).property("non_wasteful").counterexamples
    assert (found.bookings, found.windows, found.option, found.start, found.end) == (("x",), ("v",), 0, 6, 10)
    assert found.effect == (Change("displacement", 10, 2),)
    assert verdicts(certified(replace(problem, limits={"cost": 17}), PLAN))["non_wasteful"] == "holds"  # 15 + 3


def with_surge(quantity: int) -> Problem:
    option = SurgeOption("v", 2, 0, 8, output=50, lag=1)
    return replace(
        PROBLEM,
        objectives=("surge_output", *PROBLEM.objectives),
        surges=(Surge("s", (Target(9, quantity),), (option,)),),
    )


def test_a_campaign_that_fits_and_adds_output_is_waste() -> None:
    # On [6, 8) it delivers on day 8 + 1 = 9, in time. A second on [8, 10) delivers on day 11, too late.
    (found,) = certified(with_surge(70), PLAN).property("non_wasteful").counterexamples
    assert (found.surges, found.windows, found.start, found.end) == (("s",), ("v",), 6, 8)
    assert found.effect == (Change("surge_output", 0, 50),)
    served = replace(PLAN, runs=(Run("s", 0, 6),))
    assert verdicts(certified(with_surge(70), served))["non_wasteful"] == "holds"
    assert verdicts(certified(with_surge(0), PLAN))["non_wasteful"] == "holds"


def test_days_that_the_objectives_prefer_empty_still_count() -> None:
    # Only the cost counts, and it is least with nothing placed.
    problem = replace(PROBLEM, objectives=("cost",), movable=())
    certificate = certified(problem, Plan())
    found = certificate.property("non_wasteful").counterexamples
    assert [item.demands for item in found] == [("r1",), ("r2",), ("r3",), ("r4",)]
    assert found[0].effect == (Change("cost", 0, 5),)
    assert verdicts(certificate)["bounds"] == "holds"


def test_a_booking_moved_within_the_plan_holds_its_new_place() -> None:
    # m moved to v [6, 10) leaves r3, taken out, only [0, 6).
    m = Movable("m", "w", 4, 8, options=(Option("v", 4, 6, 6),))
    problem = replace(PROBLEM, movable=(*PROBLEM.movable, m))
    plan = replace(without("r3"), moved={"m": Choice(0, 6)})
    (found,) = certified(problem, plan).property("non_wasteful").counterexamples
    assert (found.demands, found.start, found.end) == (("r3",), 0, 6)
