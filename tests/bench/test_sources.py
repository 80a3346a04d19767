"""Figures of an older source are told from today's, measured again, and never lost on the way."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.__main__ import main
from tests.bench.engines import command, contenders, records, report, sources
from tests.bench.engines.measure import Outcome
from tests.bench.engines.people import People
from tests.bench.engines.records import InstanceRecord, LevelRecord, Records, RunRecord

NAME = "contested/scenario/1"
RUN = RunRecord(
    NAME,
    "creneau",
    60,
    Outcome.DONE,
    "",
    50.0,
    100.0,
    "abc1234",
    "2027-01-01",
    (LevelRecord("weight", 9, 9),),
    People(1, 1, 0, 1),
)
INSTANCE = InstanceRecord(NAME, 1, 1, 1, 0, {"weight": 10}, "d", 0.3)


def _tree(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / "code" / f"{name}.py").parent.mkdir(exist_ok=True)
        (folder / "code" / f"{name}.py").write_text(text)
    return folder


def test_a_digest_changes_with_what_python_reads_and_with_nothing_else(tmp_path: Path) -> None:
    def now() -> str:
        return sources.digest_now(["code"], tmp_path)

    _tree(tmp_path, one='def one():\n    """Give one."""\n    return 1\n', two="two = 2\n")
    first = now()
    assert first != sources.UNKNOWN
    _tree(tmp_path, one='"""A module."""\n\ndef one():  # of all\n    """Return one."""\n\n    return (1)\n')
    assert now() == first
    assert sources.digest_now(["code/one.py", "code/two.py"], tmp_path) == first
    _tree(tmp_path, one="def one():\n    return 2\n")
    second = now()
    assert second != first
    (tmp_path / "code/two.py").rename(tmp_path / "code/three.py")
    assert now() not in {first, second}


def test_the_digest_of_a_commit_is_that_of_its_files(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True, cwd=tmp_path)
        return done.stdout.strip()

    git("init", "--quiet")
    _tree(tmp_path, one="one = 1\n")
    before = sources.digest_now(["code"], tmp_path)
    git("add", ".")
    git("commit", "--quiet", "-m", "One")
    commit = git("rev-parse", "--short", "HEAD")
    _tree(tmp_path, one="one = 2\n")
    assert sources.digest_then(commit, ("code",), tmp_path) == before != sources.digest_now(["code"], tmp_path)
    assert sources.digest_then(f"{commit} with changes", ("code",), tmp_path) == sources.UNKNOWN
    assert sources.digest_then(commit, ("elsewhere",), tmp_path) == sources.UNKNOWN
    assert sources.digest_then("unknown", ("code",), tmp_path) == sources.UNKNOWN


def _imported(module: str) -> set[str]:
    """Return the benchmark's own modules that one comes with."""
    found, left = set[str](), [f"{module.replace('.', '/')}.py"]
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            parts = [node for node in ast.walk(ast.parse(Path(file).read_bytes())) if isinstance(node, ast.ImportFrom)]
            left += [f"{part.module.replace('.', '/')}.py" for part in parts if part.module and "bench" in part.module]
    return found


@pytest.mark.parametrize("contender", contenders.CONTENDERS, ids=lambda one: one.name)
def test_a_contender_names_all_of_its_source(contender: contenders.Contender) -> None:
    module = contender.module[0]
    assert set(contender.source) == ({"scheduler"} if module == "scheduler" else _imported(module))


@pytest.mark.parametrize(
    ("source", "keep", "known"), [("today", False, True), ("0" * 16, False, False), ("", True, True)]
)
def test_only_figures_of_todays_source_are_known_unless_others_are_kept(source: str, keep: bool, known: bool) -> None:
    run = replace(RUN, source=contenders.source_of("creneau") if source == "today" else source)
    kept = Records({}, runs={(NAME, "creneau"): run})
    assert kept.has(NAME, "creneau", 60, keep=keep) is known
    assert not kept.has(NAME, "creneau", 30, keep=keep)
    assert not kept.has(NAME, "greedy", 60, keep=keep)


