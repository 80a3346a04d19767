"""What can go wrong with the embedded server; each message is one line that says what to do next."""

from pathlib import Path


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot be used as things stand."""


class BinariesMissing(EmbeddedPostgresError):
    """No PostgreSQL binaries are installed for this platform and major version."""


class AccountUnavailable(EmbeddedPostgresError):
    """The server may not run as root, and no other account can be had."""


class DataFolderLocked(EmbeddedPostgresError):
    """Another process uses the data folder.

    Parameters
    ----------
    data_dir
        The folder in use.
    holder
        Process id of the one that holds it, if known.
    """

    def __init__(self, data_dir: Path, holder: int | None) -> None:
        who = f"by process {holder}" if holder else "by another process"
        super().__init__(f"the data folder {data_dir} is in use {who}; stop that one first, or choose another folder")
        self.data_dir = data_dir
        self.holder = holder


class DataFolderUnusable(EmbeddedPostgresError):
    """The data folder cannot be made, belongs to someone else, or holds something else."""


class ServerDidNotStart(EmbeddedPostgresError):
    """PostgreSQL ended or stayed silent while starting."""
