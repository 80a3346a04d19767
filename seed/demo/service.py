"""A service of the story's own: everything `creneau up` starts, on a free port and in a folder that goes away."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.core.processes import start_tethered

START_SECONDS = 60.0
STOP_SECONDS = 30.0
OWN_VARIABLES = ("DATABASE_URL", "DATABASE_OWNER_URL")


class DemoFailed(Exception):
    """The story cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service listens, and the keys of its people by role."""

    url: str
    keys: dict[str, dict[str, Any]]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_service(environment: dict[str, str]) -> Iterator[Service]:
    """Start a service with the demonstration scenario, and stop it and remove its data at the end.

    Raises
    ------
    DemoFailed
        It did not start; the message ends with the last lines of its log.
    """
    with tempfile.TemporaryDirectory(prefix="creneau-demo-") as name:
        folder = Path(name)
        port = _free_port()
        log = folder / "log"
        own = {key: value for key, value in environment.items() if key not in OWN_VARIABLES}
        with log.open("wb") as output:
            process = start_tethered(
                [sys.executable, "-P", "-m", "app.cli", "up", "--port", str(port), "--data-dir", str(folder / "data")],
                death_signal=signal.SIGTERM,
                environment=own,
                output=output,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process, log)
            yield Service(url, json.loads((folder / "data" / "demo-keys.json").read_text()))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise DemoFailed(f"the service did not become ready within {START_SECONDS:.0f} s:\n{tail}")
