"""What root's server account can and cannot reach, and how it reaches it all the same."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.embedded.account import Account, server_account
from app.core.embedded.binaries import Binaries, find_binaries, reachable_by
from app.core.embedded.cluster import folder_for_server
from app.core.embedded.errors import AccountUnavailable

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server under another account")


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """The server's account with an open home folder of the test's own, since `tmp_path` is a private folder."""
    found = server_account(tmp_path / "absent")
    assert found is not None
    home = Path(tempfile.mkdtemp())
    home.chmod(0o755)
    yield replace(found, home=home)
    shutil.rmtree(home)


def private_binaries(folder: Path) -> Binaries:
    """The installed binaries, copied into a private folder as if a virtual environment were there."""
    installed = find_binaries()
    package = installed.bin_dir.parents[1]
    shutil.copytree(installed.bin_dir.parent, folder / package.name / installed.bin_dir.parent.name)
    shutil.copytree(package.with_name(f"{package.name}.libs"), folder / f"{package.name}.libs")
    folder.chmod(0o700)
    return Binaries(installed.major, folder / package.name / installed.bin_dir.parent.name / "bin")


@needs_root
def test_binaries_in_a_private_folder_are_copied_once_to_where_they_run(tmp_path: Path, account: Account) -> None:
    hidden = private_binaries(tmp_path / "hidden")
    assert not account.can_run(hidden.postgres)
    copied = reachable_by(account, hidden)
    assert copied.bin_dir.is_relative_to(account.home)
    assert account.can_run(copied.postgres)
    made_at = copied.bin_dir.stat().st_ctime_ns
    assert reachable_by(account, hidden) == copied
    assert copied.bin_dir.stat().st_ctime_ns == made_at
    assert [entry.name for entry in account.home.iterdir()] == [copied.bin_dir.parents[2].name]
    assert reachable_by(account, copied) == copied


@needs_root
def test_a_copy_that_cannot_be_made_is_explained(tmp_path: Path, account: Account) -> None:
    (tmp_path / "file").touch()
    hidden = Binaries(18, tmp_path / "hidden" / "bin")
    with pytest.raises(AccountUnavailable, match="run as an ordinary user, or set DATABASE_URL"):
        reachable_by(replace(account, home=tmp_path / "file" / "home"), hidden)


@needs_root
def test_a_private_folder_is_handed_over_open_and_a_public_one_by_its_path(tmp_path: Path, account: Account) -> None:
    tmp_path.chmod(0o700)
    with folder_for_server(tmp_path, account) as (path, descriptors):
        assert descriptors
        assert Path(path).samefile(tmp_path)
    with folder_for_server(account.home, account) as (path, descriptors):
        assert (path, descriptors) == (str(account.home), ())


@needs_root
def test_an_existing_cluster_is_run_by_its_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, -1)
    owner = server_account(tmp_path)
    assert owner is not None
    assert owner.uid == 65534


@needs_root
def test_an_owner_without_an_account_is_explained(tmp_path: Path) -> None:
    os.chown(tmp_path, 61234, -1)
    with pytest.raises(AccountUnavailable, match="61234"):
        server_account(tmp_path)
