"""One problem under variations, worked out by hand, and the command that solves them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scheduler.fields import FieldError
from scheduler.problem import Movable, Option, Problem, Surge, SurgeOption, Target, Window
from scheduler.solution import Solution
from scheduler.solve import solve
from scheduler.variations import Variation
from scheduler.verify import violations
from tests.scheduler.problems import ORIGIN

ALL = ("surge_output", "displacement")

# Each campaign of 4 days takes the whole of its window: in w1 b1 (weight 3) gives way, in w2 b2 and b3 (weight 1 each)
# do, in w3 nobody. Only b2 may move, to w4. Displacement: b1 30, b2 2, b3 10.
PROBLEM = Problem(
    ORIGIN,
    (Window("w1", "l1", 0, 4), Window("w2", "l2", 0, 4), Window("w3", "l3", 0, 4), Window("w4", "l4", 0, 4)),
    (*ALL, "cost"),
    movable=(
        Movable("b1", "w1", 0, 4, weight=3, compensation=5),
        Movable("b2", "w2", 0, 2, options=(Option("w4", 2, 0, 0, cost=2),)),
        Movable("b3", "w2", 2, 4, compensation=3),
    ),
    surges=(
        Surge(
            "s",
            (Target(4, 10), Target(9, 40)),
            (
                SurgeOption("w1", 4, 0, 0, output=10, cost=1),
                SurgeOption("w2", 4, 0, 0, output=10, cost=9),
                SurgeOption("w3", 4, 0, 0, output=10, cost=4, lag=5),
            ),
        ),
    ),
)


def solved(**given: Any) -> dict[str, int]:
    variant = Variation(id="v", **{"objectives": (*ALL, "bookings", "cost"), **given}).of(PROBLEM)
    solution = solve(variant, time_limit_s=20)
    assert violations(variant, solution) == []
    assert solution.status == "optimal"
    return {level.objective: level.value for level in solution.levels}


def test_compensation_and_the_number_of_bookings_count() -> None:
    """All three run: 10 by day 4, all 30 by day 9. Cost: 1 + 9 + 4 for campaigns, 5 + 2 + 3 for those who give way."""
    assert solved() == {"surge_output": 40, "displacement": 42, "bookings": 3, "cost": 24}


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"limits": {"displacement": 0}}, (10, 0, 0, 4)),
        ({"limits": {"bookings": 1}}, (30, 30, 1, 10)),
        ({"limits": {"bookings": 2}}, (30, 12, 2, 18)),
        ({"kept": ("b3",)}, (30, 30, 1, 10)),
        ({"campaigns": 2}, (30, 42, 3, 20)),
        ({"targets": (Target(4, 10),)}, (10, 12, 2, 14)),
        ({"targets": (Target(4, 10),), "costs": (0, 0, 0), "objectives": ("surge_output", "cost", *ALL[1:])}, None),
    ],
    ids=["nobody", "one", "two", "kept", "first-options", "targets", "costs"],
)
def test_a_variation_changes_what_it_names(given: dict[str, Any], values: tuple[int, ...] | None) -> None:
    found = solved(**given)
    if values is None:
        assert (found["surge_output"], found["cost"]) == (10, 3)  # In w2: b2 displaced for nothing, b3 for 3.
    else:
        assert tuple(found.values()) == values


def test_a_plan_of_a_variant_is_one_of_the_problem() -> None:
    variation = Variation("v", ALL, kept=("b1",), campaigns=2)
    plan = solve(variation.of(PROBLEM), time_limit_s=20)
    whole = replace(PROBLEM, objectives=ALL)
    assert [one.rule for one in violations(whole, replace(plan, levels=()))] == ["levels"]


@pytest.mark.parametrize("given", [{"kept": ("b9",)}, {"costs": (1,)}, {"objectives": ("best",)}])
def test_a_variation_of_something_else_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(FieldError):
        Variation(**{"id": "v", "objectives": ALL, **given}).of(PROBLEM)


def vary(folder: Path, variations: list[dict[str, Any]], *more: str) -> subprocess.CompletedProcess[str]:
    (folder / "problem.json").write_text(PROBLEM.to_json())
    document = {"format": "creneau-variations/1", "variations": variations}
    (folder / "variations.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "scheduler", "vary", "problem.json", "variations.json", "-o", "out.json", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_answers_each_variation_in_its_order(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = [
        {"id": "nobody", "objectives": [*ALL], "limits": {"displacement": 0}},
        {"id": "all", "objectives": [*ALL], "seconds": 5},
    ]
    done = vary(tmp_path, asked, "--workers", "2", "--progress", "--time-limit", "60")
    assert done.returncode == 0, done.stderr
    answers = json.loads((tmp_path / "out.json").read_text())["variants"]
    assert [(one["id"], one["solution"]["levels"][0]["value"]) for one in answers] == [("nobody", 10), ("all", 40)]
    for one in answers:
        Solution.from_json(json.dumps({"format": "creneau-solution/1", **one["solution"]}))
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(one["level"], one["levels"], one["done"]) for one in told] == [(1, 2, True), (2, 2, True)]


@pytest.mark.parametrize(
    ("variations", "said"),
    [
        ([{"id": "v", "objectives": [*ALL], "kept": ["b9"]}], "variations[0].kept"),
        ([{"id": "v", "objectives": [*ALL]}, {"id": "v", "objectives": [*ALL]}], "given twice"),
        ([{"id": "v", "objectives": [*ALL], "seconds": 0}], "variations[0].seconds"),
    ],
)
def test_the_command_names_what_is_malformed(tmp_path: Path, variations: list[dict[str, Any]], said: str) -> None:
    done = vary(tmp_path, variations)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
