"""Making a cluster in the data folder, and what every cluster holds: the owner's role and the database."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded.account import Account, server_account
from app.core.embedded.binaries import Binaries, find_binaries, reachable_by
from app.core.embedded.errors import DataFolderUnusable, ServerDidNotStart

SUPERUSER = "postgres"
OWNER_ROLE = "creneau_owner"
DATABASE = "creneau"
_FOLDER = "postgres"
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")

_OWNER_AND_DATABASE = f"""
SELECT 'CREATE ROLE {OWNER_ROLE} LOGIN NOSUPERUSER CREATEROLE CREATEDB'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER_ROLE}') \\gexec
SELECT 'CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec
"""  # noqa: S608 - two constants of this module


@dataclass(frozen=True, slots=True)
class Cluster:
    """An initialised cluster: its folder, the binaries of its version, the account that owns it."""

    folder: Path
    binaries: Binaries
    account: Account | None

    @property
    def ids(self) -> tuple[int, int] | None:
        """User and group id of the owning account; None means oneself."""
        return (self.account.uid, self.account.gid) if self.account else None


def server_environment() -> dict[str, str]:
    """The environment for PostgreSQL's programs: no setting and no secret of the caller's reaches them."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


def prepare_cluster(data_dir: Path, *, durable: bool) -> Cluster:
    """The cluster in a data folder, made if there is none. The caller holds the folder's lock.

    Parameters
    ----------
    data_dir
        An existing folder; the cluster is its subfolder `postgres`.
    durable
        Whether a new cluster is forced to disk before it is used.

    Raises
    ------
    EmbeddedPostgresError
        No binaries, no account, or a folder that cannot be used.
    """
    folder = data_dir / _FOLDER
    account = server_account(folder)
    binaries = find_binaries(_major_version(folder))
    if account is not None:
        binaries = reachable_by(account, binaries)
    cluster = Cluster(folder, binaries, account)
    if not folder.exists():
        _initialise(cluster, durable=durable)
    return cluster


@contextmanager
def folder_for_server(folder: Path, account: Account | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A path by which the server's account reaches a folder, and the open files it must inherit for it.

    A folder below a private one is closed to the account by its path. An open descriptor of it, inherited,
    is not: the kernel checks the way to a folder only when a path is followed.

    Raises
    ------
    DataFolderUnusable
        The account cannot reach the folder, and this system has no /proc.
    """
    if account is None or account.can_enter(folder):
        yield str(folder), ()
        return
    if not Path("/proc/self/fd").is_dir():
        raise DataFolderUnusable(
            f"the account {account.name} cannot reach {folder}: choose one outside private folders, "
            "or run as an ordinary user"
        )
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def run_sql(binaries: Binaries, host: Path, port: int, sql: str) -> subprocess.CompletedProcess[str]:
    """Run SQL as the superuser with psql, each statement by itself, up to the first that fails."""
    command = [binaries.psql, "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER, "-d", "postgres"]
    return subprocess.run(  # noqa: S603 - psql with our own SQL
        [*command, "-h", str(host), "-p", str(port)],
        input=sql, env=server_environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def ensure_owner_and_database(binaries: Binaries, host: Path, port: int) -> None:
    """Make the role `creneau_owner` and the database `creneau` it owns, if they are missing.

    Raises
    ------
    ServerDidNotStart
        The server refused.
    """
    done = run_sql(binaries, host, port, _OWNER_AND_DATABASE)
    if done.returncode != 0:
        raise ServerDidNotStart(f"the role {OWNER_ROLE} could not be made: {done.stderr.strip()}")


def telling_line(messages: str) -> str:
    """The line that says why one of PostgreSQL's programs gave up."""
    lines = [line for line in messages.splitlines() if line.strip()]
    reasons = (line.partition(mark)[2].strip() for mark in ("FATAL:", "error:") for line in lines if mark in line)
    return next(reasons, lines[-1] if lines else "no message")


def _major_version(folder: Path) -> int | None:
    if not folder.exists():
        return None
    try:
        return int((folder / "PG_VERSION").read_text().strip())
    except PermissionError:
        raise DataFolderUnusable(
            f"{folder} belongs to another account: start as that account, or choose another data folder"
        ) from None
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise DataFolderUnusable(
            f"{folder} holds no PostgreSQL data: move it away, or choose another data folder"
        ) from None


def _initialise(cluster: Cluster, *, durable: bool) -> None:
    """Make the cluster beside its place and rename it: a killed attempt is never taken for a cluster."""
    scratch = cluster.folder.with_name(f"{_FOLDER}.new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    if cluster.account is not None:
        os.chown(scratch, cluster.account.uid, cluster.account.gid)
    on_linux = sys.platform.startswith("linux")
    sync = ("--sync-method=syncfs" if on_linux else "--sync-method=fsync") if durable else "--no-sync"
    options = ["-U", SUPERUSER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", sync]
    uid, gid = cluster.ids or (None, None)
    with folder_for_server(scratch, cluster.account) as (path, descriptors):
        done = subprocess.run(  # noqa: S603 - initdb of the installed wheel
            [cluster.binaries.initdb, "-D", path, *options],
            env=server_environment(), cwd="/", pass_fds=descriptors, user=uid, group=gid,
            extra_groups=None if uid is None else [], capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise ServerDidNotStart(f"no database could be made in {scratch}: {telling_line(done.stderr)}")
    scratch.rename(cluster.folder)
