"""The embedded server: start, stop, restart, crash, two at once, odd folders."""

import asyncio
import os
import stat
import subprocess
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.embedded import EmbeddedPostgres
from app.core.embedded.binaries import find_binaries
from app.core.embedded.cluster import telling_line
from app.core.embedded.errors import BinariesMissing, DataFolderUnusable, ServerDidNotStart
from app.core.embedded.socket_path import fits
from tests.support.processes import processes_of, wait_until


def ask(url: str, sql: str) -> object:
    """Run one statement over SQLAlchemy's URL and return the first value of what it answers, if anything."""

    async def run() -> object:
        engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                result = await connection.execute(text(sql))
                return result.scalar() if result.returns_rows else None
        finally:
            await engine.dispose()

    return asyncio.run(run())


def small(data_dir: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(data_dir, max_connections=20, durable=False)


def kill(server: EmbeddedPostgres) -> None:
    """Kill the server's main process and wait until it is gone."""
    psutil.Process(server.pid).kill()
    wait_until(lambda: server.pid is None, seconds=5, what="the end of the killed server")


def test_the_owner_has_its_database_and_is_no_superuser(data_dir: Path) -> None:
    with small(data_dir) as server:
        assert ask(server.owner_url, "SELECT current_user || ' on ' || current_database()") == (
            "creneau_owner on creneau"
        )
        assert ask(
            server.owner_url,
            "SELECT rolcanlogin AND rolcreaterole AND rolcreatedb AND NOT rolsuper AND NOT rolbypassrls"
            "  FROM pg_roles WHERE rolname = current_user",
        )
        assert ask(
            server.superuser_url,
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'creneau'",
        ) == ("creneau_owner")


def test_a_restart_finds_the_data_again(data_dir: Path) -> None:
    with small(data_dir) as server:
        ask(server.owner_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert processes_of(data_dir) == []
    with small(data_dir) as server:
        assert ask(server.owner_url, "SELECT answer FROM kept") == 42


def test_one_object_starts_again_after_a_stop(data_dir: Path) -> None:
    server = small(data_dir)
    for _round in range(2):
        server.start()
        server.start()
        assert ask(server.owner_url, "SELECT 1") == 1
        server.stop()
        server.stop()
        assert server.pid is None
    with pytest.raises(RuntimeError, match="not started"):
        _ = server.owner_url


def test_committed_data_survives_a_kill_of_the_server(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, max_connections=20)
    with server:
        ask(server.owner_url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        kill(server)
        server.start()
        assert ask(server.owner_url, "SELECT count(*) FROM kept") == 1000


def test_a_new_server_waits_for_the_remains_of_a_killed_one(data_dir: Path) -> None:
    """A backend busy in a statement outlives its killed server for a while, and holds its shared memory."""
    busy = (
        "DO $$ DECLARE stop timestamptz := clock_timestamp() + interval '8 s';"
        " BEGIN WHILE clock_timestamp() < stop LOOP NULL; END LOOP; END $$"
    )
    with small(data_dir) as server:
        client = subprocess.Popen(
            [find_binaries().psql, "-h", server.host, "-U", "postgres", "-c", busy], stderr=subprocess.DEVNULL
        )
        running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO%' AND state = 'active'"
        wait_until(lambda: ask(server.superuser_url, running), seconds=5, what="a busy backend")
        kill(server)
        server.start()
        assert ask(server.owner_url, "SELECT 1") == 1
        assert "pre-existing shared memory block" in server.log_file.read_text()
        client.wait()


def test_two_servers_run_at_once(data_dir: Path) -> None:
    with small(data_dir / "one") as one, small(data_dir / "two") as two:
        ask(one.owner_url, "CREATE TABLE only_here ()")
        assert ask(two.owner_url, "SELECT to_regclass('only_here')") is None
        assert one.pid != two.pid


@pytest.mark.parametrize(
    "name",
    ["with some spaces", "éàü", "comma,colon:quote'", "long-" + "x" * 180],
    ids=["spaces", "accents", "separators", "long"],
)
def test_any_folder_name_will_do(data_dir: Path, name: str) -> None:
    folder = data_dir / name
    with small(folder) as server:
        assert ask(server.owner_url, "SELECT 1") == 1
        host = Path(server.host)
        address = host / ".s.PGSQL.5432"
        assert len(os.fsencode(address)) < 100
        assert address.is_socket()
    assert fits(folder / "postgres") == (host == folder / "postgres")
    assert fits(folder / "postgres") or not host.parent.exists()


def test_the_folder_above_keeps_its_rights(tmp_path: Path, data_dir: Path) -> None:
    tmp_path.chmod(0o700)
    with small(data_dir):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "postgres" / ".s.PGSQL.5432").stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "postgres.log").stat().st_mode) == 0o600


def test_the_server_runs_without_the_rights_and_secrets_of_its_starter(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "hush")
    with small(data_dir) as server:
        process = psutil.Process(server.pid)
        assert process.uids().real != 0
        assert "hush" not in process.environ().values()
        assert ask(server.owner_url, "SELECT current_setting('listen_addresses')") == ""


def test_a_pid_file_naming_a_living_stranger_is_no_obstacle(data_dir: Path) -> None:
    """After a reboot the number of the killed server may belong to another process of its account."""
    with small(data_dir) as server, small(data_dir / "other") as stranger:
        killed = server.pid
        kill(server)
        pid_file = data_dir / "postgres" / "postmaster.pid"
        pid_file.write_text(pid_file.read_text().replace(str(killed), str(stranger.pid), 1))
        server.stop()
        server.start()
        assert ask(server.owner_url, "SELECT 1") == 1


def test_a_killed_initialisation_is_done_again(data_dir: Path) -> None:
    half_made = data_dir / "postgres.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with small(data_dir) as server:
        assert ask(server.owner_url, "SELECT 1") == 1
    assert not half_made.exists()


def test_a_folder_with_something_else_is_left_alone(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "letters.txt").write_text("dear all")
    with pytest.raises(DataFolderUnusable, match="holds no PostgreSQL data"):
        small(data_dir).start()
    assert (data_dir / "postgres" / "letters.txt").read_text() == "dear all"


def test_a_file_in_place_of_the_folder_is_named(data_dir: Path) -> None:
    data_dir.write_text("")
    with pytest.raises(DataFolderUnusable, match="choose another"):
        small(data_dir).start()


def test_data_of_an_unknown_version_is_named(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(BinariesMissing, match="not 9"):
        small(data_dir).start()


def test_a_server_that_refuses_says_why(data_dir: Path) -> None:
    with small(data_dir):
        pass
    with (data_dir / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("shared_preload_libraries = 'no_such_library'\n")
    with pytest.raises(ServerDidNotStart, match="no_such_library"):
        small(data_dir).start()


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("LOG:  starting\nFATAL:  no room\nLOG:  shut down\n", "no room"),
        ("initdb: error: no rights\ninitdb: removing the folder\n", "no rights"),
        ("something odd\n", "something odd"),
        ("", "no message"),
    ],
)
def test_the_reason_is_found_among_the_messages(messages: str, reason: str) -> None:
    assert telling_line(messages) == reason


def test_a_large_log_is_put_aside(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "postgres.log").write_bytes(b"x" * 10_000_001)
    with small(data_dir) as server:
        assert server.log_file.stat().st_size < 10_000_000
    assert (data_dir / "postgres.log.1").stat().st_size == 10_000_001
