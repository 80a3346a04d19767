"""`creneau crisis drill` on a service of its own: it ends in a score, and bookings stay as they were.

Two scenarios are played by every run, the other two by `make prove`.
"""

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import httpx
import pytest

from seed.drills.scenarios import scenarios
from tests.e2e.conftest import Up

pytestmark = pytest.mark.timeout(600)

PLAYED = ("bacterial_outbreak", "cdmo_failure")
STEPS = ("Declared, as a drill", "Planned on tier", "Signed by the authority", "Stood down", "Score of the")
BOOKINGS = "SELECT count(*), md5(string_agg(b::text, '|' ORDER BY b.id)) FROM bookings b"


def played(up: Up, scenario: str) -> str:
    """Play a scenario with the keys of the demonstration, planned as quickly as may be, and return what was told."""
    command = [sys.executable, "-m", "app.cli", "crisis", "drill", "--scenario", scenario, "--url", up.url]
    command += ["--keys-file", str(up.data_dir / "demo-keys.json"), "--time-limit", "3"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRENEAU_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [step for step in STEPS if step not in done.stdout] == [], done.stdout
    return done.stdout


def bookings_in(up: Up) -> tuple[int, str]:
    """Return how many bookings its database holds, and a hash of all that stands in them."""
    [url] = re.findall(r"export DATABASE_OWNER_URL=(.+)", up.output)
    count, digest = asyncio.run(_row(shlex.split(url)[0]))
    assert count > 0, "nothing is booked: that it stayed so would say nothing"
    return count, digest


async def _row(url: str) -> tuple[int, str]:
    connection = await asyncpg.connect(url)
    try:
        return tuple(await connection.fetchrow(BOOKINGS))
    finally:
        await connection.close()


def test_a_drill_is_played_scored_and_compared(start_up: Callable[..., Up], lived_in: Path) -> None:
    up = start_up(lived_in)
    up.wait_ready()
    before = bookings_in(up)
    outbreak, failure = PLAYED
    told = [played(up, outbreak), played(up, outbreak), played(up, failure)]
    assert "Out of service: " in told[2]
    rows = [len([line for line in one.splitlines() if " of 2 │" in line]) for one in told[:2]]
    assert rows[1] == rows[0] + 1, "the second drill stands below the first"
    unsigned = {"CRENEAU_COORDINATOR_KEY": _key(up, "coordinator"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "app.cli", "crisis", "drill", "--scenario", outbreak, "--url", up.url]
    waited = subprocess.run(
        [*command, "--time-limit", "3", "--sign-minutes", "0.02"],
        env=unsigned, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert waited.returncode == 1
    assert "Waiting for the authority to sign" in waited.stdout
    assert "Stood down" in waited.stdout
    assert "has not signed within 1 s" in waited.stderr
    assert _under_way(up) == []
    assert bookings_in(up) == before
    _stop(up)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_every_other_scenario_is_played_and_scored(start_up: Callable[..., Up], lived_in: Path) -> None:
    up = start_up(lived_in)
    up.wait_ready()
    before = bookings_in(up)
    others = [name for name in scenarios() if name not in PLAYED]
    assert len(others) == 2
    for name in others:
        played(up, name)
        assert bookings_in(up) == before
    assert _under_way(up) == []
    _stop(up)


def _stop(up: Up) -> None:
    up.process.send_signal(signal.SIGINT)
    assert up.wait_end() == 0, up.output


def _key(up: Up, name: str) -> str:
    return str(json.loads((up.data_dir / "demo-keys.json").read_text())[name]["key"])


def _under_way(up: Up) -> list[str]:
    """Return the crises that have not ended."""
    headers = {"Authorization": f"Bearer {_key(up, 'coordinator')}"}
    crises = httpx.get(f"{up.url}/v1/crises", headers=headers, trust_env=False, timeout=30).json()["items"]
    return [one["title"] for one in crises if one["status"] != "stood_down"]
