"""The benchmark of engines runs whole on a tiny instance, goes on where it stopped, and shows every failure as one."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from scheduler.baselines import greedy_by_weight
from scheduler.plan import solution_of
from scheduler.problem import Problem
from scheduler.solution import Level
from tests.bench.__main__ import main
from tests.bench.engines import instances, measure, musts, run
from tests.bench.engines.measure import Outcome
from tests.bench.engines.records import Records
from tests.bench.engines.report import READING
from tests.support.processes import is_at_work

HERE = ["fcfs", "greedy", "cpsat", "creneau"]


def _bench(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    return main()


def test_it_runs_whole_goes_on_and_starts_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musts, "GRACE_SECONDS", 1e9)  # How busy this machine is does not matter here.
    given = ["engine", "--only", "tiny", "--limit-scale", "2", "--output", str(tmp_path), "--engines"]
    assert _bench(monkeypatch, *given, "greedy") == 0
    file, page = tmp_path / "engines.json", tmp_path / "engines.md"
    first = json.loads(file.read_text())["runs"]
    assert [one["contender"] for one in first] == ["greedy"]
    page.write_text(f"{page.read_text()}\n{READING}\n\nWhat a person wrote.\n")

    assert _bench(monkeypatch, *given, *HERE) == 0
    runs = json.loads(file.read_text())["runs"]
    assert runs[0] == first[0]
    assert {one["contender"]: one["outcome"] for one in runs} == dict.fromkeys(HERE, Outcome.DONE)
    best = {one["contender"]: one["levels"][0]["value"] for one in runs}
    assert best["cpsat"] >= best["greedy"]
    assert best["creneau"] >= max(best["greedy"], best["fcfs"])
    text = page.read_text()
    assert "Trivial bounds: weight" in text
    assert json.loads(file.read_text())["instances"][0]["reading_s"] > 0
    assert all(one["busy"] >= 0 for one in runs)
    assert "| one plain CP-SAT model | weight |" in text
    assert text.endswith("What a person wrote.\n")

    document = json.loads(file.read_text())
    document["instances"][0]["reading_s"] = 0.0
    file.write_text(json.dumps(document))
    assert _bench(monkeypatch, *given, "greedy") == 0
    document = json.loads(file.read_text())
    assert document["runs"] == runs
    assert document["instances"][0]["reading_s"] > 0, "what is not known of an instance is measured"

    file.write_text(file.read_text().replace('"seconds": ', '"seconds": 1000'))
    assert _bench(monkeypatch, *given, "fcfs", "--fresh") == 0
    again = {one["contender"]: one["seconds"] for one in json.loads(file.read_text())["runs"]}
    assert again["fcfs"] < 1000 <= again["greedy"]


def test_growth_has_a_row_for_each_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["--sizes", "20", "30", "--limit", "1", "--engines", "greedy", "--output", str(tmp_path)]
    assert _bench(monkeypatch, "growth", *given) == 0
    rows = [line for line in (tmp_path / "growth.md").read_text().splitlines() if line.startswith("| greedy")]
    assert [line.split(" | ")[1] for line in rows] == ["20", "30"]


def test_a_wrong_plan_or_a_bound_that_is_none_is_not_shown(tmp_path: Path) -> None:
    (instance,) = instances.chosen(["tiny"], None)
    problem = replace(instance.problem(), objectives=("weight",))
    plan = greedy_by_weight(problem)
    file, output = tmp_path / "problem.json", tmp_path / "solution.json"
    file.write_text(problem.to_json())

    def judged(value: int, bound: int) -> run.Judged:
        level = Level("weight", value, bound, value == bound)
        output.write_text(solution_of(problem, plan, status="feasible", levels=(level,)).to_json())
        return run.judge(file, output)

    assert judged(75, 80).levels[0].gap == pytest.approx(5 / 75)
    assert judged(75, 80).people.parties == 24
    assert "value" in judged(76, 80).wrong
    assert "bound" in judged(75, 70).wrong
    output.unlink()
    assert "no solution file" in run.judge(file, output).wrong


@pytest.mark.parametrize(
    ("code", "outcome", "detail"),
    [
        ("raise RuntimeError('it broke')", Outcome.CRASHED, "RuntimeError: it broke"),
        ("import sys; print('no', file=sys.stderr); sys.exit(3)", Outcome.NO_PLAN, "no"),
        ("import time; time.sleep(60)", Outcome.OUT_OF_TIME, "stopped after"),
        ("x = b'x' * 300_000_000; import time; time.sleep(60)", Outcome.OUT_OF_MEMORY, "stopped at"),
        ("pass", Outcome.DONE, ""),
    ],
)
def test_every_end_of_a_run_has_its_name(
    code: str, outcome: Outcome, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "GRACE_SECONDS", 1.0)
    limit_s = 1.0 if outcome is Outcome.OUT_OF_TIME else 20.0
    measured = measure.run([sys.executable, "-c", code], limit_s=limit_s, memory_mb=200)
    assert measured.outcome is outcome
    assert measured.detail.startswith(detail)
    assert measured.seconds < 30


def test_an_interrupted_run_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[psutil.Process] = []

    def interrupted(pid: int) -> float:
        seen.append(psutil.Process(pid))
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "_megabytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure.run([sys.executable, "-c", "import time; time.sleep(60)"], limit_s=60, memory_mb=200)
    assert not is_at_work(seen[0])


def test_results_of_another_machine_or_problem_do_not_stand_beside_these(tmp_path: Path) -> None:
    (instance,) = instances.chosen(["tiny"], None)
    problem, file = tmp_path / "problem.json", tmp_path / "engines.json"
    instance.write(problem)
    records = Records.read(file)
    records.take(run.facts(instance.name, problem))
    records.write(file)
    assert list(Records.read(file).instances) == [instance.name]
    document = json.loads(file.read_text())
    document["machine"]["cores"] += 1
    file.write_text(json.dumps(document))
    assert not Records.read(file).instances


def test_both_generators_make_the_instances_of_a_family() -> None:
    small = replace(instances.FAMILIES[0], lines=90, requests=30, caps=instances.CAPS)
    for generator in instances.Generator:
        problem: Problem = instances.Instance(small, generator, 1).problem()
        assert len(problem.demands) == 30
        assert problem.caps == instances.CAPS
        assert problem.objectives == instances.ALL_FIVE
