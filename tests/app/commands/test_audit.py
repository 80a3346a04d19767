"""`creneau audit`: verify, export and checkpoints from the command line, with their exit codes."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.allocation.models import RunKind
from app.allocation.runs import create_run
from app.audit import digested, seal_repository, trail
from app.audit.author import Author
from app.audit.files import lines_of
from app.audit.seals import Item
from app.cli import main
from app.core.database import SessionFactory, transaction
from app.core.model import metadata
from app.core.settings import Settings
from tests.app.audit.conftest import sessions
from tests.app.audit.trails import seal_all, spoil, write

pytestmark = pytest.mark.database

__all__ = ["sessions"]

Creneau = Callable[..., tuple[int, str, str]]


@pytest.fixture
def creneau(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Creneau:
    """Runs the command line on the worker's database, in a thread of its own."""
    assert settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["creneau", "audit", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def without_age(output: str) -> str:
    """Return what was said without for how long a record has waited, which is the machine's affair."""
    return re.sub(r"for [0-9]+ s\b", "for a while", output)


async def test_a_sound_trail_a_spoilt_one_and_a_cut_one(
    creneau: Creneau, sessions: SessionFactory, superuser: AsyncEngine, tmp_path: Path
) -> None:
    run = asyncio.to_thread
    assert (await run(creneau, "verify"))[:2] == (
        0,
        "0 records are not sealed yet.\nThe trail is sound: 0 records, up to seal 0.\n",
    )
    written = await write(sessions, 6)
    await seal_all(sessions, most=2)
    await write(sessions, 1)
    code, output, _ = await run(creneau, "verify")
    assert (code, without_age(output)) == (
        0,
        "1 records are not sealed yet, the oldest of them for a while.\nThe trail is sound: 6 records, up to seal 3.\n",
    )
    kept = tmp_path / "kept.jsonl"
    code, output, _ = await run(creneau, "checkpoints")
    assert code == 0
    kept.write_text(output)
    assert [json.loads(line)["kind"] for line in output.splitlines()] == ["checkpoint", "head"]
    await spoil(superuser, f"UPDATE audit_records SET job = 'other' WHERE id = {written[2]}")  # noqa: S608
    code, output, _ = await run(creneau, "verify", "--checkpoints", str(kept))
    assert code == 1
    assert without_age(output).splitlines() == [
        f"record {written[2]} is altered: it is not what seal 2 has",
        "1 records are not sealed yet, the oldest of them for a while.",
        "The trail has 1 fault.",
    ]
    await spoil(superuser, "DELETE FROM audit_seals WHERE sequence > 1")
    assert (await run(creneau, "verify"))[0] == 0
    code, output, _ = await run(creneau, "verify", "--checkpoints", str(kept))
    assert code == 1
    assert output.startswith("the tail is cut: a checkpoint that was kept tells of seal 3 and 6 records")


async def test_a_document_is_compared_with_what_the_last_record_of_its_row_tells(
    creneau: Creneau, sessions: SessionFactory, superuser: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digested, "ROWS_AT_A_TIME", 1)
    run = asyncio.to_thread
    empty: dict[str, Any] = {"references": {}, "calendar_versions": {}, "parameters": {}}
    problem = {"z": 1.10, "a": [1e-7, 1e23, 10**22, -0.0, True, None], "é": {"b": "œuf", "aa": 1}}
    made = []
    for _ in range(3):
        async with transaction(sessions) as session:
            one = await create_run(session, Author.of_job("test"), kind=RunKind.WAITING, problem=problem, **empty)
            made.append(one.id)
    async with superuser.begin() as connection:  # one that is from before records had digests
        await connection.execute(metadata.tables["runs"].insert().values(kind=RunKind.WAITING))
    assert (await run(creneau, "verify"))[0] == 0
    await spoil(
        superuser,
        f"UPDATE runs SET problem = jsonb_set(problem, '{{z}}', '1.2') WHERE id = '{made[1]}'",  # noqa: S608
        f"DELETE FROM runs WHERE id = '{made[2]}'",  # noqa: S608
    )
    code, output, _ = await run(creneau, "verify")
    async with transaction(sessions) as session:
        told = await session.execute(text("SELECT object_id, id FROM audit_records WHERE object_type = 'runs'"))
        records = dict(tuple(row) for row in told)
    assert code == 1
    assert without_age(output).splitlines() == [
        f"runs {made[1]} is altered: its problem is not what record {records[made[1]]} tells",
        f"runs {made[2]} is missing: record {records[made[2]]} tells of it",
        "3 records are not sealed yet, the oldest of them for a while.",
        "The trail has 2 faults.",
    ]


async def test_an_export_is_checked_with_no_database(
    creneau: Creneau, sessions: SessionFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = asyncio.to_thread
    await write(sessions, 5)
    await seal_all(sessions, most=2)
    whole, part, none = (tmp_path / name for name in ("whole.jsonl", "part.jsonl", "none.jsonl"))
    assert (await run(creneau, "export", "-o", str(whole)))[:2] == (0, "")
    lines = whole.read_text().splitlines()
    assert len(lines) == 5 + 3 + 1 + 1
    assert (await run(creneau, "export", "--from", "2020-01-01", "--to", "2020-01-02", "-o", str(none)))[0] == 0
    assert len(none.read_text().splitlines()) == 1
    assert (await run(creneau, "export", "--from", "2020-01-01", "-o", str(part)))[0] == 0
    assert part.read_text() == whole.read_text()
    assert not list(await run(tmp_path.glob, "*.part"))
    monkeypatch.delenv("DATABASE_URL")
    assert (await run(creneau, "verify", "--file", str(whole)))[:2] == (
        0,
        "The trail is sound: 5 records, up to seal 3.\n",
    )
    assert (await run(creneau, "verify", "--file", str(none)))[0] == 0
    later = tmp_path / "later.jsonl"
    later.write_text("".join(f"{line}\n" for line in lines[4:]))
    assert (await run(creneau, "verify", "--file", str(later)))[:2] == (
        0,
        "The trail is sound from behind seal 1: 3 records, up to seal 3.\n",
    )
    damaged = bytearray(whole.read_bytes())
    damaged[120] ^= 1
    whole.write_bytes(damaged)
    code, output, _ = await run(creneau, "verify", "--file", str(whole))
    assert code == 1
    assert output.endswith("The trail has 1 fault.\n")


async def test_a_trail_that_is_not_sealed_any_more_is_not_called_sound(
    creneau: Creneau, sessions: SessionFactory, superuser: AsyncEngine
) -> None:
    await write(sessions, 2)
    await seal_all(sessions)
    [waiting] = await write(sessions, 1)
    verify = partial(asyncio.to_thread, creneau, "verify")
    assert (await verify())[0] == 0
    old = f"UPDATE audit_records SET at = now() - interval '11 minutes' WHERE id = {waiting}"  # noqa: S608
    await spoil(superuser, old)
    code, output, _ = await verify()
    assert code == 1
    assert output.startswith(f"sealing has stopped: nothing is sealed from record {waiting} on, and one of these has")
    assert "the oldest of them for 66" in output
    assert (await verify("--unsealed-minutes", "12"))[0] == 0


async def test_records_that_the_sequence_never_numbered_are_named(
    creneau: Creneau, sessions: SessionFactory, superuser: AsyncEngine
) -> None:
    await write(sessions, 2)
    await seal_all(sessions)
    forged = (
        "INSERT INTO audit_records (id, actor, action, object_type, object_id) OVERRIDING SYSTEM VALUE"
        " VALUES (%s, 'job', 'row.made', 'rows', gen_random_uuid())"
    )
    unchecked = "ALTER TABLE audit_records DROP CONSTRAINT ck_audit_records_id"
    numbers = (-5, 0, 10**15)
    try:
        await spoil(superuser, unchecked, *(forged % number for number in numbers))
        code, output, _ = await asyncio.to_thread(creneau, "verify")
    finally:
        delete = "DELETE FROM audit_records WHERE id < 1 OR id = 1000000000000000"
        await spoil(superuser, delete, "ALTER TABLE audit_records ADD CONSTRAINT ck_audit_records_id CHECK (id > 0)")
    assert code == 1
    told = [line for line in output.splitlines() if "beside the service" in line]
    assert [line.split()[1] for line in told] == [str(number) for number in numbers]


async def test_an_export_of_some_time_is_checked_against_the_one_before_it(
    creneau: Creneau, sessions: SessionFactory, superuser: AsyncEngine, tmp_path: Path
) -> None:
    run = asyncio.to_thread
    for month in (1, 2):
        ids = await write(sessions, 2)
        await spoil(superuser, f"UPDATE audit_records SET at = '2029-0{month}-10' WHERE id >= {ids[0]}")  # noqa: S608
        await seal_all(sessions)
    january, february = tmp_path / "january.jsonl", tmp_path / "february.jsonl"
    assert (await run(creneau, "export", "--to", "2029-02-01", "-o", str(january)))[0] == 0
    assert (await run(creneau, "export", "--from", "2029-02-01", "-o", str(february)))[0] == 0
    code, output, _ = await run(creneau, "verify", "--file", str(february), "--checkpoints", str(january))
    assert (code, output) == (
        0,
        "The trail is sound from behind seal 1, which a kept checkpoint tells of: 2 records, up to seal 2.\n",
    )


async def test_no_transaction_stays_open_while_an_export_is_taken_slowly(
    creneau: Creneau, sessions: SessionFactory, superuser: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(sessions, 4)
    await seal_all(sessions, most=1)
    monkeypatch.setattr(trail, "SEALS_AT_A_TIME", 1)
    state = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'creneau-command' AND state LIKE 'idle in%'"
        " AND datname = current_database()"
    )
    open_meanwhile: list[object] = []

    async def slowly(items: AsyncIterator[Item]) -> AsyncIterator[str]:
        async for line in lines_of(items):
            async with superuser.connect() as connection:
                open_meanwhile.append(await connection.scalar(text(state)))
            yield line

    monkeypatch.setattr("app.commands.audit.lines_of", slowly)
    assert (await asyncio.to_thread(creneau, "export", "-o", str(tmp_path / "slow.jsonl")))[0] == 0
    assert open_meanwhile == [0] * 10


async def test_a_database_that_goes_away_is_told_in_a_line(
    creneau: Creneau, sessions: SessionFactory, superuser: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(sessions, 2)
    await seal_all(sessions, most=1)
    whole, export = seal_repository.seals_after, ("export", "-o", str(tmp_path / "cut.jsonl"))

    async def cut(session: AsyncSession, *given: int) -> object:
        await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return await whole(session, *given)

    monkeypatch.setattr(seal_repository, "seals_after", cut)
    for words, expected in ((export, 1), (("verify",), 2)):
        code, _, errors = await asyncio.to_thread(creneau, *words)
        assert code == expected
        assert len(errors.splitlines()) == 1, errors
        assert "SELECT" not in errors
    assert not await asyncio.to_thread((tmp_path / "cut.jsonl").exists)


async def test_what_is_in_an_export_of_some_time(
    creneau: Creneau, sessions: SessionFactory, superuser: AsyncEngine
) -> None:
    for month in (1, 2, 3, 4):
        ids = await write(sessions, 2)
        await spoil(superuser, f"UPDATE audit_records SET at = '2029-0{month}-10' WHERE id >= {ids[0]}")  # noqa: S608
        await seal_all(sessions)
    words = ("export", "--from", "2029-02-01", "--to", "2029-04-10T00:00:00")
    _, output, _ = await asyncio.to_thread(creneau, *words)
    months = [line["at"][5:7] for line in map(json.loads, output.splitlines()) if line["kind"] == "record"]
    assert months == ["02", "02", "03", "03"]
    _, output, _ = await asyncio.to_thread(creneau, "export", "--from", "2029-04-10T02:00:00+0200")
    months = [line["at"][5:7] for line in map(json.loads, output.splitlines()) if line["kind"] == "record"]
    assert months == ["04", "04"]


def test_misuse_ends_with_2(creneau: Creneau, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("nothing\n")
    monkeypatch.delenv("DATABASE_URL")
    for words, fact in (
        (("verify", "--file", str(tmp_path / "none")), "does not exist"),
        (("verify", "--checkpoints", str(other)), "line 1 cannot be read"),
        (("verify",), "DATABASE_URL is not set"),
        (("export", "--from", "2030-01-02", "--to", "2030-01-01"), "later than --from"),
        (("export", "--from", "yesterday"), "yesterday"),
    ):
        code, _, errors = creneau(*words)
        assert code == 2, words
        assert fact in errors, words


@pytest.mark.parametrize("command", ["verify", "export", "checkpoints"])
def test_each_command_explains_itself_with_an_example(creneau: Creneau, command: str) -> None:
    code, output, _ = creneau(command, "--help")
    assert code == 0
    assert f"Example: creneau audit {command}" in output
