"""The command, as it is typed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.commands.failure import CommandFailed
from seed.simulation import options
from seed.simulation.batch import Experiment
from seed.simulation.files import Outcome, write_files
from seed.simulation.measures import run
from seed.simulation.plan import SimulationPlan
from seed.simulation.policies import ReservePolicy
from seed.simulation.setting import kept_setting
from seed.simulation.summary import summaries

CREATED = Path(sys.executable).with_name("creneau")
SMALL = ["--start-up", "0,20", "--crisis", "10", "--seeds", "2", "--days", "180", "--lines", "20", "--requests", "120"]
WAIT_SECONDS = 60.0


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(CREATED), "simulate", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200", **environment},
    )


def said(*words: str, **environment: str) -> tuple[int, str, str]:
    process = start(*words, **environment)
    output, errors = process.communicate(timeout=WAIT_SECONDS)
    return process.returncode, output, errors


def test_it_shows_an_example() -> None:
    code, shown, _ = said("--help")
    assert code == 0
    assert "Example: creneau simulate" in shown


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    first = said(*SMALL, "--workers", "1", "--out", str(one), PYTHONHASHSEED="1")
    second = said(*SMALL, "--workers", "2", "--out", str(two), PYTHONHASHSEED="2")
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    names = sorted(file.name for file in one.iterdir())
    assert names == sorted(file.name for file in two.iterdir())
    assert {"runs.csv", "runs.json", "policies.csv", "report.md", "access.png", "access.svg"} <= set(names)
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    document = json.loads((one / "runs.json").read_text(encoding="utf-8"))
    assert len(document["runs"]) == 2 * 2 * 2
    assert document["assumptions"]["cancelled_share"]["basis"] == "illustrative"
    assert document["command"] in (one / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--start-up", "0,x"], "--start-up 0,x: 'x' is no whole number of percent from 0 to 100"),
        (["--crisis", "101"], "--crisis 101: '101' is no whole number of percent from 0 to 100"),
        (["--crisis", "10,,20"], "--crisis 10,,20: write a list separated by commas, without an empty place"),
        (["--start-up", "60", "--crisis", "50"], "--start-up 60 and --crisis 50 come to more than 100 %"),
        (["--lending", "maybe"], "--lending maybe: 'maybe' is none of on, off"),
        (["--powers", "all"], "--powers all: 'all' is none of reserve, voluntary, order, none"),
        (["--countermeasure", "tea"], "--countermeasure tea: there are vector, antibody, protein, phage, random"),
        (["--out", __file__], f"--out {__file__}: is not a folder"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_with_the_rule(words: list[str], reason: str) -> None:
    code, shown, errors = said(*words)
    assert (code, shown) == (1, "")
    assert errors == f"creneau: {reason}\n"


def test_an_interrupt_leaves_no_file_and_no_process(tmp_path: Path) -> None:
    process = start("--seeds", "50", "--workers", "2", "--out", str(tmp_path / "out"))
    own = psutil.Process(process.pid)
    until = time.monotonic() + WAIT_SECONDS
    while sum(child.cpu_times().user > 1 for child in own.children(recursive=True)) < 2:  # both play a year
        assert time.monotonic() < until
        time.sleep(0.2)
    children = own.children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "creneau simulate: stopped; nothing was written"
    _, alive = psutil.wait_procs(children, timeout=WAIT_SECONDS)
    assert not alive
    assert not list(tmp_path.iterdir())


def test_a_failure_on_the_way_leaves_what_was_there(tmp_path: Path) -> None:
    plan = SimulationPlan(days=180, lines=4, requests=10)
    experiment = Experiment(plan, (ReservePolicy(0, 0, lending=False),), (1,))
    results = [run(kept_setting(plan, 1), experiment.policies[0])]
    outcome = Outcome(experiment, results, summaries(results), options.command_of(experiment))
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "report.md").write_text("as it was")

    def draw(*_: object) -> list[str]:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        write_files(folder, outcome, draw)
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    assert [file.read_text() for file in folder.iterdir()] == ["as it was"]


def test_the_command_in_the_report_makes_the_same_experiment() -> None:
    plan = SimulationPlan(days=200, lines=9, requests=50, powers=())
    command = options.command_of(Experiment(plan, (ReservePolicy(0, 5, lending=True),), (3, 4)))
    assert command == (
        "creneau simulate --start-up 0 --crisis 5 --lending on --seeds 2 --first-seed 3 --days 200 --lines 9 "
        "--requests 50 --countermeasure vector --powers none --budget 0.1 --out DIR"
    )
    with pytest.raises(CommandFailed):
        options.powers("none,order")
