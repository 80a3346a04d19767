"""Optima worked out by hand, one rule at a time."""

from __future__ import annotations

from typing import Any

from scheduler.problem import (
    Caps,
    Demand,
    Fixed,
    Movable,
    Option,
    Problem,
    Surge,
    SurgeOption,
    Target,
    Window,
    Yield,
)
from scheduler.solution import Solution
from scheduler.solve import solve
from tests.scheduler.problems import ORIGIN, WINDOWS

TEN_DAYS = (Window("w", "l", 0, 10),)


def solved(*objectives: str, windows: tuple[Window, ...] = TEN_DAYS, **rest: Any) -> Solution:
    return solve(Problem(ORIGIN, windows, objectives, **rest), budget=50.0)


def values(solution: Solution) -> dict[str, int]:
    assert solution.status == "optimal"
    return {level.objective: level.value for level in solution.levels}


def test_two_light_demands_outweigh_a_heavy_one() -> None:
    # Ten days: 6 + 4 fit beside each other and weigh 3 + 3 = 6; the one of 10 days weighs 5.
    demands = (
        Demand("long", "o1", 1, 5, (Option("w", 10, 0, 0),)),
        Demand("six", "o2", 1, 3, (Option("w", 6, 0, 4),)),
        Demand("four", "o3", 1, 3, (Option("w", 4, 0, 6),)),
    )
    solution = solved("weight", demands=demands)
    assert values(solution) == {"weight": 6}
    assert solution.unplaced == ("long",)


def test_no_number_of_lower_tier_demands_outweighs_a_higher_one() -> None:
    demands = (
        Demand("one", "o1", 1, 1, (Option("w", 10, 0, 0),)),
        Demand("six", "o2", 2, 9, (Option("w", 6, 0, 4),)),
        Demand("four", "o3", 2, 9, (Option("w", 4, 0, 6),)),
    )
    assert values(solved("weight:1", "weight:2", demands=demands)) == {"weight:1": 1, "weight:2": 0}
    assert values(solved("weight:2", "weight:1", demands=demands)) == {"weight:2": 18, "weight:1": 0}


def test_a_fixed_booking_splits_its_window() -> None:
    # Days 4 and 5 are taken: 4 days are free on either side, so the demand of 5 days fits nowhere.
    demands = (
        Demand("four", "o1", 1, 1, (Option("w", 4, 0, 6),)),
        Demand("five", "o2", 1, 8, (Option("w", 5, 0, 5),)),
    )
    solution = solved("weight", fixed=(Fixed("f", "w", 4, 6),), demands=demands)
    assert values(solution) == {"weight": 1}
    assert solution.placed[0].start in {0, 6}


def test_a_party_keeps_to_its_caps() -> None:
    three = tuple(Demand(f"r{n}", "o1", 1, n, (Option("w", 3, 0, 7),)) for n in (1, 2, 3))
    # Two at most: the heaviest two. Four days at most: one only.
    assert values(solved("weight", demands=three, caps=Caps(per_party=2))) == {"weight": 5}
    assert values(solved("weight", demands=three, caps=Caps(days_per_party=4))) == {"weight": 3}


def test_parties_count_across_lines_that_share_nothing_else() -> None:
    # l1 has room for one of o1 (1) and o2 (1); l2 serves o1 anyhow: two parties if l1 serves o2.
    windows = (Window("w", "l1", 0, 5), Window("v", "l2", 0, 5))
    demands = (
        Demand("a", "o1", 1, 1, (Option("w", 5, 0, 0, rank=1),)),
        Demand("b", "o2", 1, 1, (Option("w", 5, 0, 0, rank=2),)),
        Demand("c", "o1", 1, 1, (Option("v", 5, 0, 0, rank=1),)),
    )
    solution = solved("weight", "parties", "rank", windows=windows, demands=demands)
    assert values(solution) == {"weight": 2, "parties": 2, "rank": 3}


def test_delay_counts_weight_times_days_to_delivery() -> None:
    # Both want day 0. Heavy (3) first: light waits 4 days, delay 1 x 4 = 4. Light first: 3 x 2 = 6.
    # The lag is the same wherever it starts and does not count.
    demands = (
        Demand("light", "o1", 1, 1, (Option("w", 2, 0, 8, lag=30),)),
        Demand("heavy", "o2", 1, 3, (Option("w", 4, 0, 6),)),
    )
    solution = solved("weight", "delay", demands=demands)
    assert values(solution) == {"weight": 4, "delay": 4}
    assert {item.demand: item.start for item in solution.placed} == {"heavy": 0, "light": 4}


