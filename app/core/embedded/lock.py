"""One server per data folder: a lock file, locked with flock(2), that says who holds it.

The server process inherits the lock, so that it stays taken until the last of its processes is gone, even
when the one that started it was killed. A lock whose recorded holder is dead, or has given it back, is about
to be freed, and is waited for.
"""

import fcntl
import os
import time
from pathlib import Path

from app.core.embedded.errors import DataFolderLocked

_FILE = "lock"
_POLL_SECONDS = 0.05


class FolderLock:
    """The lock of one data folder, not yet taken.

    Parameters
    ----------
    data_dir
        An existing folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The open file that carries the lock, for a child process to inherit."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    def acquire(self, *, patience_seconds: float) -> None:
        """Take the lock; does nothing if it is held already.

        Parameters
        ----------
        patience_seconds
            How long to wait for what is left of an earlier server, once its holder is dead.

        Raises
        ------
        DataFolderLocked
            A living process holds it, or the remains of an earlier one outlast the patience.
        """
        if self._descriptor is not None:
            return
        descriptor = os.open(self._data_dir / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience_seconds
        while not _try_lock(descriptor):
            holder = _holder(descriptor)
            if (holder is not None and _alive(holder)) or time.monotonic() >= deadline:
                os.close(descriptor)
                raise DataFolderLocked(self._data_dir, holder)
            time.sleep(_POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back, naming nobody any more; does nothing if it is not held.

        What is left of a killed server may keep it a little longer: the next one then waits for that.
        """
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int | None:
    """Process id recorded in the file; None when it was given back, or a new holder is about to write it."""
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
