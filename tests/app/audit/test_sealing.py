"""Records are sealed once each, however late their transactions commit, and whoever seals at the same time."""

import asyncio
import hashlib
import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from structlog.testing import CapturingLogger

from app.audit import seal_repository as repository
from app.audit import sealing
from app.audit.models import AuditRecord
from app.audit.seals import Seal
from app.core.constraints import constraint_of
from app.core.database import SessionFactory, transaction
from app.jobs.sweeping import Sweeper
from app.worker import RARE_SWEEPS, SWEEPS
from tests.app.audit.trails import exported, faults, record, seal_all, write

pytestmark = pytest.mark.database


async def sealed(sessions: SessionFactory) -> list[int]:
    """Return the identifiers of the records that are sealed, in the order of the seals."""
    async with transaction(sessions) as session:
        rows = await session.scalars(text("SELECT unnest(record_ids) FROM audit_seals ORDER BY sequence"))
        return list(rows)


async def test_a_worker_seals_every_minute(sessions: SessionFactory) -> None:
    written = await write(sessions, 1_001)
    name = "audit_seals"
    await Sweeper(sessions, {name: SWEEPS[name]}, lambda one: RARE_SWEEPS[one], asyncio.Event()).sweep()
    assert await sealed(sessions) == written
    async with transaction(sessions) as session:
        left = await session.scalar(text("SELECT due_at - swept_at FROM sweep_turns WHERE name = 'audit_seals'"))
    assert left.total_seconds() == pytest.approx(60, abs=1)


def test_the_canonical_form_has_every_column() -> None:
    assert set(repository.COLUMNS) == set(AuditRecord.__table__.columns.keys())  # type: ignore[attr-defined]


async def test_records_are_sealed_in_batches_in_their_order(sessions: SessionFactory) -> None:
    written = await write(sessions, 25)
    assert await seal_all(sessions, most=10) == 25
    assert await sealed(sessions) == written
    async with transaction(sessions) as session:
        sizes = list(await session.scalars(text("SELECT cardinality(record_ids) FROM audit_seals ORDER BY sequence")))
        totals = list(await session.scalars(text("SELECT total_records FROM audit_seals ORDER BY sequence")))
    assert (sizes, totals) == ([10, 10, 5], [10, 20, 25])
    assert await faults(sessions) == []


async def test_anyone_can_recompute_the_digests_from_the_lines_alone(sessions: SessionFactory) -> None:
    await write(sessions, 5)
    await seal_all(sessions, most=3)
    lines = await exported(sessions)
    assert [json.loads(line)["kind"] for line in lines] == [
        *["record"] * 3, "seal", "checkpoint", *["record"] * 2, "seal", "head",
    ]  # fmt: skip
    waiting, previous = [], None
    for line in lines:
        told = json.loads(line)
        if told["kind"] == "record":
            waiting.append((told["id"], hashlib.sha256(line.encode()).hexdigest()))
        elif told["kind"] == "seal":
            assert list(zip(told["record_ids"], told["record_digests"], strict=True)) == waiting
            assert told.get("previous_digest") == previous
            unsigned = line.replace(f'"digest":"{told["digest"]}",', "")
            assert hashlib.sha256(unsigned.encode()).hexdigest() == told["digest"]
            waiting, previous = [], told["digest"]
    # Numbers stand as PostgreSQL keeps them: in full, with no exponent.
    assert '"a":[0.0000001,10000000000000000000000,true,null],"z":1.1,"é\\n":{"B":-0.5,"aa":1,"b":"œuf"}' in lines[0]


async def test_a_record_whose_transaction_commits_late_is_sealed_once_and_nothing_before_it_is_passed_over(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "LONGEST_WAIT_SECONDS", 0.2)
    early = await write(sessions, 1)
    async with sessions() as slow:
        late = record()
        slow.add(late)
        await slow.flush()
        assert late.id is not None
        after = await write(sessions, 2)
        assert late.id < after[0]
        assert await seal_all(sessions) == 0
        await slow.commit()
    assert await seal_all(sessions) == 4
    assert await sealed(sessions) == [*early, late.id, *after]
    assert await seal_all(sessions) == 0
    assert await faults(sessions) == []


async def test_a_record_written_in_a_block_that_may_fail_is_waited_for_as_any_other(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "LONGEST_WAIT_SECONDS", 0.2)
    add = (
        "INSERT INTO audit_records (actor, action, object_type, object_id) VALUES ('job', 'a', 'b', gen_random_uuid())"
    )
    async with sessions() as slow:  # as the function that writes holds does
        await slow.execute(text(f"DO $$ BEGIN BEGIN {add}; EXCEPTION WHEN check_violation THEN NULL; END; END $$"))
        await write(sessions, 1)
        assert await seal_all(sessions) == 0
        await slow.commit()
    assert await seal_all(sessions) == 2
    assert await faults(sessions) == []


