"""A server started by another real process, so that that process can be killed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import processes_of

_HOLDER = """
import sys, time
from pathlib import Path
from app.core.embedded import EmbeddedPostgres, EmbeddedPostgresError

server = EmbeddedPostgres(Path(sys.argv[1]), max_connections=20, durable=False)
try:
    server.start()
except EmbeddedPostgresError as error:
    sys.exit(str(error))
print(server.pid, server.superuser_url, flush=True)
sys.stdin.read()
server.stop()
"""


class Holder:
    """A process that runs a server on a data folder until its standard input ends."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(data_dir)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        first_line = self.process.stdout.readline().split()
        self.server_pid = int(first_line[0]) if first_line else None

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder; whatever still runs in it after the test is ended, and fails the test."""
    folder = tmp_path / "data"
    yield folder
    left = processes_of(folder)
    for process in left:
        process.kill()
    assert not left
