"""`creneau crisis drill` on a service of its own: every scenario ends in a score, and bookings stay as they were."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Up

pytestmark = pytest.mark.timeout(300)


def played(up: Up, scenario: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Play a scenario with the keys of the demonstration, planned as quickly as may be."""
    command = [sys.executable, "-m", "app.cli", "crisis", "drill", "--scenario", scenario, "--url", up.url]
    command += ["--keys-file", str(up.data_dir / "demo-keys.json"), "--time-limit", "3", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRENEAU_")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_drill_is_played_scored_and_compared(start_up: Callable[..., Up], lived_in: Path) -> None:
    up = start_up(lived_in)
    up.wait_ready()
    told = [played(up, "bacterial_outbreak"), played(up, "bacterial_outbreak"), played(up, "cdmo_failure")]
    for one in told:
        assert one.returncode == 0, one.stderr
        for step in (
            "Declared, as a drill",
            "Planned on tier",
            "Signed by the authority",
            "Stood down",
            "Score of the",
        ):
            assert step in one.stdout
    assert "Out of service: " in told[2].stdout
    rows = [len([line for line in one.stdout.splitlines() if " of 2 │" in line]) for one in told[:2]]
    assert rows[1] == rows[0] + 1, "the second drill stands below the first"
    unsigned = {"CRENEAU_COORDINATOR_KEY": _key(up, "coordinator"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "app.cli", "crisis", "drill", "--scenario", "bacterial_outbreak", "--url", up.url]
    waited = subprocess.run(
        [*command, "--time-limit", "3", "--sign-minutes", "0.02"],
        env=unsigned, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert waited.returncode == 1
    assert "Waiting for the authority to sign" in waited.stdout
    assert "Stood down" in waited.stdout
    assert "has not signed within 1 s" in waited.stderr
    assert _under_way(up) == []
    up.process.send_signal(signal.SIGINT)
    assert up.wait_end() == 0, up.output


def _key(up: Up, name: str) -> str:
    return str(json.loads((up.data_dir / "demo-keys.json").read_text())[name]["key"])


def _under_way(up: Up) -> list[str]:
    """Return the crises that have not ended."""
    headers = {"Authorization": f"Bearer {_key(up, 'coordinator')}"}
    crises = httpx.get(f"{up.url}/v1/crises", headers=headers, trust_env=False).json()["items"]
    return [one["title"] for one in crises if one["status"] != "stood_down"]
