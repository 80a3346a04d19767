"""The checker passes what is right and catches each kind of corruption."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from scheduler.problem import Caps, Demand, Fixed, Movable, Option, Problem, Surge, SurgeOption, Target, Window
from scheduler.solution import Campaign, Conflict, Level, Moved, Placed, Solution
from scheduler.verify import violations
from tests.scheduler.problems import ORIGIN

# w [0, 20): fixed f [0, 4), r1 [4, 9), campaign [9, 12), kept k [14, 16). v [0, 20): moved m [0, 5), r2 [5, 10).
PROBLEM = Problem(
    ORIGIN,
    (Window("w", "l1", 0, 20), Window("v", "l2", 0, 20)),
    ("surge_output", "displacement", "weight", "parties", "delay", "rank", "cost"),
    (Fixed("f", "w", 0, 4),),
    (
        Demand("r1", "o1", 1, 3, (Option("w", 5, 0, 12, 1, 10, 2), Option("v", 6, 0, 9, 2, 7, 2))),
        Demand("r2", "o1", 2, 2, (Option("v", 5, 5, 15, 1, 20, 0),)),
        Demand("r3", "o2", 2, 1, (Option("w", 2, 10, 18, 3, 5, 0),)),
    ),
    (
        Movable("k", "w", 14, 16, weight=2),
        Movable("m", "w", 4, 9, weight=3, options=(Option("v", 5, 0, 9, 2, 4, 0),)),
        Movable("x", "w", 16, 20, weight=1, recallable=True),
    ),
    (Surge("s", (Target(15, 70), Target(18, 70)), (SurgeOption("w", 3, 5, 12, output=50, cost=30, lag=3),)),),
    Caps(2, 10),
    {"cost": 64},
)
# Output: one campaign available on day 15: 50 + 50. Displacement: m moved 3 x 2, x displaced 1 x 4.
# Delay: r1 delivers on day 11, earliest 7 (0 + 5 + 2): 3 x 4; r2 on 10, earliest 10: 0; m 4 days early: 3 x -4.
RIGHT = Solution(
    "feasible",
    (Placed("r1", 0, "w", 4, 9), Placed("r2", 0, "v", 5, 10)),
    (Campaign("s", 0, "w", 9, 12),),
    (Moved("m", 0, "v", 0, 5),),
    ("x",),
    ("r3",),
    (
        Level("surge_output", 100, 140, proven=False),
        Level("displacement", 10, 3, proven=False),
        Level("weight", 5, 6, proven=False),
        Level("parties", 1, 2, proven=False),
        Level("delay", 0, -12, proven=False),
        Level("rank", 4, 4, proven=True),
        Level("cost", 64, 50, proven=False),
    ),
)


def with_level(position: int, **changes: object) -> Solution:
    levels = list(RIGHT.levels)
    levels[position] = replace(levels[position], **changes)  # type: ignore[arg-type]
    return replace(RIGHT, levels=tuple(levels))


def with_placed(*placed: Placed, unplaced: tuple[str, ...] = ("r3",)) -> Solution:
    return replace(RIGHT, placed=placed, unplaced=unplaced)


R1, R2 = RIGHT.placed


def test_a_right_solution_passes() -> None:
    assert violations(PROBLEM, RIGHT) == []


CORRUPTIONS: dict[str, tuple[str, Callable[[], Solution]]] = {
    "unknown demand": ("demand", lambda: with_placed(replace(R1, demand="r9"), R2, unplaced=("r1", "r3"))),
    "demand lost": ("demand", lambda: replace(RIGHT, unplaced=())),
    "demand placed twice": ("demand", lambda: with_placed(R1, R2, replace(R2, start=10, end=15))),
    "demand placed and unplaced": ("demand", lambda: replace(RIGHT, unplaced=("r3", "r1"))),
    "unknown booking displaced": ("booking", lambda: replace(RIGHT, displaced=("x", "y"))),
    "fixed booking displaced": ("booking", lambda: replace(RIGHT, displaced=("x", "f"))),
    "unknown booking moved": ("booking", lambda: replace(RIGHT, moved=(*RIGHT.moved, Moved("y", 0, "v", 12, 17)))),
    "booking moved twice": ("booking", lambda: replace(RIGHT, moved=(*RIGHT.moved, Moved("m", 0, "v", 12, 17)))),
    "booking moved and displaced": ("booking", lambda: replace(RIGHT, displaced=("x", "m"))),
    "unknown surge": ("surge", lambda: replace(RIGHT, campaigns=(Campaign("t", 0, "w", 9, 12),))),
    "no such option": ("option", lambda: with_placed(replace(R1, option=2), R2)),
    "negative option": ("option", lambda: with_placed(replace(R1, option=-1), R2)),
    "window of another option": ("window", lambda: with_placed(replace(R1, window="v", start=10, end=15), R2)),
    "shorter than its option": ("duration", lambda: with_placed(replace(R1, end=8), R2)),
    "before its earliest": ("start", lambda: with_placed(R1, replace(R2, start=4, end=9))),
    "after its latest": ("start", lambda: with_placed(replace(R1, start=13, end=18), R2)),
    "out of its window": ("period", lambda: with_placed(R1, replace(R2, start=16, end=21))),
    "over a fixed booking": ("overlap", lambda: with_placed(replace(R1, start=3, end=8), R2)),
    "over another demand": ("overlap", lambda: with_placed(replace(R1, option=1, window="v", start=6, end=12), R2)),
    "over a campaign": ("overlap", lambda: with_placed(replace(R1, start=5, end=10), R2)),
    "over a moved booking": ("overlap", lambda: replace(RIGHT, moved=(Moved("m", 0, "v", 1, 6),))),
    "campaign over a kept booking": ("overlap", lambda: replace(RIGHT, campaigns=(Campaign("s", 0, "w", 12, 15),))),
    "two campaigns at once": ("overlap", lambda: replace(RIGHT, campaigns=RIGHT.campaigns * 2)),
    "booking kept under another": ("overlap", lambda: replace(RIGHT, moved=())),
    "campaign not as its option": ("duration", lambda: replace(RIGHT, campaigns=(Campaign("s", 0, "w", 9, 13),))),
    "moved against its option": ("start", lambda: replace(RIGHT, moved=(Moved("m", 0, "v", 10, 15),))),
    "value of the output": ("value", lambda: with_level(0, value=101)),
    "value of the displacement": ("value", lambda: with_level(1, value=9)),
    "value of the weight": ("value", lambda: with_level(2, value=4)),
    "value of the parties": ("value", lambda: with_level(3, value=2, proven=True)),
    "value of the delay": ("value", lambda: with_level(4, value=1)),
    "value of the rank": ("value", lambda: with_level(5, value=5, proven=False)),
    "value of the cost": ("value", lambda: with_level(6, value=63)),
    "bound below a maximised value": ("bound", lambda: with_level(2, bound=4)),
    "bound above a minimised value": ("bound", lambda: with_level(1, bound=11)),
    "proven with a gap": ("proven", lambda: with_level(2, proven=True)),
    "unproven without a gap": ("proven", lambda: with_level(5, proven=False)),
    "optimal with a level unproven": ("status", lambda: replace(RIGHT, status="optimal")),
    "a level missing": ("levels", lambda: replace(RIGHT, levels=RIGHT.levels[:-1])),
    "levels in another order": ("levels", lambda: replace(RIGHT, levels=RIGHT.levels[::-1])),
    "infeasible though nothing contradicts": ("status", lambda: Solution("infeasible")),
    "conflicts beside a plan": ("conflicts", lambda: replace(RIGHT, conflicts=(Conflict("w", ("f", "k")),))),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_solution_is_caught(name: str) -> None:
    rule, corrupt = CORRUPTIONS[name]
    found = violations(PROBLEM, corrupt())
    assert rule in {violation.rule for violation in found}, found


@pytest.mark.parametrize(
    ("rule", "stricter"),
    [
        ("per_party", replace(PROBLEM, caps=Caps(1, None))),
        ("days_per_party", replace(PROBLEM, caps=Caps(None, 9))),
        ("limit", replace(PROBLEM, limits={"cost": 63})),
        ("limit", replace(PROBLEM, limits={"displacement": 9})),
    ],
)
def test_caps_and_limits_are_checked(rule: str, stricter: Problem) -> None:
    assert [violation.rule for violation in violations(stricter, RIGHT)] == [rule]


def test_a_solution_whose_levels_are_all_proven_is_optimal() -> None:
    levels = tuple(replace(level, bound=level.value, proven=True) for level in RIGHT.levels)
    assert violations(PROBLEM, replace(RIGHT, levels=levels, status="optimal")) == []
    assert [violation.rule for violation in violations(PROBLEM, replace(RIGHT, levels=levels))] == ["status"]


def test_a_period_before_its_window_is_caught() -> None:
    # An option may allow days on which its window is not yet open: those are not places.
    late = replace(PROBLEM, windows=(PROBLEM.windows[0], Window("v", "l2", 1, 20)))
    moved_early = [violation for violation in violations(late, RIGHT) if violation.subject == "m"]
    assert [violation.rule for violation in moved_early] == ["period"]


def test_a_long_booking_is_compared_with_all_that_it_covers() -> None:
    windows = (Window("w", "l", 0, 12),)
    options = (Option("w", 1, 0, 10, 1, 0, 0),)
    demands = tuple(Demand(name, "o", 1, 1, options) for name in ("a", "b"))
    problem = Problem(PROBLEM.origin, windows, ("weight",), (Fixed("f", "w", 0, 10),), demands)
    levels = (Level("weight", 2, 2, proven=True),)
    plan = Solution("optimal", (Placed("a", 0, "w", 1, 2), Placed("b", 0, "w", 3, 4)), levels=levels)
    assert [violation.rule for violation in violations(problem, plan)] == ["overlap", "overlap"]


def test_an_infeasible_solution_names_bookings_that_do_overlap() -> None:
    fixed = (Fixed("f", "w", 0, 4), Fixed("g", "w", 3, 5), Fixed("h", "w", 8, 9))
    problem = replace(PROBLEM, fixed=fixed)
    assert violations(problem, Solution("infeasible", conflicts=(Conflict("w", ("f", "g")),))) == []
    for wrong in ((), (Conflict("w", ("f", "h")),), (Conflict("v", ("f", "g")),), (Conflict("w", ("f",)),)):
        assert violations(problem, Solution("infeasible", conflicts=wrong))
    holding = Solution("infeasible", unplaced=("r1",), conflicts=(Conflict("w", ("f", "g")),))
    assert violations(problem, holding)
    assert "overlap" in {violation.rule for violation in violations(problem, RIGHT)}


def test_the_checker_imports_no_solver() -> None:
    code = "import sys, scheduler.verify, scheduler.baselines, scheduler.command; print('ortools' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
