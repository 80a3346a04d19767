"""A folder path under which clients reach the server's socket.

A socket's address is short (108 bytes on Linux, 104 on macOS), and clients read commas and colons in a host
as separators. A folder whose path does not fit is reached through a link in a private temporary folder.
"""

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from app.core.embedded.errors import DataFolderUnusable

PORT = 5432
_LONGEST_ADDRESS_BYTES = 100
_SAFE = re.compile(r"[\w ./@%+=-]+", re.ASCII)


def fits(folder: Path) -> bool:
    """Whether clients can use a folder's own path as the host."""
    address = folder / f".s.PGSQL.{PORT}"
    return len(os.fsencode(address)) < _LONGEST_ADDRESS_BYTES and bool(_SAFE.fullmatch(str(folder)))


def client_folder(cluster: Path) -> Path:
    """The path clients use for a cluster's folder; made if it has to be a link.

    Raises
    ------
    DataFolderUnusable
        The private folder's name is taken by someone else.
    """
    if fits(cluster):
        return cluster
    private = _private_folder(cluster)
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise DataFolderUnusable(f"{private} is not a private folder of yours: remove it and start again")
    link = private / "pg"
    link.unlink(missing_ok=True)
    link.symlink_to(cluster, target_is_directory=True)
    return link


def remove_client_folder(cluster: Path) -> None:
    """Remove what `client_folder` made, if anything."""
    if not fits(cluster):
        private = _private_folder(cluster)
        (private / "pg").unlink(missing_ok=True)
        if private.is_dir():
            private.rmdir()


def _private_folder(cluster: Path) -> Path:
    """The same name for the same cluster: what a killed run leaves, the next one takes over."""
    name = f"creneau-{os.geteuid()}-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]}"
    candidates = (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - made private, and checked
    return next((folder / name for folder in candidates if fits(folder / name / "pg")), candidates[-1] / name)
