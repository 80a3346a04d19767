"""What serves and what works refuses to start where its promises could not hold, and says what to do next."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console

from app.cli import main
from app.commands.interrupts import ParentWatch, stopping_signals
from app.commands.starting import ensure_fit_to_start
from app.commands.up import _Up
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from tests.support import server
from tests.support.api import Api
from tests.support.ports import free_port

pytestmark = pytest.mark.database

Start = Callable[[str], str]
BESIDE = {"SMTP_URL": {"MAIL_FROM": "creneau@example.org", "PUBLIC_URL": "https://creneau.example.org"}}
"""What a setting needs beside it."""


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Start:
    """Runs a command that must refuse, and gives its one line."""

    def run(command: str) -> str:
        monkeypatch.setattr(sys, "argv", ["creneau", command])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (1, "")
        (line,) = said.err.splitlines()
        return line

    return run


def address(database: str, role: str | None) -> str:
    return server.secret(server.address(database, role)).get_secret_value()


@pytest.fixture
def unbound(database: str) -> Iterator[str]:
    """A role that no policy binds."""
    name = f"unbound_{uuid4().hex}"
    asyncio.run(server.run(server.address("postgres"), f"CREATE ROLE {name} LOGIN BYPASSRLS"))
    asyncio.run(server.run(server.address(database), f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"))
    yield name
    asyncio.run(server.run(server.address(database), f"DROP OWNED BY {name}", f"DROP ROLE {name}"))


@pytest.mark.parametrize("command", ["serve", "worker"])
@pytest.mark.parametrize(
    ("name", "value", "fact"),
    [
        ("DATABASE_URL", "postgresql://creneau_app:password@127.0.0.1:1/creneau", "the password in DATABASE_URL"),
        ("DATABASE_URL", "postgresql://creneau_app:...@127.0.0.1:1/creneau", "the password in DATABASE_URL"),
        ("DATABASE_OWNER_URL", "postgresql://o:creneau_owner@127.0.0.1/c", "the password in DATABASE_OWNER_URL"),
        ("METRICS_TOKEN", "changeme", "METRICS_TOKEN"),
        ("OIDC_CLIENT_SECRET", "change-me", "OIDC_CLIENT_SECRET"),
        ("SMTP_URL", "smtp://creneau:change-me@mail.example.org:587", "the password in SMTP_URL"),
    ],
)
def test_a_secret_of_the_examples_is_refused(
    start: Start, database: str, monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str, fact: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", address(database, APPLICATION_ROLE))
    for needed, given in BESIDE.get(name, {}).items():
        monkeypatch.setenv(needed, given)
    monkeypatch.setenv(name, value)
    line = start(command)
    assert line.startswith(f"creneau: {fact} stands in examples that everybody can read: make another with  openssl")
    assert value not in line


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_role_above_rights_and_policies_is_refused(
    start: Start, database: str, unbound: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for role, fact in ((None, "is a superuser"), (unbound, f"{unbound} has BYPASSRLS")):
        monkeypatch.setenv("DATABASE_URL", address(database, role))
        line = start(command)
        assert fact in line
        assert "run `creneau migrate` under it, which makes creneau_app, and name that role in DATABASE_URL" in line


def test_the_one_role_that_there_is_may_own_and_serve_and_is_told(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_fit_to_start(Settings(database_url=address(database, OWNER_ROLE)))
    said = capsys.readouterr()
    assert said.out == ""
    assert "owns" in said.err
    assert "see `creneau doctor`" in said.err


def test_the_role_that_the_migrations_make_starts_without_a_word(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_fit_to_start(Settings(database_url=address(database, APPLICATION_ROLE)))
    assert capsys.readouterr() == ("", "")


def test_on_one_machine_for_one_person_it_is_their_affair(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    ensure_fit_to_start(Settings(database_url=address(database, None), metrics_token="changeme", creneau_local=True))
    assert capsys.readouterr() == ("", "")


def test_it_serves_under_the_owners_role(database: str, tmp_path: Path) -> None:
    with Api(address(database, OWNER_ROLE).replace("+asyncpg", ""), tmp_path / "log"):
        assert "see `creneau doctor`" in (tmp_path / "log").read_text()


def test_what_up_starts_knows_that_it_is_for_one_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRENEAU_LOCAL", raising=False)
    with stopping_signals() as stop:
        started = _Up(free_port(), tmp_path, ParentWatch(), stop, Console())
    assert started._environment["CRENEAU_LOCAL"] == "1"
    assert "CRENEAU_LOCAL" not in os.environ