def _write(file: Path, **changes: object) -> None:
    """Write a file as it was before runs had a digest, and instances a time to read them."""
    kept = Records(records.machine(), instances={NAME: INSTANCE}, runs={(NAME, "creneau"): RUN})
    kept.write(file)
    document = json.loads(file.read_text())
    del document["instances"][0]["reading_s"], document["runs"][0]["source"], document["runs"][0]["busy"]
    file.write_text(json.dumps(document | changes))


@pytest.mark.parametrize("then", ["today", sources.UNKNOWN])
def test_a_file_of_before_there_were_digests_has_those_of_its_commits(
    then: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "engines.json")
    asked = []

    def digest_then(commit: str, paths: tuple[str, ...]) -> str:
        asked.append((commit, paths))
        return contenders.source_of("creneau") if then else then

    monkeypatch.setattr(records, "digest_then", digest_then)
    read = Records.read(tmp_path / "engines.json")
    assert asked == [("abc1234", ("scheduler",))]
    assert read.runs[NAME, "creneau"].levels == RUN.levels
    assert read.runs[NAME, "creneau"].is_outdated is not bool(then)
    assert not read.knows_reading(NAME)


def test_the_page_names_what_is_of_an_older_source() -> None:
    older = replace(RUN, source="0" * 16)
    page = report.engines_page(Records({}, instances={NAME: INSTANCE}, runs={(NAME, "creneau"): older}), None)
    assert (
        f"**Of an older source than today's**, until they are measured again: this engine of commit abc1234 on {NAME}."
        in page
    )
    assert "| this engine (older: abc1234) | weight | 9 |" in page
    today = replace(RUN, source=contenders.source_of("creneau"))
    page = report.engines_page(Records({}, instances={NAME: INSTANCE}, runs={(NAME, "creneau"): today}), None)
    assert "older" not in page


def test_what_was_measured_elsewhere_is_set_aside_and_only_replaced_when_asked(tmp_path: Path) -> None:
    file, console = tmp_path / "engines.json", Console(quiet=True)
    there = records.machine() | {"cores": 64}
    for number in (1, 2):
        _write(file, machine=there)
        before = file.read_text()
        command._make_room(file, console, is_fresh=False)
        assert not file.exists()
        assert (tmp_path / f"engines-elsewhere-{number}.json").read_text() == before
    _write(file, machine=there)
    command._make_room(file, console, is_fresh=True)
    assert file.exists()
    assert not Records.read(file).runs
    _write(file)
    command._make_room(file, console, is_fresh=False)
    assert Records.read(file).runs


@pytest.mark.parametrize("without", ["here", "there"])
def test_a_package_that_is_missing_is_no_other_machine(
    without: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, full = tmp_path / "engines.json", records.machine() | {"highspy": "1.15.1"}
    bare = full | {"highspy": None}
    _write(file, machine=full if without == "here" else bare)
    monkeypatch.setattr(records, "machine", lambda: bare if without == "here" else full)
    assert records.differences(file) == []
    read = Records.read(file)
    assert read.runs
    assert read.machine == full


def test_it_is_said_what_is_set_aside_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path / "engines.json", machine=records.machine() | {"cores": 64})
    command._make_room(tmp_path / "engines.json", Console(width=300), is_fresh=False)
    told = capsys.readouterr().out
    assert "cores 64, not" in told
    assert "engines-elsewhere-1.json" in told


def test_a_run_of_an_older_source_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["engine", "--only", "tiny", "--engines", "greedy", "--output", str(tmp_path)]
    file = tmp_path / "engines.json"

    def bench(*more: str) -> str:
        monkeypatch.setattr(sys, "argv", ["bench", *given, *more])
        main()
        (run,) = json.loads(file.read_text())["runs"]
        return str(run["source"])

    today = bench()
    assert today == contenders.source_of("greedy")
    file.write_text(file.read_text().replace(today, "0" * 16))
    assert bench("--keep") == "0" * 16
    assert "greedy by weight of commit" in (tmp_path / "engines.md").read_text()
    assert bench() == today
    assert "older" not in (tmp_path / "engines.md").read_text()
