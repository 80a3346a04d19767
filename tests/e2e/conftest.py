"""`creneau up` as a real process on a data folder of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.ports import free_port
from tests.support.processes import processes_of, wait_until

UP_SECONDS = 90.0
_UNSET = ("DATABASE_URL", "DATABASE_OWNER_URL", "PORT", "DATA", "HOST")


class Up:
    """One run of `creneau up`; its output goes to a file, as a terminal would show it.

    Parameters
    ----------
    data_dir
        Its data folder.
    environment
        Variables added to this process's.
    wrapper
        A program that runs the command given to it, as its parent.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        environment: dict[str, str] | None = None,
        wrapper: tuple[str, ...] = (),
        ignore_interrupts: bool = False,
    ) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._output_file = data_dir.parent / f"up-{self.port}.txt"
        inherited = {name: value for name, value in os.environ.items() if name not in _UNSET}
        command = [sys.executable, "-m", "app.cli", "up"]
        # As it starts from a terminal, even where these tests are run in the background of a script.
        handler = signal.SIG_IGN if ignore_interrupts else signal.default_int_handler
        before = signal.signal(signal.SIGINT, handler)
        try:
            with self._output_file.open("wb") as output:
                self.process = subprocess.Popen(
                    [*wrapper, *command, "--port", str(self.port), "--data-dir", str(data_dir)],
                    stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    env=inherited | (environment or {}), start_new_session=True,
                )  # fmt: skip
        finally:
            signal.signal(signal.SIGINT, before)

    @property
    def output(self) -> str:
        return self._output_file.read_text()

    @property
    def supervisor(self) -> psutil.Process:
        """The process of `creneau up` itself, below any wrapper."""
        tree = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return next(process for process in tree if process.cmdline()[3:4] == ["up"])

    def wait_ready(self) -> None:
        wait_until(
            lambda: "Créneau is ready." in self.output or self.process.poll() is not None,
            seconds=UP_SECONDS,
            what="a service that is ready",
        )
        assert self.process.poll() is None, self.output
        assert httpx.get(f"{self.url}/readyz", trust_env=False, timeout=30).status_code == 200

    def wait_end(self, *, seconds: float = 30.0) -> int:
        return self.process.wait(seconds)

    def child(self, pattern: str) -> psutil.Process:
        """The one child of the supervisor whose command matches."""
        (found,) = (c for c in self.supervisor.children() if re.search(pattern, " ".join(c.cmdline())))
        return found


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that tests share: the first `up` on it fills it, later ones find it filled."""
    return tmp_path_factory.mktemp("lived-in") / "data"


@pytest.fixture
def start_up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Start `up`, by default on a new data folder; whatever still runs after the test fails it."""
    started: list[Up] = []

    def start(data_dir: Path | None = None, **options: object) -> Up:
        run = Up(data_dir or tmp_path / "data", **options)  # type: ignore[arg-type]
        started.append(run)
        return run

    yield start
    left = [process for run in started for process in processes_of(run.data_dir)]
    for process in left:
        process.kill()
    for run in started:
        run.process.wait(10)
    assert not left, "\n".join(run.output for run in started)
