"""Queries on sealed records, seals and checkpoints."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.canonical import document_of, line_of
from app.audit.personal import COMMITMENT, KEPT_APART
from app.audit.personal_models import FITS
from app.audit.seals import DIGEST_BYTES, Checkpoint, Seal, SealedRecord

COLUMNS = (
    "id",
    "at",
    "actor",
    "person_id",
    "api_key_id",
    "token_client_id",
    "job",
    "organisation_id",
    "action",
    "object_type",
    "object_id",
    "before",
    "after",
    "reason_code",
    "reason_text",
    "request_id",
)
"""Every column of an audit record."""

_DOCUMENTS = frozenset({"before", "after"})
INSTANT = (
    "coalesce(to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    " || CASE WHEN {0} < '0001-01-01 00:00:00+00' THEN ' BC' ELSE '' END, {0}::text) AS {0}"
)
"""One text for each instant, those that no record may have too: before Christ with the era, and the infinite ones."""

_AS_TEXT = {"at": INSTANT.format("at"), "id": "id"}
_RECORDS = ", ".join(_AS_TEXT.get(name, f'"{name}"::text AS "{name}"') for name in COLUMNS)
_SEALS = ", ".join(
    [
        "sequence, previous_digest, record_ids, record_digests, total_records, digest",
        *(INSTANT.format(name) for name in ("first_at", "last_at", "sealed_at")),
    ]
)

RECORDS_BETWEEN = text(
    f"SELECT {_RECORDS} FROM audit_records WHERE id > :after AND id <= :through ORDER BY id LIMIT :most"  # noqa: S608
)
SEALS_AFTER = text(
    f"SELECT {_SEALS} FROM audit_seals"  # noqa: S608
    " WHERE sequence > :after AND sequence <= :through ORDER BY sequence LIMIT :most"
)


MISFITS = text(
    f"SELECT encode(commitment, 'hex'), object_type || '.' || column_name FROM audit_personal_values"  # noqa: S608
    f" WHERE NOT ({FITS}) ORDER BY commitment"
)
LOST = text(
    "SELECT DISTINCT r.id, state.key FROM audit_records r CROSS JOIN LATERAL ("
    " SELECT key, value FROM jsonb_each(r.before) UNION ALL SELECT key, value FROM jsonb_each(r.after)) state"
    " WHERE r.object_type = ANY(CAST(:tables AS text[])) AND jsonb_typeof(state.value) = 'object'"
    " AND NOT EXISTS (SELECT FROM audit_personal_values v"
    " WHERE encode(v.commitment, 'hex') = state.value ->> :member) ORDER BY 1, 2"
)


async def begin_sealing(session: AsyncSession) -> bool:
    """Tell whether nobody else is sealing; nobody will be until the transaction ends."""
    return bool(await session.scalar(text("SELECT pg_try_advisory_xact_lock(hashtextextended('audit_seals', 0))")))


async def newest_id(session: AsyncSession) -> int:
    """Return the highest identifier of a record there is, no higher than the last one given out; 0 without any."""
    statement = text(
        "SELECT coalesce(max(id), 0) FROM audit_records WHERE id <= (SELECT last_value FROM audit_records_id_seq)"
    )
    return int(await session.scalar(statement) or 0)


async def writers(session: AsyncSession) -> set[str]:
    """Return the transactions under way that may have written a record, or taken the identifier of one."""
    statement = text(
        "SELECT DISTINCT virtualtransaction FROM pg_locks"
        " WHERE locktype = 'relation' AND relation = 'audit_records'::regclass AND mode = 'RowExclusiveLock'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND granted"
    )
    return set(await session.scalars(statement))


async def last_seal(session: AsyncSession) -> tuple[Checkpoint | None, int]:
    """Return the state of the trail, and the identifier of the last record that is sealed; None and 0 at first."""
    statement = text(
        "SELECT sequence, digest, total_records, last_record_id FROM audit_seals ORDER BY sequence DESC LIMIT 1"
    )
    row = (await session.execute(statement)).one_or_none()
    return (None, 0) if row is None else (Checkpoint(*row[:3]), row.last_record_id)


async def records_between(
    session: AsyncSession, after: int, through: int, most: int | None = None
) -> list[tuple[SealedRecord, str]]:
    """Return records with identifiers in (after, through], in their order, each with when it was written."""
    found = await session.execute(RECORDS_BETWEEN, {"after": after, "through": through, "most": most})
    return [(_record(row), row.at) for row in found]


def _record(row: Row[Any]) -> SealedRecord:
    members = row._asdict()
    for name in _DOCUMENTS:
        if members[name] is not None:
            members[name] = document_of(members[name])
    return SealedRecord(row.id, line_of("record", members))


async def add_seal(session: AsyncSession, seal: Seal) -> None:
    """Store a seal after the previous one."""
    statement = text(
        "INSERT INTO audit_seals (sequence, previous_sequence, previous_digest, first_record_id, last_record_id,"
        " record_ids, record_digests, total_records, first_at, last_at, sealed_at, digest)"
        " VALUES (:sequence, :previous_sequence, :previous_digest, :first, :last,"
        " CAST(:record_ids AS bigint[]), :record_digests, :total_records, CAST(CAST(:first_at AS text) AS timestamptz),"
        " CAST(CAST(:last_at AS text) AS timestamptz), CAST(CAST(:sealed_at AS text) AS timestamptz), :digest)"
    )
    values = {
        "sequence": seal.sequence,
        "previous_sequence": seal.sequence - 1 or None,
        "previous_digest": seal.previous_digest,
        "first": seal.record_ids[0],
        "last": seal.record_ids[-1],
        "record_ids": list(seal.record_ids),
        "record_digests": b"".join(seal.record_digests),
        "total_records": seal.total_records,
        "first_at": seal.first_at,
        "last_at": seal.last_at,
        "sealed_at": seal.sealed_at,
        "digest": seal.digest,
    }
    await session.execute(statement, values)


async def seals_after(session: AsyncSession, after: int, through: int, most: int) -> list[Seal]:
    """Return so many seals with numbers in (after, through], in their order."""
    found = await session.execute(SEALS_AFTER, {"after": after, "through": through, "most": most})
    return [_seal(row) for row in found]


def _seal(row: Row[Any]) -> Seal:
    digests = row.record_digests
    return Seal(
        sequence=row.sequence,
        previous_digest=row.previous_digest,
        record_ids=row.record_ids,
        record_digests=[digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES)],
        total_records=row.total_records,
        first_at=row.first_at,
        last_at=row.last_at,
        sealed_at=row.sealed_at,
        digest=row.digest,
    )


async def checkpoint_is_due(session: AsyncSession, seconds: float) -> bool:
    """Tell whether no checkpoint was made for so many seconds."""
    statement = text(
        "SELECT NOT EXISTS (SELECT FROM audit_checkpoints"
        " WHERE made_at > clock_timestamp() - make_interval(secs => :seconds))"
    )
    return bool(await session.scalar(statement, {"seconds": seconds}))


async def add_checkpoint(session: AsyncSession, sequence: int) -> None:
    """Store the state of the trail at a seal."""
    statement = text(
        "INSERT INTO audit_checkpoints (sequence, digest, total_records, made_at)"
        " SELECT sequence, digest, total_records, clock_timestamp() FROM audit_seals WHERE sequence = :sequence"
    )
    await session.execute(statement, {"sequence": sequence})


async def checkpoints_after(session: AsyncSession, after: int, through: int) -> Sequence[Checkpoint]:
    """Return the checkpoints at seals with numbers in (after, through], in their order."""
    statement = text(
        "SELECT sequence, digest, total_records FROM audit_checkpoints"
        " WHERE sequence > :after AND sequence <= :through ORDER BY sequence"
    )
    found = await session.execute(statement, {"after": after, "through": through})
    return [Checkpoint(*row) for row in found]


async def checkpoints_without_seal(session: AsyncSession) -> Sequence[Checkpoint]:
    """Return the checkpoints whose seals are not there any more."""
    statement = text(
        "SELECT sequence, digest, total_records FROM audit_checkpoints told"
        " WHERE NOT EXISTS (SELECT FROM audit_seals seal WHERE seal.sequence = told.sequence) ORDER BY sequence"
    )
    return [Checkpoint(*row) for row in await session.execute(statement)]


async def seals_of(session: AsyncSession, start: str | None, end: str | None) -> tuple[int, int]:
    """Return the numbers of the first and the last seal with records from [start, end); (1, 0) if there are none."""
    statement = text(
        "SELECT coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM audit_seals"
        " WHERE (CAST(:start AS text) IS NULL OR last_at >= CAST(CAST(:start AS text) AS timestamptz))"
        " AND (CAST(:end AS text) IS NULL OR first_at < CAST(CAST(:end AS text) AS timestamptz))"
    )
    first, last = (await session.execute(statement, {"start": start, "end": end})).one()
    return int(first), int(last)


class Unsealed(NamedTuple):
    """Records that have no seal yet: how many, the first of them, and for how long the oldest has waited."""

    records: int
    first_id: int | None
    waited_seconds: float


async def unsealed(session: AsyncSession) -> Unsealed:
    """Return what is not sealed yet."""
    statement = text(
        "SELECT count(*), min(id),"
        " coalesce(extract(epoch FROM clock_timestamp() - min(at) FILTER (WHERE isfinite(at))), 0)"
        " FROM audit_records WHERE id > coalesce((SELECT max(last_record_id) FROM audit_seals), 0)"
        " AND id <= (SELECT last_value FROM audit_records_id_seq)"
    )
    count, first_id, waited = (await session.execute(statement)).one()
    return Unsealed(count, first_id, max(0.0, float(waited)))


async def strangers(session: AsyncSession, most: int) -> list[int]:
    """Return so many identifiers of records at most that the sequence has never given out."""
    statement = text(
        "SELECT id FROM audit_records"
        " WHERE id < 1 OR id > (SELECT last_value FROM audit_records_id_seq) ORDER BY id LIMIT :most"
    )
    return list(await session.scalars(statement, {"most": most}))


async def misfits(session: AsyncSession) -> list[tuple[str, str]]:
    """Return commitment and place of the personal values that are not what their commitments were made of."""
    return [(row[0], row[1]) for row in await session.execute(MISFITS)]


async def lost(session: AsyncSession) -> list[tuple[int, str]]:
    """Return record and column of the commitments behind which there is nothing, not even that it was erased."""
    values = {"tables": list(KEPT_APART), "member": COMMITMENT}
    return [(row[0], row[1]) for row in await session.execute(LOST, values)]
