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
import typer
from typer.testing import CliRunner

from app.commands.failure import CommandFailed
from seed.simulation import options
from seed.simulation.batch import Experiment
from seed.simulation.cli import simulate
from seed.simulation.files import Outcome, write_files
from seed.simulation.measures import run
from seed.simulation.plan import SimulationPlan
from seed.simulation.policies import ReservePolicy
from seed.simulation.setting import kept_setting
from seed.simulation.summary import summaries

CRENEAU = Path(sys.executable).with_name("creneau")
SMALL = ["--start-up", "0,20", "--crisis", "10", "--seeds", "2", "--days", "180", "--lines", "10", "--requests", "60"]
WAIT_SECONDS = 280.0

pytestmark = pytest.mark.timeout(600)


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(CRENEAU), "simulate", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200", **environment},
    )


def said(*words: str, **environment: str) -> tuple[int, str, str]:
    process = start(*words, **environment)
    try:
        output, errors = process.communicate(timeout=WAIT_SECONDS)
    finally:
        end(process)
    return process.returncode, output, errors


def end(process: subprocess.Popen[str]) -> None:
    """Leave no process behind where a test has failed."""
    if process.poll() is None:
        process.kill()
        process.communicate()


@pytest.fixture
def here() -> typer.Typer:
    cli = typer.Typer()
    cli.command()(simulate)
    return cli


def test_it_shows_an_example(here: typer.Typer) -> None:
    shown = CliRunner().invoke(here, ["--help"])
    assert shown.exit_code == 0
    assert "Example: creneau simulate" in shown.output


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
def test_an_option_that_cannot_be_used_is_named_with_the_rule(here: typer.Typer, words: list[str], reason: str) -> None:
    refused = CliRunner().invoke(here, words)
    assert isinstance(refused.exception, CommandFailed)
    assert str(refused.exception) == reason


def test_plots_that_cannot_be_drawn_are_told_before_anything_is_played(
    here: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seed.simulation.cli.find_spec", lambda _: None)
    refused = CliRunner().invoke(here, ["--out", str(tmp_path / "out")])
    assert isinstance(refused.exception, CommandFailed)
    assert str(refused.exception) == "plots need matplotlib: install creneau[plots], or give --no-plots"
    assert not list(tmp_path.iterdir())


def test_a_command_that_gives_up_says_why_in_one_line() -> None:
    code, shown, errors = said("--start-up", "0,x")
    assert (code, shown) == (1, "")
    assert errors == "creneau: --start-up 0,x: 'x' is no whole number of percent from 0 to 100\n"


def test_an_interrupt_leaves_no_file_and_no_process(tmp_path: Path) -> None:
    process = start("--seeds", "50", "--workers", "2", "--out", str(tmp_path / "out"))
    try:
        children = wait_until_busy(psutil.Process(process.pid))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WAIT_SECONDS)
    finally:
        end(process)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "creneau simulate: stopped; nothing was written"
    _, alive = psutil.wait_procs(children, timeout=WAIT_SECONDS)
    assert not alive
    assert not list(tmp_path.iterdir())


def wait_until_busy(command: psutil.Process) -> list[psutil.Process]:
    """The processes of a simulation, once two of them have loaded what they need and play a year."""
    until = time.monotonic() + WAIT_SECONDS
    while sum(child.cpu_times().user > 1 for child in command.children(recursive=True)) < 2:
        assert time.monotonic() < until
        time.sleep(0.2)
    return command.children(recursive=True)


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
