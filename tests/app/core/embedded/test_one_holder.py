"""One server per data folder, and none left behind by a process that was killed."""

import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from app.core.embedded import DataFolderLocked, EmbeddedPostgres
from app.core.embedded.lock import FolderLock
from tests.app.core.embedded.conftest import Holder
from tests.support.processes import wait_until_none_of


def test_kill_9_of_the_parent_shuts_the_server_down_cleanly(data_dir: Path) -> None:
    holder = Holder(data_dir)
    assert psutil.pid_exists(holder.server_pid or 0)
    holder.kill()
    wait_until_none_of(data_dir)
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()


def test_the_next_start_may_come_at_once_after_a_kill_9(data_dir: Path) -> None:
    for _round in range(3):
        Holder(data_dir).kill()
    with EmbeddedPostgres(data_dir, max_connections=20, durable=False) as server:
        assert server.pid is not None


def test_the_folder_stays_locked_while_a_killed_holders_server_still_runs(data_dir: Path) -> None:
    holder = Holder(data_dir)
    server = psutil.Process(holder.server_pid)
    server.suspend()
    holder.kill()
    lock = FolderLock(data_dir)
    with pytest.raises(DataFolderLocked):
        lock.acquire(patience_seconds=0.5)
    server.resume()
    lock.acquire(patience_seconds=10)
    lock.release()
    wait_until_none_of(data_dir)


def test_what_a_stopped_server_leaves_behind_is_waited_for(data_dir: Path) -> None:
    """Processes of a killed server outlive its stop for a moment; the next start comes from the same process."""
    data_dir.mkdir()
    lock = FolderLock(data_dir)
    lock.acquire(patience_seconds=0)
    remains = subprocess.Popen(["sleep", "1"], pass_fds=(lock.descriptor,))
    lock.release()
    lock.acquire(patience_seconds=20)
    assert remains.wait(timeout=0.5) == 0
    lock.release()


def test_a_locked_folder_names_its_holder(data_dir: Path) -> None:
    holder = Holder(data_dir)
    try:
        with pytest.raises(DataFolderLocked, match=rf"in use by process {holder.process.pid}; stop"):
            EmbeddedPostgres(data_dir).start()
        second = Holder(data_dir)
        _, error = second.process.communicate()
        assert second.process.returncode == 1
        assert str(holder.process.pid) in error
        assert "Traceback" not in error
        assert psutil.pid_exists(holder.server_pid or 0)
    finally:
        holder.process.communicate("")
    assert holder.process.returncode == 0
    wait_until_none_of(data_dir)


def test_an_interrupt_of_the_terminal_does_not_reach_the_server(data_dir: Path) -> None:
    """Ctrl-C goes to the foreground process group; the supervisor alone decides when the server ends."""
    holder = Holder(data_dir)
    try:
        server = psutil.Process(holder.server_pid)
        sessions = subprocess.run(
            ["ps", "-o", "sid=", "-p", f"{server.pid},{holder.process.pid}"],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        assert len(set(sessions)) == 2
    finally:
        holder.process.send_signal(signal.SIGKILL)
        holder.process.communicate()
    wait_until_none_of(data_dir)