async def test_the_sealer_waits_for_those_who_are_nearly_done_and_for_nobody_who_comes_later(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, writers = asyncio.Event(), repository.writers

    async def look(session: AsyncSession, *given: Any) -> Any:
        found = await writers(session, *given)
        looked.set()
        return found

    monkeypatch.setattr(repository, "writers", look)
    async with sessions() as slow, sessions() as later:
        slow.add(record())
        await slow.flush()
        seen = await write(sessions, 1)
        task = asyncio.create_task(seal_all(sessions))
        await looked.wait()
        later.add(record())
        await later.flush()
        assert not task.done()
        await slow.commit()
        async with asyncio.timeout(4):
            while seen[0] not in await sealed(sessions):  # noqa: ASYNC110 - the seal is in the database
                await asyncio.sleep(0.02)
        await later.commit()
        assert await task in {2, 3}
    assert await seal_all(sessions) in {0, 1}
    assert len(await sealed(sessions)) == 3
    assert await faults(sessions) == []


async def test_identifiers_of_what_was_rolled_back_are_no_gap(sessions: SessionFactory) -> None:
    first = await write(sessions, 1)
    async with sessions() as lost:
        lost.add(record())
        await lost.flush()
        await lost.rollback()
    last = await write(sessions, 1)
    assert last[0] == first[0] + 2
    assert await seal_all(sessions) == 2
    assert await faults(sessions) == []


async def test_of_many_sealers_one_seals_and_none_waits(sessions: SessionFactory) -> None:
    written = await write(sessions, 60)
    counts = await asyncio.gather(*(seal_all(sessions, most=7) for _ in range(6)))
    assert sum(counts) == 60
    assert await sealed(sessions) == written
    assert await faults(sessions) == []


async def test_even_without_the_lock_the_chain_does_not_fork(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = await write(sessions, 20)
    both = asyncio.Barrier(2)
    add = repository.add_seal

    async def everybody(_: object) -> bool:
        return True

    async def at_once(session: object, seal: Seal) -> None:
        await both.wait()
        await add(session, seal)  # type: ignore[arg-type]

    async def one() -> int:
        async with transaction(sessions) as session:
            return await sealing.seal_records(session, most=50)

    with monkeypatch.context() as patched:
        patched.setattr(repository, "begin_sealing", everybody)
        patched.setattr(repository, "add_seal", at_once)
        done = await asyncio.gather(one(), one(), return_exceptions=True)
    refused = [outcome for outcome in done if isinstance(outcome, IntegrityError)]
    assert len(refused) == 1
    assert constraint_of(refused[0]) in {"pk_audit_seals", "ex_audit_seals_overlap"}
    assert await sealed(sessions) == written


async def test_checkpoints_are_made_every_so_many_seals_and_every_day(
    sessions: SessionFactory, superuser: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "SEALS_A_CHECKPOINT", 4)
    await write(sessions, 6)
    await seal_all(sessions, most=1)
    made = text("SELECT sequence FROM audit_checkpoints ORDER BY sequence")
    async with transaction(sessions) as session:
        assert list(await session.scalars(made)) == [1, 4]
    async with superuser.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text("UPDATE audit_checkpoints SET made_at = made_at - interval '25 hours'"))
    await write(sessions, 1)
    await seal_all(sessions)
    async with transaction(sessions) as session:
        assert list(await session.scalars(made)) == [1, 4, 7]


async def test_what_is_unsealed_is_found_through_the_index(sessions: SessionFactory, owner: AsyncEngine) -> None:
    async with owner.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO audit_records (actor, action, object_type, object_id)"
                " SELECT 'job', 'row.made', 'rows', gen_random_uuid() FROM generate_series(1, 5000)"
            )
        )
        await connection.execute(text("ANALYZE audit_records"))
        plan = await connection.execute(
            text(f"EXPLAIN {repository.RECORDS_BETWEEN.text}"), {"after": 10, "through": 10_000_000, "most": 100}
        )
        lines = "\n".join(plan.scalars())
    assert "pk_audit_records" in lines, lines
    assert "Seq Scan" not in lines, lines


async def test_every_seal_is_logged_with_its_digest(sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "log", logged := CapturingLogger())
    await write(sessions, 4)
    await seal_all(sessions, most=2)
    async with transaction(sessions) as session:
        digests = await session.scalars(text("SELECT encode(digest, 'hex') FROM audit_seals ORDER BY sequence"))
    told = [call.kwargs for call in logged.calls if call.args == ("audit_sealed",)]
    assert told == [
        {"sequence": number, "total_records": 2 * number, "trail_digest": digest}
        for number, digest in enumerate(digests, start=1)
    ]
