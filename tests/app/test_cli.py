"""The command line: every command explains itself with an example, and gives up in one line."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from app.cli import main

_OWN_VARIABLES = ("DATABASE_URL", "DATABASE_OWNER_URL", "PORT", "DATA", "HOST")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Run":
    return Run(monkeypatch, capsys)


class Run:
    """Runs `creneau` in this process, as the installed script does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        for name in _OWN_VARIABLES:
            monkeypatch.delenv(name, raising=False)

    def __call__(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Return exit code, output and errors, with the line breaks of boxes and help texts taken out."""
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)
        self._monkeypatch.setattr(sys, "argv", ["creneau", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = self._capsys.readouterr()
        return int(ended.value.code or 0), " ".join(captured.out.split()), captured.err


def test_the_list_of_commands_is_whole(run: Run) -> None:
    code, output, _ = run("--help")
    assert code == 0
    names = (
        "up",
        "serve",
        "worker",
        "migrate",
        "jobs",
        "doctor",
        "export",
        "audit",
        "crisis",
        "seed",
        "demo",
        "simulate",
    )
    for name in (*names, "demo", "simulate"):
        assert f"│ {name} " in output
    assert "Example: creneau up" in output


def test_the_version_is_that_of_the_installation(run: Run) -> None:
    assert run("--version") == (0, f"creneau {version('creneau')}", "")


@pytest.mark.parametrize(
    "name", ["up", "serve", "worker", "migrate", "jobs", "doctor", "export", "audit", "crisis", "seed"]
)
def test_a_command_explains_itself_with_an_example(run: Run, name: str) -> None:
    code, output, _ = run(name, "--help")
    assert code == 0
    assert f"creneau {name}" in output.partition("Example: ")[2]


def test_an_unknown_command_is_refused(run: Run) -> None:
    code, _, errors = run("sow")
    assert code == 2
    assert "No such command 'sow'" in errors


@pytest.mark.parametrize(
    ("name", "environment", "fact"),
    [
        ("migrate", {}, "DATABASE_OWNER_URL is not set"),
        ("worker", {}, "DATABASE_URL is not set"),
        ("serve", {}, "DATABASE_URL is not set"),
        ("jobs", {}, "DATABASE_URL is not set: name the database. `creneau up` has a database of its own, and prints"),
        ("jobs", {"DATABASE_URL": "postgresql://a:secret@127.0.0.1:1/c"}, "Start that server, or correct the address"),
        ("migrate", {"DATABASE_URL": "mysql://a:secret@b/c"}, "DATABASE_URL: "),
        ("migrate", {"DATABASE_URL": "secret"}, "postgresql://user:password@host:port/database"),
        ("migrate", {"DATABASE_URL": "postgresql://a:secret@127.0.0.1:1/c"}, "cannot be reached"),
        ("serve", {"LOCK_TIMEOUT_MS": "soon"}, "LOCK_TIMEOUT_MS: "),
    ],
)
def test_a_command_that_cannot_go_on_says_why_in_one_line(
    run: Run, name: str, environment: dict[str, str], fact: str
) -> None:
    code, _, errors = run(name, **environment)
    assert code == 1
    (line,) = errors.splitlines()
    assert line.startswith("creneau: ")
    assert fact in line
    assert "secret" not in line


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_refused(run: Run, port: str) -> None:
    assert run("up", "--port", port)[0] == 2


def test_the_module_is_the_command_too() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "app.cli", "migrate", "--help"], capture_output=True, text=True, check=True
    )
    assert "creneau migrate" in done.stdout