def test_rank_and_cost_choose_among_equal_plans() -> None:
    options = (Option("w1", 3, 0, 0, 2, 50), Option("w2", 3, 8, 8, 1, 900), Option("w3", 3, 0, 0, 2, 40))
    demands = (Demand("r", "o", 1, 1, options),)
    assert values(solved("weight", "rank", "cost", windows=WINDOWS, demands=demands))["cost"] == 900
    assert values(solved("weight", "cost", "rank", windows=WINDOWS, demands=demands))["cost"] == 40


def test_the_cheaper_booking_gives_way_to_a_surge() -> None:
    # A campaign of 4 days must oust b1 (weight 1, may move: 1 x 2) or b2 (recallable, 4 x 4 = 16).
    movable = (
        Movable("b1", "w", 0, 5, "o1", 1, options=(Option("v", 5, 0, 5),)),
        Movable("b2", "w", 5, 10, "o2", 4, recallable=True),
    )
    surge = Surge("s", (Target(10, 100),), (SurgeOption("w", 4, 0, 6, output=100),))
    windows = (*TEN_DAYS, Window("v", "k", 0, 10))
    solution = solved("surge_output", "displacement", "delay", windows=windows, movable=movable, surges=(surge,))
    assert values(solution) == {"surge_output": 100, "displacement": 2, "delay": 0}
    assert [moved.booking for moved in solution.moved] == ["b1"]
    assert solution.displaced == ()


def test_a_limit_on_displacement_caps_the_output() -> None:
    movable = (Movable("b1", "w", 0, 5, "o1", 1), Movable("b2", "w", 5, 10, "o2", 2))
    surge = Surge("s", (Target(10, 200),), (SurgeOption("w", 5, 0, 5, output=100),))
    # Unlimited: both go, 10 + 20 = 30. Within 15: only b1. Within 5: none.
    for limit, output in ((30, 200), (15, 100), (5, 0)):
        solution = solved(
            "surge_output", "displacement", movable=movable, surges=(surge,), limits={"displacement": limit}
        )
        assert values(solution)["surge_output"] == output


def test_outputs_count_by_the_target_day_itself() -> None:
    # Campaigns of 3 days, lag 1: available on days 4, 7, 10. By day 7 two are; by day 6 one is.
    work = SurgeOption("w", 3, 0, 7, output=10, lag=1)
    by_six, by_seven = (Surge("s", (Target(day, 100),), (work,)) for day in (6, 7))
    assert values(solved("surge_output", surges=(by_six,))) == {"surge_output": 10}
    assert values(solved("surge_output", surges=(by_seven,))) == {"surge_output": 20}


def test_a_campaign_of_several_batches_yields_each_in_its_time() -> None:
    # Batches 4 and 8 days after the start: by day 5 one, by day 8 both, each capped by its quantity 15.
    work = SurgeOption("w", 8, 0, 2, yields=(Yield(4, 10), Yield(8, 10)))
    surge = Surge("s", (Target(5, 15), Target(8, 15)), (work,))
    assert values(solved("surge_output", surges=(surge,))) == {"surge_output": 10 + 15}


def test_no_campaign_runs_that_brings_no_target_nearer() -> None:
    surge = Surge("s", (Target(10, 10),), (SurgeOption("w", 2, 0, 8, output=10, cost=0),))
    assert len(solved("surge_output", surges=(surge,)).campaigns) == 1


def test_bookings_in_each_others_way_are_parted() -> None:
    # Two bookings claim days 0 to 5: the heavier stays, the lighter is displaced, 1 x 10.
    movable = (Movable("light", "w", 0, 5, weight=1), Movable("heavy", "w", 4, 9, weight=3))
    solution = solved("displacement", movable=movable)
    assert values(solution) == {"displacement": 10}
    assert solution.displaced == ("light",)


def test_contradicting_fixed_bookings_are_named_and_nothing_is_planned() -> None:
    fixed = (Fixed("f1", "w", 0, 5), Fixed("f2", "w", 4, 6), Fixed("f3", "w", 6, 7))
    demand = Demand("r", "o", 1, 1, (Option("w", 1, 8, 8),))
    solution = solved("weight", fixed=fixed, demands=(demand,))
    assert solution.status == "infeasible"
    assert [conflict.bookings for conflict in solution.conflicts or ()] == [("f1", "f2")]
    assert not solution.placed
    assert not solution.levels
