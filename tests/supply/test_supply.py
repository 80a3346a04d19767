"""The tools that look at the supply chain: they find what there is, and never call well what they could not see."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from app.core.health import REPOSITORY
from tests.supply import advisories, bandit, sbom

LOCK = REPOSITORY / "requirements.lock"
PIN = "idna==3.6 \\\n    --hash=sha256:c05567e9c24a6b9faaa835c4821bad0590fbb9d5779e7caa6e1cc4978e7eb24f\n"
PROJECT = "[tool.creneau]\nignored-advisories = [{entries}]\n"
ADVISORY = {
    "id": "PYSEC-2024-60",
    "aliases": ["CVE-2024-3651"],
    "summary": "s",
    "affected": [
        {
            "package": {"name": "idna", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.7"}]}],
            "versions": ["3.6"],
        }
    ],
}


@contextmanager
def service(status: int, answer: dict[str, Any]) -> Iterator[list[str]]:
    """A service of advisories on this machine, which says the same of every package; gives how to ask it."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield ["--vulnerability-service", "osv", "--osv-url", f"http://127.0.0.1:{server.server_port}/v1/query"]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file of one package, beside a project that leaves no advisory alone."""
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(entries=""))
    file = tmp_path / "requirements.lock"
    file.write_text(PIN)
    return file


def test_an_advisory_is_told_and_fails(lock: Path) -> None:
    with service(200, {"vulns": [ADVISORY]}) as asked:
        report = advisories.look(lock, asked)
    assert report.code == 1
    assert report.lines == [
        "Advisories: idna 3.6: PYSEC-2024-60, mended in 3.7",
        "Advisories: 1 against 1 packages that were checked.",
    ]


def test_an_advisory_is_left_alone_for_a_reason_and_until_a_day(lock: Path) -> None:
    project = lock.with_name("pyproject.toml")
    entry = '{{id = "CVE-2024-3651", reason = "{reason}", until = {until}}}'
    with service(200, {"vulns": [ADVISORY]}) as asked:
        project.write_text(PROJECT.format(entries=entry.format(reason="no such input", until="2999-01-01")))
        assert advisories.look(lock, asked).code == 0
        project.write_text(PROJECT.format(entries=entry.format(reason="no such input", until="2020-01-01")))
        assert advisories.look(lock, asked).code == 1
    project.write_text(PROJECT.format(entries=entry.format(reason=" ", until="2999-01-01")))
    with pytest.raises(ValueError, match="without a reason"):
        advisories.look(lock, [])


def test_no_advisory_is_well(lock: Path) -> None:
    with service(200, {"vulns": []}) as asked:
        assert advisories.look(lock, asked) == (["Advisories: 0 against 1 packages that were checked."], 0)


def test_a_service_that_is_away_or_knows_nothing_is_never_called_well(lock: Path) -> None:
    with service(500, {}) as asked:
        failing = advisories.look(lock, asked)
    away = advisories.look(lock, asked)
    unknown = advisories._report([{"name": "idna", "skip_reason": "not found"}], set())
    for report in (failing, away, unknown):
        assert report.code == 0  # the gate does not fail for it
        assert [line.startswith(advisories.NOT_CHECKED) for line in report.lines] == [True], report


def test_what_is_known_of_half_is_said_of_that_half() -> None:
    checked = {"name": "idna", "version": "3.6", "vulns": []}
    report = advisories._report([checked, {"name": "other", "skip_reason": "not found"}], set())
    assert report.lines == [
        f"{advisories.NOT_CHECKED}other.",
        "Advisories: 0 against 1 packages that were checked.",
    ]


def test_the_project_leaves_no_advisory_alone() -> None:
    assert advisories.ignored(REPOSITORY / "pyproject.toml") == []


def test_bandit_finds_nothing_without_a_reason() -> None:
    report = bandit.look(REPOSITORY)
    assert report.code == 0, report.lines


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("subprocess.run(command, shell=True)", 1),
        ("subprocess.run(command, shell=True)  # noqa: S602 - for a test", 0),
        ("subprocess.run(command, shell=True)  # noqa: S603 - of another rule", 1),
        ("subprocess.run(command, shell=True)  # noqa: S6", 1),
        ("subprocess.run([\n    command],\n    shell=True)  # noqa: F401, S602 - at the end of the statement", 0),
        ("def f(:", 1),
    ],
)
def test_bandit_tells_what_has_none(tmp_path: Path, line: str, code: int) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "a.py").write_text(f"import subprocess\ncommand = input()\n{line}\n")
    report = bandit.look(tmp_path)
    assert report.code == code, report.lines


def test_bandit_that_has_read_nothing_is_not_well(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    assert bandit.look(tmp_path).code == 1


def test_the_bill_of_materials_keeps_to_its_schema_and_names_every_package_with_every_hash() -> None:
    lock = LOCK.read_text(encoding="utf-8")
    text = sbom.document(lock)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    pinned = {line.split(" ")[0] for line in lock.splitlines() if "==" in line and not line.startswith((" ", "#"))}
    assert {f"{one['name']}=={one['version']}" for one in bill["components"]} == pinned
    assert len(bill["components"]) > 50
    hashes = sum(len(one["externalReferences"][0]["hashes"]) for one in bill["components"])
    assert hashes == lock.count("--hash=sha256:")


def test_the_bill_tells_who_needs_whom() -> None:
    bill = json.loads(sbom.document(LOCK.read_text(encoding="utf-8")))
    needs = {one["ref"]: {ref.split("@")[0] for ref in one.get("dependsOn", ())} for one in bill["dependencies"]}
    assert {"pkg:pypi/fastapi", "pkg:pypi/asyncpg", "pkg:pypi/httpx"} <= needs["creneau"]
    (httpx,) = [refs for ref, refs in needs.items() if ref.startswith("pkg:pypi/httpx@")]
    assert {"pkg:pypi/httpcore", "pkg:pypi/certifi"} <= httpx
    reached, left = set(), ["creneau"]
    by_name = {ref.split("@")[0]: ref for ref in needs}
    while left:
        reached.add(one := left.pop())
        left += [ref for name in needs[one] if (ref := by_name[name]) not in reached]
    assert {ref.split("@")[0] for ref in reached} == {ref.split("@")[0] for ref in needs}


def test_the_bill_is_the_same_bytes_wherever_it_is_made(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.supply", "sbom"]
    for name in ("one", "two"):
        subprocess.run([*command, str(tmp_path / name / "sbom.json")], check=True, cwd=REPOSITORY)
    one, two = ((tmp_path / name / "sbom.json").read_bytes() for name in ("one", "two"))
    assert one == two
    assert str(tmp_path).encode() not in one


def test_a_package_without_a_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="without a hash: idna"):
        sbom.document("idna==3.6\n    # via creneau (pyproject.toml)\n")
