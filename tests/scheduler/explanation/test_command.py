"""The subcommand ``explain``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from scheduler.explanation.command import add_to
from scheduler.fields import FieldError
from scheduler.problem import Demand
from scheduler.solve import solve
from tests.scheduler.explanation.cases import anywhere, problem_of

PROBLEM = problem_of(
    Demand("r7", "o1", 1, 8, (anywhere(9),)), Demand("r3", "o2", 1, 9, (anywhere(5),)), Demand("r9", "o3", 1, 1)
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("explain")
    problem, solution = folder / "problem.json", folder / "solution.json"
    problem.write_text(PROBLEM.to_json())
    solution.write_text(solve(PROBLEM, budget=20.0).to_json())
    return str(problem), str(solution)


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_to(parser.add_subparsers(required=True))
    options = parser.parse_args(["explain", *arguments])
    return int(options.run(options))


def test_the_text_is_written_in_the_language_asked_for(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*files, "r7") == 0
    assert "Placing r7 (weight 8) would unplace r3 (weight 9)." in capsys.readouterr().out
    assert run(*files, "r7", "--language", "fr") == 0
    assert "Placer r7 (poids 8) priverait de place r3 (poids 9)." in capsys.readouterr().out


def test_the_document_is_written_as_json(files: tuple[str, str], tmp_path: Path) -> None:
    output = tmp_path / "why.json"
    assert run(*files, "r7", "--json", "-o", str(output)) == 0
    document = json.loads(output.read_text())
    assert document["format"] == "creneau-explanation/1"
    assert [one["code"] for one in document["statements"]] == ["unplaced", "would_cost", "nearest_none", "place_held"]
    assert set(document["statements"][0]["text"]) == {"en", "fr"}


def test_a_party_is_shown_nobody_else(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*files, "r7", "--for-party", "o1") == 0
    text = capsys.readouterr().out
    assert "would unplace another request (weight 9)" in text
    assert "r3" not in text


def test_reasons_and_relaxed_options_are_read_from_a_file(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = {
        "format": "creneau-explanation-beside/1",
        "reasons": [{"code": "over_budget", "asked": "100", "offered": "120", "place": "line 4"}],
        "relaxed": [
            {
                "option": {"window": "w", "duration": 3, "earliest": 0, "latest": 7},
                "change": {"kind": "volume", "amount": 200, "unit": "L"},
            }
        ],
    }
    path = tmp_path / "beside.json"
    path.write_text(json.dumps(beside))
    assert run(*files, "r9", "--beside", str(path)) == 0
    text = capsys.readouterr().out
    assert "line 4: over_budget: asked 100, offered 120." in text
    assert "With the volume changed by 200 L, r9 (weight 1) would have" in text


def test_what_is_wrong_is_named(files: tuple[str, str]) -> None:
    with pytest.raises(FieldError, match="subject: 'r99' is no demand or movable booking of the problem"):
        run(*files, "r99")
    with pytest.raises(FieldError, match=r"solution\.json: format: must be"):
        run(files[1], files[1], "r7")
    with pytest.raises(SystemExit):
        run(*files, "r7", "--seconds", "0")


def test_help_gives_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--help")
    assert "python -m scheduler explain problem.json solution.json r17" in capsys.readouterr().out
