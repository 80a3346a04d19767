"""`creneau serve` as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.support.ports import free_port
from tests.support.processes import wait_until


class Api:
    """The API on one database; it logs into a file.

    Parameters
    ----------
    database_url
        The application's role on its database.
    log
        Where its output goes.
    environment
        Variables beside those of this process.
    """

    def __init__(self, database_url: str, log: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve", "--port", str(self.port)],
                env=os.environ | {"DATABASE_URL": database_url} | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            wait_until(lambda: self._answers(client), seconds=120, what="an API that answers")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _answers(self, client: httpx.Client) -> bool:
        assert self.process.poll() is None
        try:
            return client.get("/healthz").is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
