"""Who was served, the certificate as a file, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler.certificate.report import Certificate, Group
from scheduler.command import main
from scheduler.problem import Problem
from scheduler.solution import Solution
from tests.scheduler.certificate.plans import PLAN, PROBLEM, certified, solved, without

ORGANISATIONS = {"o1": {"region": "Bretagne", "size": "small"}, "o2": {"size": "large"}}


def test_the_outcome_by_tier_is_counted_by_hand() -> None:
    # Tier 2: r2 (o1, weight 2, on day 10, 6 days after its earliest of 4) and r3 (o2, weight 1, on its first day).
    by_tier, by_region, by_size = certified(PROBLEM, PLAN).outcomes
    assert by_tier.by == "tier"
    assert by_tier.groups == (
        Group("1", 1, 1, 1, 1, 1, 3, 3, 0.0),
        Group("2", 2, 2, 2, 2, 2, 3, 3, 3.0),
        Group("3", 1, 0, 1, 1, 0, 8, 0, None),
    )
    assert (by_region.by, by_region.groups, by_size.by, by_size.groups) == ("region", None, "size", None)


def test_the_outcome_by_region_and_size_of_what_is_known() -> None:
    _, by_region, by_size = certified(PROBLEM, PLAN, organisations=ORGANISATIONS).outcomes
    # Bretagne: r1 and r2 of o1, 3 + 2. Unknown: r3 of o2 (1) and r4 of o3 (8).
    assert by_region.groups == (
        Group("Bretagne", 1, 1, 2, 2, 2, 5, 5, 3.0),
        Group("unknown", 2, 1, 2, 2, 1, 9, 1, 0.0),
    )
    assert by_size.groups is not None
    assert [(group.name, group.demands) for group in by_size.groups] == [("large", 1), ("small", 2), ("unknown", 1)]


@pytest.mark.parametrize("plan", [PLAN, without("r3")])
def test_a_certificate_survives_its_file(plan: object) -> None:
    certificate = certified(PROBLEM, plan, organisations=ORGANISATIONS)  # type: ignore[arg-type]
    assert Certificate.from_json(certificate.to_json()) == certificate
    raw = json.loads(certificate.to_json())
    assert raw["format"] == "creneau-certificate/1"
    assert raw["properties"][0]["definition"].keys() == {"en", "fr"}


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    path = tmp_path / "problem.json"
    path.write_text(PROBLEM.to_json())
    return path


def written(path: Path, solution: Solution) -> str:
    target = path.with_name("solution.json")
    target.write_text(solution.to_json())
    return str(target)


def test_the_command_prints_a_table_and_ends_with_0(problem: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certify", str(problem), written(problem, solved(PROBLEM, PLAN)), "--samples", "1"]) == 0
    out = capsys.readouterr().out
    assert "no justified envy" in out
    assert "Outcome by region: not given" in out
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= 110


def test_a_failing_property_ends_with_1_and_is_named(problem: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wasteful = written(problem, solved(PROBLEM, without("r3")))
    assert main(["certify", str(problem), wasteful, "--samples", "0", "--language", "fr"]) == 1
    out = capsys.readouterr().out
    assert "en défaut" in out
    assert "r3 n'est pas placée" in out
    assert "weight:2 2 → 3" in out


def test_the_file_holds_what_the_organisations_are(problem: Path) -> None:
    organisations = problem.with_name("organisations.json")
    organisations.write_text(json.dumps(ORGANISATIONS))
    output = problem.with_name("certificate.json")
    solution = written(problem, solved(PROBLEM, PLAN))
    asked = ["--json", "-o", str(output), "--organisations", str(organisations), "--samples", "0"]
    assert main(["certify", str(problem), solution, *asked]) == 0
    certificate = Certificate.from_json(output.read_text())
    assert certificate == certified(PROBLEM, PLAN, organisations=ORGANISATIONS, seconds=30.0, seed=1)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "must be an object by party"),
        ("{", "is not JSON"),
        ('{"o1": 3}', "o1: must be an object"),
        ('{"o1": {"regoin": "Bretagne"}}', "o1.regoin: is not a known field"),
        ('{"o1": {"size": 3}}', "o1.size: must be a text"),
    ],
)
def test_malformed_organisations_are_told_in_one_line(
    content: str, told: str, problem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    organisations = problem.with_name("organisations.json")
    organisations.write_text(content)
    solution = written(problem, solved(PROBLEM, PLAN))
    assert main(["certify", str(problem), solution, "--organisations", str(organisations)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "organisations.json" in error
    assert told in error


def test_a_problem_file_is_no_certificate() -> None:
    with pytest.raises(ValueError, match="creneau-certificate/1"):
        Certificate.from_json(PROBLEM.to_json())
    assert Problem.from_json(PROBLEM.to_json()) == PROBLEM
