"""`creneau up` from its start to its end, however that comes."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from app.core.embedded import EmbeddedPostgres
from tests.e2e.conftest import UP_SECONDS, Up
from tests.support.processes import processes_of, still_at_work, wait_until, wait_until_none_of

StartUp = Callable[..., Up]
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
ROLES = {"coordinator", "authority", "observer", "startup", "startup_2", "cdmo", "cdmo_2"}
RUN_AS_CHILD = (sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))")

pytestmark = pytest.mark.timeout(300)


def test_it_serves_the_catalogue_says_where_things_are_and_finds_its_data_again(start_up: StartUp) -> None:
    up = start_up()
    up.wait_ready()
    keys_file = up.data_dir / "demo-keys.json"
    keys = json.loads(keys_file.read_text())
    assert stat.S_IMODE(keys_file.stat().st_mode) == 0o600
    assert set(keys) == ROLES
    for fact in (up.url, f"{up.url}/docs", str(up.data_dir), str(keys_file), *ROLES):
        assert fact in up.output
    assert not any(entry["key"] in up.output for entry in keys.values())
    exports = "\n".join(line for line in up.output.splitlines() if line.startswith("  export DATABASE_"))
    assert exports.count("export") == 2
    listed = subprocess.run(
        ["bash", "-c", f'{exports}\nexec "$0" -m app.cli jobs --json', sys.executable], capture_output=True, check=True
    )
    assert isinstance(json.loads(listed.stdout), list)
    authorised = {"Authorization": f"Bearer {keys['coordinator']['key']}"}
    sites = httpx.get(f"{up.url}/v1/sites", headers=authorised, trust_env=False, timeout=30).json()
    assert len(sites["items"]) == 45
    assert httpx.get(f"{up.url}/", trust_env=False, timeout=30).headers["location"].endswith("/docs")
    _sign_in(up, keys["cdmo"]["email"])

    up.process.send_signal(signal.SIGINT)
    assert up.wait_end() == 0, up.output
    assert processes_of(up.data_dir) == []
    assert "database system is shut down" in (up.data_dir / "postgres.log").read_text()

    again = start_up()
    again.wait_ready()
    assert json.loads(keys_file.read_text()) == keys
    repeated = httpx.get(f"{again.url}/v1/sites", headers=authorised, trust_env=False, timeout=30).json()
    assert [site["id"] for site in repeated["items"]] == [site["id"] for site in sites["items"]]
    again.process.terminate()
    assert again.wait_end() == 0, again.output
    assert processes_of(up.data_dir) == []


def _sign_in(up: Up, email: str) -> None:
    """Sign in as the console says: by a link that is printed there."""
    assert f"{up.url}/sign-in" in up.output
    assert email in up.output
    same = {"Origin": up.url, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=up.url, trust_env=False, timeout=30) as browser:
        form = dict(HIDDEN.findall(browser.get("/sign-in").text))
        assert browser.post("/sign-in", data={**form, "email": email}, headers=same).status_code == 303
        wait_until(lambda: "/sign-in/link?token=" in up.output, seconds=30, what="a link")
        [link] = [line for line in up.output.splitlines() if "/sign-in/link?token=" in line]
        form = dict(HIDDEN.findall(browser.get(link.strip()).text))
        assert browser.post("/sign-in/link", data=form, headers=same).headers["location"] == "/account"
        me = browser.get("/v1/me").json()
        assert (me["person"]["email"], me["role"]) == (email, "cdmo_planner")
    logs = [line for line in up.output.splitlines() if line.startswith("{")]
    assert not any(link.partition("token=")[2].strip() in line for line in logs)


def test_it_stops_at_an_interrupt_that_its_script_had_ignored(start_up: StartUp) -> None:
    """A shell script gives what it puts in the background an ignored SIGINT."""
    up = start_up(ignore_interrupts=True)
    wait_until((up.data_dir / "postgres").exists, seconds=30, what="a cluster")
    up.process.send_signal(signal.SIGINT)
    assert up.wait_end() == 0, up.output
    assert processes_of(up.data_dir) == []


def test_it_outlives_its_parent_and_a_kill_9_of_itself_leaves_nothing(start_up: StartUp, lived_in: Path) -> None:
    up = start_up(lived_in, wrapper=RUN_AS_CHILD)
    up.wait_ready()
    supervisor = up.supervisor
    up.process.kill()
    up.process.wait()
    assert httpx.get(f"{up.url}/healthz", trust_env=False, timeout=30).status_code == 200
    assert len(processes_of(lived_in)) > 3
    supervisor.kill()
    wait_until_none_of(lived_in)


def test_kill_9_of_its_parent_stops_it_where_asked(start_up: StartUp, lived_in: Path) -> None:
    up = start_up(lived_in, environment={"CRENEAU_DIE_WITH_PARENT": "1"}, wrapper=RUN_AS_CHILD)
    up.wait_ready()
    tree = [up.supervisor, *up.supervisor.children(recursive=True)]
    assert len(tree) > 3
    up.process.kill()
    assert still_at_work(tree, seconds=15) == []
    assert processes_of(lived_in) == []


def test_kill_9_of_its_parent_while_it_is_starting(start_up: StartUp) -> None:
    up = start_up(environment={"CRENEAU_DIE_WITH_PARENT": "1"}, wrapper=RUN_AS_CHILD)
    wait_until((up.data_dir / "postgres").exists, seconds=30, what="a cluster")
    supervisor = up.supervisor
    up.process.kill()
    assert still_at_work([supervisor], seconds=15) == []
    wait_until_none_of(up.data_dir)


@pytest.mark.parametrize(
    ("pattern", "named"),
    [("app.cli worker", "worker"), pytest.param("bin/postgres", "PostgreSQL", marks=pytest.mark.prove)],
)
def test_when_a_child_dies_it_says_which_and_stops_everything(
    start_up: StartUp, lived_in: Path, pattern: str, named: str
) -> None:
    up = start_up(lived_in)
    up.wait_ready()
    up.child(pattern).kill()
    assert up.wait_end() == 1
    last_line = up.output.strip().splitlines()[-1]
    assert last_line.startswith("creneau: ")
    assert f"{named} ended by itself" in last_line
    assert processes_of(lived_in) == []


@pytest.mark.prove
@pytest.mark.parametrize("seconds", [0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_no_moment_of_the_start_is_a_bad_one_to_stop(start_up: StartUp, number: signal.Signals, seconds: float) -> None:
    up = start_up()
    time.sleep(seconds)
    up.process.send_signal(number)
    up.wait_end()
    wait_until_none_of(up.data_dir)
    with EmbeddedPostgres(up.data_dir) as server:
        assert server.pid is not None


def gives_up(up: Up) -> str:
    """Wait until `up` gives up by itself, and return the one line it said."""
    assert up.wait_end() == 1, up.output
    (line,) = up.output.splitlines()
    assert line.startswith("creneau: ")
    assert processes_of(up.data_dir) == []
    return line


def test_a_port_in_use_is_named(start_up: StartUp) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = gives_up(start_up(port=port))
    assert f"port {port} is in use" in line
    assert "--port" in line


def test_a_locked_data_folder_is_named_with_its_holder(start_up: StartUp, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "data", max_connections=20, durable=False) as server:
        up = start_up()
        assert up.wait_end() == 1
        (line,) = up.output.splitlines()
        assert f"{up.data_dir} is in use by process {psutil.Process().pid}" in line
        assert server.pid is not None


@pytest.mark.parametrize("variable", ["DATABASE_URL", "DATABASE_OWNER_URL"])
def test_an_unreachable_database_is_named_without_its_password(start_up: StartUp, variable: str) -> None:
    address = "postgresql://someone:secret@127.0.0.1:1/creneau"
    line = gives_up(start_up(environment={"DATABASE_URL": "postgresql://x@127.0.0.1:1/y", variable: address}))
    assert f"{variable} (postgresql://someone:***@127.0.0.1:1/creneau) cannot be reached" in line
    assert line.endswith("or unset DATABASE_URL to use the embedded one")
    assert "secret" not in line


def test_an_address_of_something_else_is_refused(start_up: StartUp) -> None:
    line = gives_up(start_up(environment={"DATABASE_URL": "mysql://root@localhost/x"}))
    assert "DATABASE_URL" in line


def test_an_unusable_data_folder_is_named(start_up: StartUp, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    assert f"the data folder {tmp_path / 'data'} cannot be used" in gives_up(start_up())


def test_a_failing_start_stops_what_it_started(start_up: StartUp, tmp_path: Path) -> None:
    (tmp_path / "data" / "demo-keys.json").mkdir(parents=True)
    up = start_up()
    assert up.wait_end(seconds=UP_SECONDS) == 1
    assert up.output.splitlines()[-1].startswith("creneau: the seeding failed (exit code ")
    assert processes_of(up.data_dir) == []


def test_a_server_of_ones_own_is_used_and_left_running(start_up: StartUp, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "elsewhere", durable=False) as server:
        up = start_up(environment={"DATABASE_URL": server.app_url(), "DATABASE_OWNER_URL": server.owner_url})
        up.wait_ready()
        assert not (up.data_dir / "postgres").exists()
        assert (up.data_dir / "demo-keys.json").exists()
        up.process.terminate()
        assert up.wait_end() == 0, up.output
        assert server.pid is not None
