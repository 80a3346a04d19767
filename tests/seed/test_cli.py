"""The commands, as they are typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from app.commands.failure import CommandFailed
from app.core.settings import Settings
from seed.cli import cli


def _run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: text for name, text in os.environ.items() if not name.startswith("DATABASE")}
    return subprocess.run(
        [sys.executable, "-m", "seed", *words],
        check=False,
        capture_output=True,
        text=True,
        env={**clean, **environment, "COLUMNS": "120"},
    )


@pytest.mark.parametrize("command", ["load", "problem"])
def test_every_command_shows_an_example(command: str) -> None:
    shown = CliRunner().invoke(cli, [command, "--help"])
    assert shown.exit_code == 0
    assert f"Example: creneau seed {command}" in shown.output


@pytest.mark.anyio
async def test_load_tells_what_it_wrote_and_a_second_load_is_refused_in_one_line(
    owner: AsyncEngine, settings: Settings, tmp_path: Path
) -> None:
    assert settings.database_owner_url is not None
    assert owner.url.database
    url = settings.database_owner_url.get_secret_value()
    keys = tmp_path / "keys.json"
    loaded = _run("load", "--as-of", "2027-01-01", "--keys-file", str(keys), DATABASE_URL=url, DATABASE_OWNER_URL=url)
    assert loaded.returncode == 0, loaded.stderr
    assert "production lines" in loaded.stdout
    assert "82" in loaded.stdout
    assert json.loads(keys.read_text(encoding="utf-8"))["startup"]["key"] not in loaded.stdout
    again = _run("load", DATABASE_URL=url, DATABASE_OWNER_URL=url)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("creneau: the database is already seeded")
    assert again.stderr.count("\n") == 1


def test_a_command_that_gives_up_says_why_in_one_line() -> None:
    failed = _run("load")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("creneau: DATABASE_OWNER_URL is not set")
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["load", "--as-of", "2027-02-30"], "--as-of 2027-02-30: there is no such day"),
        (["problem", "--objectives", "fame", "-o", "never.json"], "objectives fame: "),
        (["problem", "--kind", "crisis", "--objectives", "weight", "-o", "never.json"], "objective 'weight'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(words: list[str], message: str) -> None:
    refused = CliRunner().invoke(cli, words).exception
    assert isinstance(refused, CommandFailed)
    assert str(refused).startswith(message)
    assert "\n" not in str(refused)
    assert not Path("never.json").exists()
