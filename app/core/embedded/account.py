"""Under which account the embedded server runs: PostgreSQL refuses to run as root."""

import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded.errors import AccountUnavailable

SYSTEM_ACCOUNT = "creneau-pg"
_HOME = Path("/var/lib/creneau-pg")
_ADVICE = "run as an ordinary user, or set DATABASE_URL to a server of your own"


@dataclass(frozen=True, slots=True)
class Account:
    """A system account: its name, ids, and the folder that may hold its copy of the binaries."""

    name: str
    uid: int
    gid: int
    home: Path

    def can_run(self, program: str) -> bool:
        """Whether this account reaches a program and may execute it."""
        return self._test("-x", program)

    def can_enter(self, folder: Path) -> bool:
        """Whether this account reaches a folder by its path."""
        return self._test("-x", str(folder))

    def _test(self, flag: str, path: str) -> bool:
        done = subprocess.run(  # noqa: S603 - test(1) on a path of ours
            [shutil.which("test") or "/usr/bin/test", flag, path],
            user=self.uid, group=self.gid, extra_groups=[], cwd="/", check=False,
        )  # fmt: skip
        return done.returncode == 0


def server_account(cluster: Path) -> Account | None:
    """The account to run the server under; None means as oneself.

    Only root needs another: the owner of an existing cluster, whoever made it, else the system account
    `creneau-pg`, which is made if it is missing.

    Parameters
    ----------
    cluster
        The cluster's folder, which may not exist yet.

    Raises
    ------
    AccountUnavailable
        The account is missing and cannot be made.
    """
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat().st_uid) != 0:
        return _by_id(owner, cluster)
    return _system_account() or _make_system_account()


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, _HOME)


def _by_id(uid: int, cluster: Path) -> Account:
    try:
        return _account(pwd.getpwuid(uid))
    except KeyError:
        raise AccountUnavailable(
            f"{cluster} belongs to user id {uid}, which has no account here; "
            f"give it to {SYSTEM_ACCOUNT} with chown -R, or {_ADVICE}"
        ) from None


def _system_account() -> Account | None:
    try:
        return _account(pwd.getpwnam(SYSTEM_ACCOUNT))
    except KeyError:
        return None


def _make_system_account() -> Account:
    """Make the account; another process may be making it at the same moment."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise AccountUnavailable(
            f"PostgreSQL does not run as root, and there is no useradd to make {SYSTEM_ACCOUNT}; {_ADVICE}"
        )
    command = [useradd, "--system", "--no-create-home", "--home-dir", str(_HOME), "--shell", "/bin/false"]
    reason = ""
    for _attempt in range(20):
        done = subprocess.run(  # noqa: S603 - useradd with fixed words
            [*command, SYSTEM_ACCOUNT], check=False, capture_output=True, text=True
        )
        if account := _system_account():
            return account
        reason = done.stderr.strip() or f"exit code {done.returncode}"
        time.sleep(0.1)
    raise AccountUnavailable(f"the system account {SYSTEM_ACCOUNT} cannot be made ({reason}); {_ADVICE}")
