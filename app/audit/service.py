"""Leaving a record of a write, in the transaction of that write."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from app.audit.author import Author
from app.audit.digested import DIGESTED, digests_in
from app.audit.models import AuditRecord
from app.audit.personal import KEPT_APART, committed, marked
from app.audit.personal_models import AuditPersonalValue
from app.core.bulk import spelt, written_columns

UNRECORDED = frozenset({"secret_sha256", "previous_sha256"})
"""Secrets."""

NOT_PLAIN = KEPT_APART.keys() | DIGESTED.keys()
"""Tables whose records are not what their rows are: some of it stands beside the trail, or in the row alone."""


def snapshot(row: SQLModel) -> dict[str, Any]:
    """Return a row's columns as JSON: periods as {start, end}, secrets left out.

    Personal texts are marked, for the record to have commitments in their place. Not for rows with bulky documents,
    of which the database makes the digests: `stored`.
    """
    assert row.__tablename__ not in DIGESTED  # noqa: S101 - nobody does
    return _plain(row)


async def stored(session: AsyncSession, row: SQLModel) -> dict[str, Any]:
    """Return the snapshot of a row as the database has it, with the digests of bulky documents in their place."""
    digests = await digests_in(session, row)
    return _plain(row) | digests


def _plain(row: SQLModel) -> dict[str, Any]:
    table = str(row.__tablename__)
    columns = type(row).__table__.columns.keys()  # type: ignore[attr-defined]
    left_out = UNRECORDED.union(DIGESTED.get(table, ()))
    return marked(table, {name: _jsonable(getattr(row, name)) for name in columns if name not in left_out})


def _jsonable(value: object) -> Any:
    return to_jsonable_python(_spelt(value))


def _spelt(value: object) -> object:
    return {"start": value.lower, "end": value.upper} if isinstance(value, Range) else value


async def record(
    session: AsyncSession,
    author: Author,
    action: str,
    row: SQLModel,
    *,
    before: Mapping[str, Any] | None = None,
    reason_code: str | None = None,
    reason_text: str | None = None,
) -> None:
    """Add the audit record of one write of `row`, as it stands after it.

    Parameters
    ----------
    action
        Verb in the past tense, dotted behind the kind of object: `booking.confirmed`.
    before
        `snapshot(row)` taken before the change, or `await stored(session, row)`; None for a creation.
    reason_code
        Coded reason; free text stands beside it in `reason_text`, never instead.
    """
    await session.flush()
    entry, *kept = _entry(author, action, row, before=before, after=await stored(session, row))
    entry.reason_code, entry.reason_text = reason_code, reason_text
    session.add_all([entry, *kept])


def creation(author: Author, action: str, row: SQLModel) -> dict[str, Any]:
    """Return the record of a row that is about to be added, by column: for whoever writes both at once, as JSON.

    Its `after` holds all of the row, which can be written out of it. Not for rows with personal texts, which are
    written beside the record, nor with bulky documents.
    """
    assert row.__tablename__ not in NOT_PLAIN  # noqa: S101 - nobody does
    state = spelt(row)
    for name in UNRECORDED & state.keys():
        del state[name]
    for name in written_columns(type(row)).periods:
        state[name] = _spelt(state[name])
    return {
        "at": datetime.now(UTC),
        "actor": author.kind,
        "person_id": author.person_id,
        "api_key_id": author.api_key_id,
        "token_client_id": author.token_client_id,
        "job": author.job,
        "organisation_id": author.organisation_id,
        "action": action,
        "object_type": str(row.__tablename__),
        "object_id": state["id"],
        "before": None,
        "after": state,
        "reason_code": None,
        "reason_text": None,
        "request_id": author.request_id,
    }


async def record_created(session: AsyncSession, author: Author, made: Iterable[tuple[str, SQLModel]]) -> None:
    """Add the record of each of many rows that were added, plain ones or others, by its verb.

    In one statement. As for `creation`, they have no personal texts.
    """
    await session.flush()
    entries = [creation(author, action, row) for action, row in made]
    for entry in entries:
        entry["after"] = to_jsonable_python(entry["after"])
        entry["object_id"] = UUID(entry["object_id"])
    if entries:
        await session.execute(insert(AuditRecord), entries)


async def record_all(
    session: AsyncSession, author: Author, action: str, rows: Iterable[SQLModel], *, gone: bool = False
) -> None:
    """Add the audit record of each of many rows that were added, or with `gone`, that are about to be deleted."""
    await session.flush()
    for row in rows:
        state = snapshot(row)
        before, after = (state, None) if gone else (None, state)
        session.add_all(_entry(author, action, row, before=before, after=after))


async def record_changes(
    session: AsyncSession, author: Author, changes: Iterable[tuple[str, SQLModel, Mapping[str, Any] | None]]
) -> None:
    """Add the audit record of each of many writes: its verb, the row as it stands after it, and as it was before."""
    await session.flush()
    for action, row, before in changes:
        session.add_all(_entry(author, action, row, before=before, after=snapshot(row)))


def _entry(
    author: Author,
    action: str,
    row: SQLModel,
    *,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> tuple[AuditRecord, *tuple[AuditPersonalValue, ...]]:
    """Return the record of one write, without a reason, and what of it is kept apart."""
    (told_before, told_after), kept = committed(before, after)
    entry = AuditRecord(
        actor=author.kind,
        person_id=author.person_id,
        api_key_id=author.api_key_id,
        token_client_id=author.token_client_id,
        job=author.job,
        organisation_id=author.organisation_id,
        action=action,
        object_type=str(row.__tablename__),
        object_id=row.id,  # type: ignore[attr-defined]
        before=told_before,
        after=told_after,
        request_id=author.request_id,
    )
    return entry, *kept
