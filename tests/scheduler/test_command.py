"""The command: files in and out, exit codes, one clear line for each error."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scheduler.baselines import BASELINES
from scheduler.command import main
from scheduler.objectives import plain_bound, value
from scheduler.problem import Demand, Fixed, Movable, Option, Problem, Window
from scheduler.solution import Solution
from scheduler.solve import solve
from scheduler.verify import violations
from tests.scheduler.problems import ORIGIN
from tests.scheduler.scenarios import national

DEMANDS = (
    Demand("r1", "o1", 1, 2, (Option("w", 5, 0, 5),)),
    Demand("r2", "o1", 1, 3, (Option("w", 8, 0, 2),)),
)
SMALL = Problem(ORIGIN, (Window("w", "l", 0, 10),), ("weight",), demands=DEMANDS)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "problem.json"
    path.write_text(SMALL.to_json())
    return path


def test_solve_writes_a_solution_that_verify_passes(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = small.with_name("solution.json")
    assert main(["solve", str(small), "-o", str(output), "--time-limit", "10"]) == 0
    assert main(["verify", str(small), str(output)]) == 0
    assert capsys.readouterr().out == ""
    solution = json.loads(output.read_text())
    assert solution["format"] == "creneau-solution/1"
    assert solution["status"] == "optimal"
    assert solution["levels"] == [{"objective": "weight", "value": 3, "bound": 3, "proven": True}]


def test_verify_tells_violations_one_a_line(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = small.with_name("solution.json")
    main(["baseline", "greedy", str(small), "-o", str(output)])
    spoilt = json.loads(output.read_text())
    spoilt["levels"][0] |= {"value": 9, "bound": 1}
    output.write_text(json.dumps(spoilt))
    assert main(["verify", str(small), str(output)]) == 1
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["value", "bound"]


def test_progress_is_one_object_a_line(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(small), "--budget", "10", "--progress"]) == 0
    out, err = capsys.readouterr()
    Solution.from_json(out)
    events = [json.loads(line) for line in err.splitlines()]
    assert {"objective", "value", "bound", "elapsed"} <= events[0].keys()
    assert (events[-1]["value"], events[-1]["bound"], events[-1]["done"]) == (3, 3, True)


def test_baselines_pass_the_checker(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, weight in (("fcfs", 2), ("greedy", 3)):
        assert main(["baseline", name, str(small)]) == 0
        solution = Solution.from_json(capsys.readouterr().out)
        assert solution.levels[0].value == weight
        assert violations(SMALL, solution) == []


def test_contradicting_bookings_are_told_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem, output = tmp_path / "p.json", tmp_path / "s.json"
    fixed = (Fixed("f1", "w", 0, 5), Fixed("f2", "w", 4, 6))
    problem.write_text(Problem(ORIGIN, SMALL.windows, ("weight",), fixed, DEMANDS).to_json())
    assert main(["solve", str(problem), "-o", str(output)]) == 3
    assert "f1 and f2" in capsys.readouterr().err
    assert Solution.from_json(output.read_text()).status == "infeasible"
    assert main(["verify", str(problem), str(output)]) == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON"),
        (SMALL.to_json().replace('"duration": 5', '"duration": 0'), "demands[0].options[0].duration: must be"),
    ],
)
def test_a_bad_file_is_one_line_with_file_and_field(
    content: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    assert main(["solve", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "bad.json" in error
    assert told in error


def test_a_missing_file_and_a_bad_argument_are_told(
    tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["solve", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
    for wrong in (["--time-limit", "0"], ["--workers", "0"], ["--seed", "-1"], ["--budget", "nan"]):
        with pytest.raises(SystemExit) as stopped:
            main(["solve", str(small), *wrong])
        assert stopped.value.code == 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scheduler", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_shows_examples_and_exit_codes() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "python -m scheduler solve problem.json" in done.stdout
    assert "exit codes" in done.stdout


@pytest.mark.parametrize("command", ["solve", "verify", "baseline", "explain", "certify"])
def test_each_command_has_an_example_in_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"  python -m scheduler {command} " in capsys.readouterr().out


def test_limits_that_no_plan_respects_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The two bookings overlap, so one is displaced, which costs 10.
    crossing = (Movable("b1", "w", 0, 5), Movable("b2", "w", 4, 6))
    problem = tmp_path / "p.json"
    problem.write_text(
        Problem(ORIGIN, SMALL.windows, ("displacement",), movable=crossing, limits={"displacement": 9}).to_json()
    )
    assert main(["solve", str(problem), "--time-limit", "5"]) == 3
    assert "no plan respects the limits" in capsys.readouterr().err


def test_away_from_a_terminal_nothing_is_told(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", str(small), "-o", str(small.with_name("s.json")), "--budget", "10"]) == 0
    assert capsys.readouterr() == ("", "")


def seconds_to_start(small: Path) -> float:
    """Return what starting the processes and loading the solver takes on this machine just now."""
    began = time.monotonic()
    run("solve", str(small), "-o", str(small.with_name("s.json")), "--workers", "2")
    return time.monotonic() - began


def test_a_contested_problem_ends_in_time_with_a_plan(small: Path) -> None:
    starting = seconds_to_start(small)
    problem, output = small.with_name("contested.json"), small.with_name("solution.json")
    contested = national(60, 600, objectives=("weight:1", "weight:2", "weight:3", "delay"))
    problem.write_text(contested.to_json())
    began = time.monotonic()
    done = run("solve", str(problem), "-o", str(output), "--time-limit", "3", "--workers", "2", "--quiet")
    seconds = time.monotonic() - began
    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 3 + 2 + max(starting, seconds_to_start(small))
    solution = Solution.from_json(output.read_text())
    assert violations(contested, solution) == []
    least = max(value(contested, baseline(contested), "weight:1") for baseline in BASELINES.values())
    assert solution.levels[0].value >= least
    assert solution.levels[0].bound < plain_bound(contested, "weight:1"), "its tasks have been at work"


def test_a_contested_problem_has_a_good_plan() -> None:
    contested = national(60, 600, objectives=("weight:1", "weight:2", "weight:3", "delay"))
    solution = solve(contested, budget=10.0, workers=2)
    assert violations(contested, solution) == []
    assert solution.levels[0].gap < 0.1
