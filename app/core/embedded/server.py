"""The embedded PostgreSQL: started by this process, reached through a socket in its data folder."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from app.core.embedded.cluster import (
    DATABASE,
    OWNER_ROLE,
    SUPERUSER,
    Cluster,
    ensure_owner_and_database,
    folder_for_server,
    prepare_cluster,
    run_sql,
    server_environment,
    telling_line,
)
from app.core.embedded.errors import DataFolderUnusable, ServerDidNotStart
from app.core.embedded.lock import FolderLock
from app.core.embedded.socket_path import PORT, client_folder, remove_client_folder
from app.core.processes import end_process, start_tethered

_START_SECONDS = 120.0
_POLL_SECONDS = 0.02
_LARGEST_LOG_BYTES = 10_000_000
_STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))  # fast, then immediate
_REMAINS_OF_AN_EARLIER_SERVER = ("pre-existing shared memory block", "is another postmaster")
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class EmbeddedPostgres:
    """A PostgreSQL server of this process's own, on one data folder; a context manager.

    It ends with this process, however that ends: cleanly on `stop`, by a fast shutdown when the process
    is killed. It listens on a Unix socket only, and only its own account (and root) can connect.
    `start` may follow `stop`, and finds the data again.

    Parameters
    ----------
    data_dir
        Folder for the cluster, its lock and its log, each private; made if it is missing.
    max_connections
        How many clients may connect at once.
    durable
        False trades safety against power cuts for speed; for tests.
    """

    def __init__(self, data_dir: Path, *, max_connections: int = 100, durable: bool = True) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self.log_file = self.data_dir / "postgres.log"
        self._max_connections = max_connections
        self._durable = durable
        self._lock = FolderLock(self.data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._host: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start the server, making its cluster first if there is none; returns when connections work.

        Call it from the main thread. Does nothing if the server runs.

        Raises
        ------
        DataFolderLocked
            Another process uses the data folder.
        EmbeddedPostgresError
            Anything else that stands in the way; the message says what to do.
        """
        if self.pid is not None:
            return
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(patience_seconds=_START_SECONDS)
        except OSError as error:
            raise DataFolderUnusable(
                f"the data folder {self.data_dir} cannot be used ({error.strerror}): choose another one"
            ) from error
        try:
            cluster = prepare_cluster(self.data_dir, durable=self._durable)
            self._host = client_folder(cluster.folder)
            self._start_server(cluster)
            ensure_owner_and_database(cluster.binaries, self._host, PORT)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and free the data folder; does nothing if it is stopped."""
        if self._process is not None:
            end_process(self._process, *_STOP_STEPS)
            self._process = None
        if self._host is not None:
            self._host = None
            remove_client_folder(self.data_dir / "postgres")
        self._lock.release()

    @property
    def host(self) -> str:
        """Folder of the server's socket, as clients name it.

        Raises
        ------
        RuntimeError
            The server is not started.
        """
        if self._host is None:
            raise RuntimeError("the embedded PostgreSQL is not started")
        return str(self._host)

    def url(self, *, database: str = DATABASE, user: str) -> str:
        """SQLAlchemy URL for a database of this server under a role; no password is needed."""
        host = quote(self.host, safe="/")
        return f"postgresql+asyncpg://{quote(user)}@/{quote(database)}?host={host}&port={PORT}"

    def app_url(self, *, role: str = "creneau_app", database: str = DATABASE) -> str:
        """URL for the application's role, which the migrations make."""
        return self.url(database=database, user=role)

    @property
    def owner_url(self) -> str:
        """URL for the role that owns the schema."""
        return self.url(user=OWNER_ROLE)

    @property
    def superuser_url(self) -> str:
        """URL for the superuser, on the maintenance database."""
        return self.url(database="postgres", user=SUPERUSER)

    def _start_server(self, cluster: Cluster) -> None:
        """Start it, again while what is left of an earlier server is still in the way."""
        deadline = time.monotonic() + _START_SECONDS
        self._prepare_log()
        while True:
            log_start = self.log_file.stat().st_size
            _drop_stale_pid_file(cluster.folder)
            self._process = self._spawn(cluster)
            if self._wait_until_ready(cluster, deadline):
                return
            log = self._log_since(log_start)
            remains = any(words in log.lower() for words in _REMAINS_OF_AN_EARLIER_SERVER)
            if not remains or time.monotonic() >= deadline:
                raise ServerDidNotStart(f"PostgreSQL did not start: {telling_line(log)}; its log is {self.log_file}")
            time.sleep(0.2)

    def _spawn(self, cluster: Cluster) -> subprocess.Popen[bytes]:
        settings = [
            "listen_addresses=",
            "unix_socket_directories=.",
            "unix_socket_permissions=0700",
            f"port={PORT}",
            f"max_connections={self._max_connections}",
            "log_timezone=UTC",
            *(("recovery_init_sync_method=syncfs",) if sys.platform.startswith("linux") else ()),
            *(() if self._durable else _NOT_DURABLE),
        ]
        options = [part for setting in settings for part in ("-c", setting)]
        with (
            folder_for_server(cluster.folder, cluster.account) as (path, descriptors),
            self.log_file.open("ab") as log,
        ):
            return start_tethered(
                [cluster.binaries.postgres, "-D", path, *options],
                death_signal=signal.SIGINT,
                ids=cluster.ids,
                environment=server_environment(),
                pass_fds=(*descriptors, self._lock.descriptor),
                output=log,
                folder="/",
            )

    def _wait_until_ready(self, cluster: Cluster, deadline: float) -> bool:
        """Wait until a connection works; False when the server ended or the time is over."""
        while self.pid is not None and time.monotonic() < deadline:
            if self._host is not None and (cluster.folder / f".s.PGSQL.{PORT}").exists():
                done = run_sql(cluster.binaries, self._host, PORT, "SELECT 1")
                if done.returncode == 0:
                    return True
            time.sleep(_POLL_SECONDS)
        return False

    def _prepare_log(self) -> None:
        """Make the log, private since it shows statements; put a large one aside."""
        if self.log_file.exists() and self.log_file.stat().st_size > _LARGEST_LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        self.log_file.touch(mode=0o600)

    def _log_since(self, position: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")


def _drop_stale_pid_file(cluster: Path) -> None:
    """Remove a killed server's pid file whose number another process bears by now.

    PostgreSQL would take any living process of its account for the server. Every server started here holds
    the folder's lock, which is ours by now: only one started by other means may still run, and is recognised
    by its working folder. Without /proc the file is left for PostgreSQL to judge.
    """
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists() or not Path("/proc/self").exists():
        return
    first_line = pid_file.read_text().partition("\n")[0]
    with contextlib.suppress(OSError):
        if cluster.samefile(Path(f"/proc/{first_line}/cwd").readlink()):
            return
    pid_file.unlink(missing_ok=True)
