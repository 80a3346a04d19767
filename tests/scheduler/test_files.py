"""Problem and solution files: read, written, and refused with the field and the rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from scheduler import problem_rules
from scheduler.commands.common import read
from scheduler.fields import FieldError
from scheduler.problem import Problem
from scheduler.solution import Conflict, Level, Placed, Solution
from tests.scheduler.problems import problems

FULL: dict[str, Any] = {
    "format": "creneau-problem/1",
    "origin": "2027-01-01",
    "windows": [
        {"id": "w1", "line": "l1", "start": 0, "end": 120, "reserve": "startup"},
        {"id": "w2", "line": "l1", "start": 120, "end": 240},
    ],
    "fixed": [{"id": "b1", "window": "w1", "start": 10, "end": 40}],
    "demands": [
        {
            "id": "r1",
            "party": "o1",
            "tier": 2,
            "weight": 4,
            "options": [
                {
                    "window": "w1",
                    "duration": 33,
                    "earliest": 10,
                    "latest": 80,
                    "rank": 1,
                    "cost": 420000,
                    "lag": 28,
                }
            ],
        }
    ],
    "movable": [
        {
            "id": "b2",
            "party": "o2",
            "window": "w1",
            "start": 50,
            "end": 83,
            "weight": 3,
            "recallable": True,
            "options": [
                {
                    "window": "w2",
                    "duration": 33,
                    "earliest": 120,
                    "latest": 200,
                    "rank": 1,
                    "cost": 0,
                    "lag": 28,
                }
            ],
        }
    ],
    "surges": [
        {
            "id": "s1",
            "targets": [{"by": 60, "quantity": 100000}],
            "options": [
                {
                    "window": "w1",
                    "duration": 20,
                    "earliest": 5,
                    "latest": 70,
                    "output": 50000,
                    "cost": 900000,
                    "lag": 14,
                },
                {
                    "window": "w1",
                    "duration": 36,
                    "earliest": 5,
                    "latest": 54,
                    "cost": 1700000,
                    "yields": [{"after": 32, "output": 50000}, {"after": 48, "output": 50000}],
                },
            ],
        }
    ],
    "caps": {"per_party": 3, "days_per_party": 120},
    "limits": {"displacement": 200},
    "objectives": ["surge_output", "displacement", "weight:1", "parties", "delay", "rank", "cost"],
}
GONE = object()


def edited(path: str, value: object) -> str:
    """Return the full problem with one field changed, added or taken out."""
    whole = json.loads(json.dumps(FULL))
    *steps, last = path.replace("]", "").replace("[", ".").split(".")
    at: Any = whole
    for step in steps:
        at = at[int(step)] if step.isdigit() else at[step]
    key: Any = int(last) if last.isdigit() else last
    if value is GONE:
        del at[key]
    else:
        at[key] = value
    return json.dumps(whole)


def test_every_field_of_the_format_is_read() -> None:
    problem = Problem.from_json(json.dumps(FULL))
    assert problem.windows[0].reserve == "startup"
    assert problem.demands[0].options[0].lag == 28
    assert problem.movable[0].recallable
    assert [batch.after for batch in problem.surges[0].options[0].batches] == [34]
    assert [batch.after for batch in problem.surges[0].options[1].batches] == [32, 48]
    assert problem.caps.days_per_party == 120
    assert problem.limits == {"displacement": 200}


def test_what_may_be_left_out_may_be_left_out() -> None:
    least = {name: FULL[name] for name in ("format", "origin", "windows", "objectives")}
    problem = Problem.from_json(json.dumps({**least, "demands": [{"id": "r1", "party": "o1", "weight": 2}]}))
    assert problem.demands[0].tier == 1
    assert not problem.fixed
    assert not problem.movable
    assert not problem.surges


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_a_problem_read_back_is_equal(problem: Problem) -> None:
    assert Problem.from_json(problem.to_json()) == problem


def test_a_solution_read_back_is_equal() -> None:
    solution = Solution(
        "feasible",
        placed=(Placed("é", 0, "w1", 10, 43),),
        displaced=("b9",),
        levels=(Level("weight", 4, 5, False),),
        seconds=1.25,
        engine="e",
        seed=3,
    )
    assert Solution.from_json(solution.to_json()) == solution
    conflict = Solution("infeasible", conflicts=(Conflict("w1", ("a", "b")),))
    assert Solution.from_json(conflict.to_json()) == conflict
    assert "conflicts" not in json.loads(solution.to_json())


@pytest.mark.parametrize(
    ("path", "value", "where", "rule"),
    [
        ("format", "creneau-problem/2", "format", "creneau-problem/1"),
        ("origin", "2027-13-01", "origin", "date"),
        ("windows", GONE, "windows", "missing"),
        ("objectives", GONE, "objectives", "missing"),
        ("objectives", [], "objectives", "at least one"),
        ("objectives[1]", "speed", "objectives[1]", "no objective"),
        ("objectives[1]", "weight:x", "objectives[1]", "no objective"),
        ("objectives[1]", "surge_output", "objectives[1]", "twice"),
        ("windows[0].colour", "red", "windows[0].colour", "not a known field"),
        ("colour", "red", "colour", "not a known field"),
        ("windows[0].end", 0, "windows[0].end", "after the start"),
        ("windows[1].id", "w1", "windows[1].id", "already"),
        ("windows[1].start", 119, "windows[1].start", "disjoint"),
        ("fixed[0].window", "w9", "fixed[0].window", "no window"),
        ("fixed[0].end", 121, "fixed[0].end", "past window"),
        ("fixed[0].start", -1, "fixed[0].start", "before window"),
        ("movable[0].id", "b1", "movable[0].id", "already"),
        ("movable[0].recallable", 1, "movable[0].recallable", "true or false"),
        ("demands[0].id", "", "demands[0].id", "not empty"),
        ("demands[0].id", "r\ud800", "demands[0].id", "UTF-8"),
        ("objectives[0]", "weight:" + 5_000 * "9", "objectives[0]", "no objective"),
        ("demands[0].weight", -1, "demands[0].weight", "from 0"),
        ("demands[0].weight", True, "demands[0].weight", "whole number"),
        ("demands[0].weight", 4.5, "demands[0].weight", "whole number"),
        ("demands[0].options[0].duration", 0, "demands[0].options[0].duration", "from 1"),
        ("demands[0].options[0].duration", "33", "demands[0].options[0].duration", "whole number"),
        ("demands[0].options[0].duration", GONE, "demands[0].options[0].duration", "missing"),
        ("demands[0].options[0].latest", 9, "demands[0].options[0].latest", "before earliest"),
        ("demands[0].options[0].window", "w9", "demands[0].options[0].window", "no window"),
        ("demands[0].options", {}, "demands[0].options", "a list"),
        ("demands[0].options[0].lag", None, "demands[0].options[0].lag", "whole number"),
        ("surges[0].options[0].output", GONE, "surges[0].options[0].output", "either"),
        ("surges[0].options[1].output", 5, "surges[0].options[1].output", "either"),
        ("surges[0].targets[0].quantity", 10**13, "surges[0].targets[0].quantity", "from 0"),
        ("caps.per_party", -1, "caps.per_party", "from 0"),
        ("limits.weight", 3, "limits.weight", "limited"),
        ("limits.delay", "3", "limits.delay", "whole number"),
    ],
)
def test_a_malformed_problem_is_refused_by_field_and_rule(path: str, value: object, where: str, rule: str) -> None:
    with pytest.raises(FieldError) as refused:
        Problem.from_json(edited(path, value))
    assert refused.value.path == where
    assert rule in refused.value.rule


def test_an_enormous_problem_is_refused_by_the_list_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem_rules, "MOST_ENTRIES", 1)
    with pytest.raises(FieldError, match=r"^windows: must hold at most 1 entries, not 2$"):
        Problem.from_json(json.dumps(FULL))
    monkeypatch.setattr(problem_rules, "MOST_ENTRIES", 2)
    monkeypatch.setattr(problem_rules, "MOST_OPTIONS", 3)
    with pytest.raises(FieldError, match=r"^surges\[0\].options: the options of all entries must be at most 3$"):
        Problem.from_json(json.dumps(FULL))


def test_an_enormous_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "enormous.json"
    with file.open("wb") as hole:
        hole.truncate(3 * 2**29)
    with pytest.raises(FieldError, match=r"enormous\.json: must be at most 1 GiB, not 1\.5$"):
        read(Problem, file)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, "\x00"])
def test_what_is_not_such_a_file_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        Problem.from_json(text)
