"""Whatever is done to the trail behind the triggers is found, and told by name; in the database and in a file."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import CapturingLogger

from app.audit import checking, sealing
from app.audit.checking import Checker
from app.audit.files import faults_of, witnesses_in
from app.audit.seals import Checkpoint
from app.core.database import SessionFactory
from tests.app.audit.trails import exported, faults, record, seal_all, spoil, write

pytestmark = pytest.mark.database


@pytest.fixture
async def ids(sessions: SessionFactory) -> list[int]:
    """The identifiers of twelve records, the first of which is not 1, under the seals 1 to 4, each of three."""
    async with sessions() as undone:
        undone.add(record())
        await undone.flush()
    written = await write(sessions, 12)
    await seal_all(sessions, most=3)
    return written


SWAP = """
UPDATE audit_records one SET (at, actor, person_id, job, action, object_type, object_id, before, after, reason_text)
    = (SELECT at, actor, person_id, job, action, object_type, object_id, before, after, reason_text
       FROM audit_records other WHERE other.id = CASE one.id WHEN {a} THEN {b} ELSE {a} END)
WHERE id IN ({a}, {b})
"""
FORGE = "UPDATE audit_seals SET digest = '\\x' || repeat('00', 32)::text WHERE sequence = {}"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "UPDATE audit_records SET reason_text = replace(reason_text, 'va', 'vb') WHERE id = {4}",
            ["record {4} is alt"],
        ),
        ("UPDATE audit_records SET at = at + interval '1 microsecond' WHERE id = {0}", ["record {0} is altered"]),
        (
            "UPDATE audit_records SET after = jsonb_set(after, '{{z}}', '1.10') WHERE id = {11}",
            ["record {11} is altered"],
        ),
        ("UPDATE audit_records SET before = 'null' WHERE id = {5}", ["record {5} is altered"]),
        (
            "UPDATE audit_records SET after = (repeat('[', 900) || repeat(']', 900))::jsonb WHERE id = {5}",
            ["record {5} is altered"],
        ),
        ("DELETE FROM audit_records WHERE id = {7}", ["record {7} is missing: seal 3 has it"]),
        (
            "DELETE FROM audit_records WHERE id IN ({3}, {4}, {5})",
            ["record {3} is missing", "record {4} is missing", "record {5} is missing"],
        ),
        (
            SWAP.replace("{a}", "{3}").replace("{b}", "{5}"),
            [
                "record {3} is swapped: it says what was sealed as record {5}",
                "record {5} is swapped: it says what was sealed as record {3}",
            ],
        ),
        ("UPDATE audit_seals SET sealed_at = sealed_at - interval '1 day' WHERE sequence = 2", ["seal 2 is altered"]),
        ("UPDATE audit_seals SET total_records = 7 WHERE sequence = 2", ["seal 2 is altered"]),
        (
            (
                "UPDATE audit_seals SET record_digests = set_byte(record_digests, 9, 255 - get_byte(record_digests, 9))"
                " WHERE sequence = 4"
            ),
            ["seal 4 is alt"],
        ),
        ("DELETE FROM audit_seals WHERE sequence = 3", ["seal 3 is missing"]),
        ("DELETE FROM audit_seals WHERE sequence IN (2, 3)", ["seals 2 to 3 are missing"]),
        ("DELETE FROM audit_seals WHERE sequence = 1", ["seal 1 is missing"]),
        ("UPDATE audit_checkpoints SET total_records = 4", ["checkpoint 1 does not agree with seal 1"]),
        ("DELETE FROM audit_seals", ["the tail is cut, or seals are lost: checkpoint 1 tells of seal 1 behind"]),
    ],
)
async def test_a_change_behind_the_triggers_is_named(
    sessions: SessionFactory, superuser: AsyncEngine, ids: list[int], change: str, told: list[str]
) -> None:
    assert await faults(sessions) == []
    await spoil(superuser, change.format(*ids))
    found = await faults(sessions)
    assert len(found) == len(told), found
    for sentence, beginning in zip(found, told, strict=True):
        assert sentence.startswith(beginning.format(*ids)), found


async def test_a_record_put_behind_the_seals_is_named(
    sessions: SessionFactory, superuser: AsyncEngine, ids: list[int]
) -> None:
    await spoil(superuser, f"DELETE FROM audit_records WHERE id = {ids[4]}")  # noqa: S608
    async with superuser.begin() as connection:
        statement = text(
            "INSERT INTO audit_records (id, actor, action, object_type, object_id) OVERRIDING SYSTEM VALUE"
            " VALUES (:id, 'job', 'row.made', 'rows', gen_random_uuid())"
        )
        await connection.execute(statement, {"id": ids[0] - 1})
    assert [fault.partition(":")[0] for fault in await faults(sessions)] == [
        f"record {ids[0] - 1} was added behind the seals",
        f"record {ids[4]} is missing",
    ]


async def test_a_seal_made_anew_no_longer_fits_the_next(
    sessions: SessionFactory, superuser: AsyncEngine, ids: list[int]
) -> None:
    kept = await exported(sessions)
    await spoil(
        superuser,
        "DELETE FROM audit_seals WHERE sequence > 1",
        f"UPDATE audit_records SET action = 'row.kept' WHERE id = {ids[4]}",  # noqa: S608
    )
    await seal_all(sessions, most=3)
    assert await faults(sessions) == []  # whoever may do everything can seal anew: only what is kept elsewhere shows it
    witnesses = witnesses_in(kept)
    assert [fault.partition(":")[0] for fault in await faults(sessions, witnesses)] == [
        "seal 4 is not what a kept checkpoint tells of"
    ]
    old = [json.loads(line) for line in kept if '"kind":"seal"' in line][2]
    await spoil(
        superuser,
        f"UPDATE audit_seals SET previous_digest = '\\x{old['previous_digest']}', digest = '\\x{old['digest']}',"  # noqa: S608
        f" sealed_at = '{old['sealed_at']}' WHERE sequence = 3",
    )
    found = await faults(sessions)
    assert [fault.partition(":")[0] for fault in found] == [
        "seal 3 does not continue seal 2",
        "seal 4 does not continue seal 3",
    ]


async def test_a_cut_tail_is_found_by_what_was_kept_elsewhere(
    sessions: SessionFactory, superuser: AsyncEngine, ids: list[int]
) -> None:
    kept = await exported(sessions)
    await spoil(
        superuser,
        "DELETE FROM audit_seals WHERE sequence > 2",
        f"DELETE FROM audit_records WHERE id > {ids[5]}",  # noqa: S608
    )
    assert await faults(sessions) == []
    assert await faults(sessions, witnesses_in(kept)) == [
        "the tail is cut: a checkpoint that was kept tells of seal 4 and 12 records, the trail ends at seal 2"
    ]
    assert await faults(sessions, witnesses_in(kept[:5])) == []


def checked(lines: list[str]) -> list[str]:
    return list(faults_of(lines, Checker(witnesses={}, is_file=True)))


Edit = Callable[[list[str]], list[str]]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda lines: lines, []),
        (lambda lines: lines[5:], []),  # from the second seal on, as an export of some time
        (lambda lines: [lines[0].replace("va", "vb", 1), *lines[1:]], ["record {0} is altered"]),
        (lambda lines: [lines[0].replace(":", ": ", 1), *lines[1:]], ["record {0} is altered"]),
        (lambda lines: [lines[0], *lines[2:]], ["record {1} is missing"]),
        (lambda lines: [lines[1], lines[0], *lines[2:]], ["record {0} is out of order: it stands behind record {1}"]),
        (
            lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
            ["record {2} is out of order: it stands behind the seal that tells of it"],
        ),
        (lambda lines: [lines[0], *lines], ["record {0} is there twice"]),
        (lambda lines: lines[:-1], ["the tail is cut: the file has no head"]),
        (lambda lines: lines[:-2], ["3 records at the end have no seal, from record {9}", "the tail is cut: the file"]),
        (
            lambda lines: [*lines[:-3], lines[-1]],
            ["the tail is cut, or seals are lost: the head", "2 records at the end have no seal"],
        ),
        (lambda lines: [*lines[:8], *lines[9:]], ["seal 2 is missing"]),
        (
            lambda lines: [*lines[:3], "nothing", *lines[4:]],
            ["line 4 cannot be read"],
        ),
        (
            lambda lines: [*lines[:3], lines[3].replace(":", ": ", 1), *lines[4:]],
            ["line 4 cannot be read: it is not in"],
        ),
        (lambda lines: [*lines, lines[0]], ["something stands behind the head", "record {0} is out", "1 records at"]),
        (lambda lines: ['{"kind":"seal"}', "[" * 100_000, *lines], ["line 1 cannot be", "line 2 cannot be"]),
    ],
)
async def test_a_file_is_checked_alone(sessions: SessionFactory, ids: list[int], edit: Edit, told: list[str]) -> None:
    found = checked(edit(await exported(sessions)))
    for beginning in told:
        assert any(fault.startswith(beginning.format(*ids)) for fault in found), found
    assert bool(told) == bool(found)


async def test_a_checkpoint_file_that_is_none_is_refused(sessions: SessionFactory, ids: list[int]) -> None:
    with pytest.raises(ValueError, match="line 2 cannot be read"):
        witnesses_in([(await exported(sessions))[-1], "seal"])


def joined(lines: list[str], kept: list[str]) -> tuple[list[str], bool]:
    checker = Checker(witnesses=witnesses_in(kept), is_file=True)
    return list(faults_of(lines, checker)), checker.is_joined


async def test_an_export_of_some_time_continues_the_one_before_it(
    sessions: SessionFactory, superuser: AsyncEngine, ids: list[int]
) -> None:
    whole = await exported(sessions)
    january = [*whole[:9], Checkpoint(2, *_state(whole[8]), is_head=True).line]
    assert checked(january) == []
    assert joined(whole[9:], january) == ([], True)
    await spoil(superuser, "DELETE FROM audit_seals", "DELETE FROM audit_checkpoints")
    await seal_all(sessions, most=3)
    made_anew = (await exported(sessions))[9:]
    assert checked(made_anew) == []
    found, _ = joined(made_anew, january)
    assert [fault.partition(":")[0] for fault in found] == ["seal 3 does not continue seal 2"]


def _state(line: str) -> tuple[bytes, int]:
    told = json.loads(line)
    return bytes.fromhex(told["digest"]), told["total_records"]


async def test_a_file_without_its_beginning_is_not_whole_where_earlier_checkpoints_are_kept(
    sessions: SessionFactory, ids: list[int]
) -> None:
    whole = await exported(sessions)
    [first] = [line for line in whole if '"kind":"checkpoint"' in line]
    found, is_joined = joined(whole[9:], [first])
    assert [fault.partition(":")[0] for fault in found] == ["the beginning is cut"]
    assert not is_joined
    assert joined(whole, [first]) == ([], False)
    assert joined(whole[5:], [first]) == ([], True)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda lines: [*lines[:4], *lines[5:]], "checkpoint 1 is missing"),
        (lambda lines: [*lines[:5], lines[4], *lines[5:]], "checkpoint 1 is there twice"),
        (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], "checkpoint 1 is out of order"),
        (lambda lines: [*lines[:4], *lines[5:9], lines[4], *lines[9:]], "checkpoint 1 is out of order"),
        (lambda lines: [*lines[:9], *lines[10:]], "checkpoint 2 is missing"),
    ],
    ids=["missing", "doubled", "behind a record", "behind a seal", "a later one missing"],
)
async def test_a_checkpoint_that_is_missing_doubled_or_moved_is_named(
    sessions: SessionFactory, edit: Edit, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "SEALS_A_CHECKPOINT", 2)
    monkeypatch.setattr(checking, "SEALS_A_CHECKPOINT", 2)
    await write(sessions, 9)
    await seal_all(sessions, most=3)
    lines = await exported(sessions)
    kinds = [json.loads(line)["kind"] for line in lines]
    assert [number for number, kind in enumerate(kinds) if kind == "checkpoint"] == [4, 9]
    found = checked(edit(lines))
    assert any(fault.startswith(told) for fault in found), found


async def test_what_is_kept_may_be_lines_of_the_log(
    sessions: SessionFactory, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "log", logged := CapturingLogger())
    await write(sessions, 3)
    await seal_all(sessions)
    told = [json.dumps({"event": call.args[0], "level": "info", **call.kwargs}) for call in logged.calls]
    whole = await exported(sessions)
    assert witnesses_in(told).keys() == {5}
    assert joined(whole, told) == ([], False)
    found, _ = joined([*whole[:-5], Checkpoint(4, *_state(whole[-6]), is_head=True).line], told)
    assert [fault.partition(":")[0] for fault in found] == ["the tail is cut"]
    with pytest.raises(ValueError, match="line 1 cannot be read: it tells of no seal"):
        witnesses_in(['{"trail_digest":"00"}'])


async def test_checkpoints_that_contradict_each_other_are_no_witness(sessions: SessionFactory, ids: list[int]) -> None:
    head = (await exported(sessions))[-1]
    other = head.replace('"total_records":12', '"total_records":13')
    assert witnesses_in([head, head]).keys() == {4}
    with pytest.raises(ValueError, match="line 2 contradicts an earlier one on seal 4"):
        witnesses_in([head, other])
