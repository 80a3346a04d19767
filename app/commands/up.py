"""`creneau up`: everything on one machine, under one supervisor."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from app.commands.checks import ensure_port_free, ensure_reachable
from app.commands.failure import CommandFailed, read_settings
from app.commands.interrupts import ParentWatch, Stop, Stopped, stopping_signals
from app.commands.welcome import say_welcome
from app.core.embedded import EmbeddedPostgres, EmbeddedPostgresError
from app.core.processes import Children
from app.core.settings import Settings
from app.core.web_addresses import is_safe_address

EXAMPLE = "creneau up --port 8123 --data-dir /srv/creneau"
_HOST = "127.0.0.1"
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.2
_STOP_SECONDS = 10.0
_PYTHON = (sys.executable, "-P", "-m")  # -P: the current folder lends no modules
_OR_EMBEDDED = "Start that server, correct the address, or unset DATABASE_URL to use the embedded one"
_CRENEAU = (*_PYTHON, "app.cli")

Port = Annotated[int, typer.Option(envvar="PORT", min=1, max=65_535, help="Port on 127.0.0.1.")]
DataDir = Annotated[
    Path,
    typer.Option(envvar="DATA", help="Folder of the database and the demo keys, made if it is missing."),
]


def up(port: Port = 8000, data_dir: DataDir = Path("var")) -> None:
    """Set everything up and serve: database, migrations, demo data, one worker, the API.

    The database is an embedded PostgreSQL in the data folder, unless DATABASE_URL names a server.

    Ctrl-C stops everything that was started. A second start on the same data folder finds its data again.
    """
    parent = ParentWatch()
    console = Console(highlight=False)
    with stopping_signals() as stop:
        try:
            _Up(port, data_dir.expanduser().absolute(), parent, stop, console).run()
        except Stopped:
            console.print("Créneau is stopped.")
        except EmbeddedPostgresError as error:
            raise CommandFailed(str(error)) from error


class _Up:
    """One run of `up`, from the first check to the last process stopped."""

    def __init__(self, port: int, data_dir: Path, parent: ParentWatch, stop: Stop, console: Console) -> None:
        self._port = port
        self._url = f"http://{_HOST}:{port}"
        self._data_dir = data_dir
        self._keys_file = data_dir / "demo-keys.json"
        self._parent = parent
        self._stop = stop
        self._console = console
        self._server: EmbeddedPostgres | None = None
        self._children = Children()
        self._environment = {**os.environ, "DATA": str(data_dir), "PYTHONUNBUFFERED": "1", "CRENEAU_LOCAL": "1"}
        self._environment["PUBLIC_URL"] = self._environment.get("PUBLIC_URL") or self._url
        if console.is_terminal:
            self._environment.setdefault("LOG_JSON", "false")

    def run(self) -> None:
        """Start everything in order, then watch it until told to stop; what started last stops first."""
        settings = read_settings()
        if not settings.has_mail and is_safe_address(self._environment["PUBLIC_URL"]):
            self._environment["MAIL_TO_CONSOLE"] = "true"
        ensure_port_free(_HOST, self._port)
        with ExitStack() as stack:
            database, addresses = self._prepare_database(settings, stack)
            stack.callback(self._children.end_all, patience_seconds=_STOP_SECONDS)
            self._step("migration", [*_CRENEAU, "migrate"])
            ensure_reachable("DATABASE_URL", self._environment["DATABASE_URL"])
            self._step("seeding", [*_PYTHON, "seed", "load", "--if-empty", "--keys-file", str(self._keys_file)])
            self._children.start("worker", [*_CRENEAU, "worker"], self._environment)
            serve = [*_CRENEAU, "serve", "--host", _HOST, "--port", str(self._port)]
            self._children.start("API", serve, self._environment)
            self._wait_until_ready()
            say_welcome(
                self._console,
                url=self._url,
                data_dir=self._data_dir,
                database=database,
                addresses=addresses,
                keys_file=self._keys_file,
                mail_to_console=self._environment.get("MAIL_TO_CONSOLE") == "true",
            )
            while True:
                self._check_all_alive()
                time.sleep(_POLL_SECONDS)

    def _prepare_database(self, settings: Settings, stack: ExitStack) -> tuple[str, dict[str, str]]:
        """Have a database, put its addresses into the children's environment, and say where it is.

        Returns
        -------
        Words, and the variables with its addresses, where the environment of the user has none.
        """
        addresses: dict[str, str] = {}
        if settings.database_url is None or settings.database_owner_url is None:
            if settings.database_owner_url is not None:
                raise CommandFailed("DATABASE_OWNER_URL is set but DATABASE_URL is not: set both, or neither")
            self._server = stack.enter_context(EmbeddedPostgres(self._data_dir))
            app_url, owner_url = self._server.app_url(), self._server.owner_url
            words = f"embedded PostgreSQL, socket in {self._server.host}"
            addresses = {"DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url}
            self._console.print("PostgreSQL is running.")
        else:
            app_url = settings.database_url.get_secret_value()
            owner_url = settings.database_owner_url.get_secret_value()
            variable = "DATABASE_OWNER_URL" if owner_url != app_url else "DATABASE_URL"
            ensure_reachable(variable, owner_url, advice=_OR_EMBEDDED)
            self._make_data_dir()
            words = "the server that DATABASE_URL names"
        self._environment |= {"DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url}
        return words, addresses

    def _make_data_dir(self) -> None:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandFailed(
                f"the data folder {self._data_dir} cannot be used ({error.strerror}): choose another with --data-dir"
            ) from None

    def _step(self, name: str, program: list[str]) -> None:
        """Run a program to its end."""
        child = self._children.start(name, program, self._environment)
        while child.process.poll() is None:
            self._check_parent_and_server()
            time.sleep(_POLL_SECONDS / 10)
        self._children.forget(child)
        if child.process.returncode != 0:
            raise CommandFailed(f"the {name} failed ({_ending(child.process)}); its message is above")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        answer = "no answer"
        with httpx.Client(base_url=self._url, trust_env=False, timeout=5.0) as client:
            while time.monotonic() < deadline:
                self._check_all_alive()
                try:
                    response = client.get("/readyz")
                except httpx.TransportError:
                    time.sleep(_POLL_SECONDS / 4)
                    continue
                if response.is_success:
                    return
                answer = f"{response.status_code} {response.text[:300]}"
                time.sleep(_POLL_SECONDS)
        raise CommandFailed(f"the service is not ready after {_READY_SECONDS:.0f} s; {self._url}/readyz says: {answer}")

    def _check_parent_and_server(self) -> None:
        self._stop.check()
        if self._parent.gone:
            raise Stopped
        if self._server is not None and self._server.pid is None:
            raise CommandFailed(
                f"PostgreSQL ended by itself, everything else was stopped; its log is {self._server.log_file}"
            )

    def _check_all_alive(self) -> None:
        self._check_parent_and_server()
        if child := self._children.first_dead():
            raise CommandFailed(
                f"the {child.name} ended by itself ({_ending(child.process)}), everything else was stopped; "
                "its last messages are above"
            )


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
