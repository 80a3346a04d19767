"""What benchmarks must show: every one runs, and what does not hold is in the table at the end and the exit code."""

import argparse
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench import __main__ as bench
from tests.bench import bench_drill, bench_replan, demands
from tests.bench.bench_drill import DrillBench, Pair
from tests.bench.bench_replan import Measured
from tests.bench.demands import Demand
from tests.bench.load import Load


def load(*latencies_ms: float, refusal: str | None = None) -> Load:
    return Load(1.0, latencies_ms, {}, refusal)


def held(name: str, *, holds: bool) -> Demand:
    return demands.is_so(name, "it is so", holds=holds)


@pytest.fixture
def benches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, list[Demand] | Exception]:
    """Have every benchmark answer what a test says, without measuring anything."""
    answers: dict[str, list[Demand] | Exception] = {}

    def answer(given: argparse.Namespace) -> list[Demand]:
        found = answers.setdefault(given.command, [held(given.command, holds=True)])
        if isinstance(found, Exception):
            raise found
        return found

    parser = bench._parser()
    parse = parser.parse_args
    monkeypatch.setattr(parser, "parse_args", lambda given: argparse.Namespace(**{**vars(parse(given)), "run": answer}))
    monkeypatch.setattr(bench, "_parser", lambda: parser)
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench"])
    return answers


def test_without_a_command_every_benchmark_with_a_demand_runs(
    benches: dict[str, list[Demand] | Exception], tmp_path: Path
) -> None:
    assert bench.main() == 0
    assert list(benches) == ["activation", "crisis", "replan", "drill", "api", "engine", "explain"]
    assert len(json.loads((tmp_path / "demands.json").read_text())) == len(benches)


@pytest.mark.parametrize("name", ["activation", "crisis", "replan", "drill", "api", "engine", "explain"])
def test_what_does_not_hold_is_the_exit_code_and_in_the_table(
    name: str, benches: dict[str, list[Demand] | Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    benches[name] = [held(name, holds=True), demands.at_most(name, "seconds of it", 5, 7.25, " s")]
    assert bench.main() == 1
    [row] = [line for line in capsys.readouterr().out.splitlines() if "seconds of it" in line]
    assert ("at most 5 s" in row, "7.25 s" in row, "no" in row) == (True, True, True)


def test_one_that_stops_has_failed_and_keeps_no_other_from_running(
    benches: dict[str, list[Demand] | Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    benches["crisis"] = RuntimeError("the run failed")
    assert bench.main() == 1
    assert "engine" in benches
    told = capsys.readouterr()
    assert "RuntimeError" in told.out
    assert "the run failed" in told.err


def test_one_alone_has_its_exit_code_too(
    benches: dict[str, list[Demand] | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    benches["drill"] = [held("drill", holds=False)]
    monkeypatch.setattr(sys, "argv", ["bench", "drill"])
    assert bench.main() == 1
    monkeypatch.setattr(sys, "argv", ["bench", "replan"])
    assert bench.main() == 0


def test_a_limit_itself_is_held() -> None:
    assert demands.at_most("b", "w", 5, 5).holds
    assert not demands.at_most("b", "w", 5, 5.001).holds
    assert demands.at_least("b", "w", 5, 5).holds
    assert not demands.at_least("b", "w", 5, 4.999).holds


@pytest.mark.parametrize(
    ("beside", "refusal", "holds"),
    [(1.2, None, [True, True]), (1.21, None, [False, True]), (1.0, "409", [True, False])],
)
def test_a_drill_may_cost_a_fifth_of_the_slowest_bookings(
    beside: float, refusal: str | None, holds: list[bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measured = DrillBench(40, (Pair(load(10.0, 10.0), load(10 * beside, 10 * beside, refusal=refusal)),))
    monkeypatch.setattr(bench_drill, "run", lambda *_: measured)
    found = bench_drill.command(1, 40, "any", 1, Console(quiet=True), tmp_path)
    assert [one.holds for one in found] == holds


def test_planning_anew_has_its_limit_on_each_calendar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    times = [Measured(seed, "within reach", seconds, 9, 2, 7, 0, True, 1) for seed, seconds in ((1, 4.9), (2, 5.1))]
    monkeypatch.setattr(bench_replan, "run", lambda _: times)
    found = bench_replan.command(2, Console(quiet=True), tmp_path)
    assert [one.holds for one in found] == [True, False]
    assert "2 of 9 orders changed" in found[0].what
