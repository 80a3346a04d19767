"""The benchmark of explanations asks for those whom a plan refuses, and judges the slowest of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.__main__ import main
from tests.bench.engines import explaining, instances
from tests.bench.engines.explaining import Case, Explained, Study


def case(*seconds: float, detail: str = "", refused: int = 9, hopeless: int = 3, is_judged: bool = True) -> Case:
    explained = tuple(
        Explained(f"r{at}", one, 50, 0.1, is_proven=True, detail=detail) for at, one in enumerate(seconds)
    )
    return Case("national/scenario/1", "all levels proven", refused, hopeless, explained, is_judged)


@pytest.mark.parametrize(("slowest", "holds"), [(5.0, True), (5.01, False)])
def test_the_slowest_explanation_is_judged(slowest: float, holds: bool) -> None:
    done, in_time = case(1.0, slowest, 2.0).demands()
    assert done.holds
    assert in_time.holds is holds
    row = explaining.page([case(1.0, slowest, 2.0)], "it")[-2].splitlines()[-1]
    assert "| 9 | 3 | 3 | 2.00 s |" in row
    assert f"| 2.00 s | {slowest:.2f} s | r1 |" in row
    assert ("**missed**" in row) is not holds


def test_it_is_told_how_many_of_those_explained_have_an_option() -> None:
    assert case(1.0, 2.0, refused=9, hopeless=8).explained_text == "2, 1 with an option"
    assert case(1.0, 2.0, refused=9, hopeless=7).explained_text == "2"


def test_one_that_fails_is_not_explained() -> None:
    done, in_time = case(1.0, detail="it broke").demands()
    assert (done.holds, done.measured, in_time.holds) == (False, "r0: it broke", True)


def test_what_stands_in_is_shown_and_not_judged() -> None:
    assert list(case(9.0, is_judged=False).demands()) == []
    assert list(case().demands()) == []
    page = "\n".join(explaining.page([case(refused=3), case(9.0, is_judged=False)], "it"))
    assert "`national/scenario/1` refuses nobody who has an option" in page
    assert page.count("9.00 s | r0 | 1 | 50 | 0.1 | none |") == 1


def test_those_who_have_an_option_are_asked_for_first_and_by_the_seed() -> None:
    refused = [f"r{number}" for number in range(30)]
    hopeless = set(refused[5:])
    filled = explaining.whom(refused, hopeless, 20, 1)
    assert (set(filled[:5]), len(set(filled))) == (set(refused[:5]), 20)
    chosen = explaining.whom(refused, set(), 20, 1)
    assert len(set(chosen)) == 20
    assert chosen == explaining.whom(refused, set(), 20, 1)
    assert chosen != explaining.whom(refused, set(), 20, 2)


def test_a_calendar_with_room_for_all_has_a_contested_one_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def made(_: Study, instance: instances.Instance, *, is_judged: bool) -> Case:
        asked.append((instance.name, is_judged))
        return case(refused=0 if instance.name == "national/balanced/2" else 9, hopeless=0)

    monkeypatch.setattr(Study, "_case", made)
    study = Study(tmp_path, None, 20, 1, Console(quiet=True))
    list(study.cases(instances.chosen(["national/scenario/2", "national/balanced/2"], None)))
    assert asked == [("national/scenario/2", True), ("national/balanced/2", True), ("contested/balanced/2", False)]


def test_it_explains_whom_a_plan_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["--only", "tiny", "--limit", "1", "--sample", "2", "--problems", str(tmp_path), "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["bench", "explain", *given])
    main()
    page = (tmp_path / "explain.md").read_text()
    assert "Made by `python -m tests.bench explain --limit 1 --sample 2 --only tiny`." in page
    (row,) = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `tiny")]
    refused = json.loads((tmp_path / "tiny-synthetic-1.solution.json").read_text())["unplaced"]
    assert row[2] == str(len(refused))
    assert row[4].startswith("2")
    assert row[7] in refused
    assert "failed" not in row[8]
